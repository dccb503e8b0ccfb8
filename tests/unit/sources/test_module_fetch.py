"""Modules come over HTTP, from registries and from files, within limits."""

import gzip
import os
import tarfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from controlplane.model.extension import ModuleSource
from controlplane.model.registry import Credentials, ImageName, image_name
from controlplane.sources.http_fetch import FetchFailed
from controlplane.sources.image_fetch import _bearer, _Registry
from controlplane.sources.kept_modules import keep_modules, kept_modules
from controlplane.sources.module_fetch import ModuleUnavailable, fetched
from controlplane.sources.state import StateDirectory
from tests.support.image_registry import (
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    WASM_LAYER,
    Registry,
    archive,
    running_registry,
)
from tests.unit.sources.test_key_fetch import Pages, issuer, nowhere

BARE = b"\0asm\1\0\0\0"
MODULE = BARE + b"proxy_abi_version_0_2_1"
OTHER = MODULE + b"\0\0"
DIGEST = sha256(MODULE).hexdigest()
ME = Credentials(user="me", password="secret")


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running_registry(Registry()) as running:
        yield running


async def content(uri: str, checksum: str = "", credentials: Credentials | None = None) -> bytes:
    source = ModuleSource(uri=uri, checksum=checksum)
    return (await fetched(source, credentials, nowhere)).content


def member(kind: bytes, size: int, held: bytes = b"") -> bytes:
    """A header of tar, which may lie, and what follows it."""
    header = tarfile.TarInfo("a")
    header.type, header.size = kind, size
    return header.tobuf(tarfile.GNU_FORMAT) + (held.ljust(512, b"\0") if held else b"")


def pages(body: bytes) -> Pages:
    return {"/a.wasm": (200, body.decode("latin-1"))}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(MODULE, id="as it is"),
        pytest.param(gzip.compress(MODULE), id="in gzip"),
        pytest.param(gzip.compress(MODULE[:9]) + gzip.compress(MODULE[9:]), id="in two of gzip"),
        pytest.param(archive(MODULE, "a.wasm"), id="in an archive in gzip"),
        pytest.param(gzip.decompress(archive(MODULE, "a.wasm")), id="in an archive"),
    ],
)
async def test_a_module_is_found_in_what_a_server_answers(body: bytes) -> None:
    with issuer(pages(body)) as at:
        assert await content(f"{at}/a.wasm") == MODULE
        assert await content(f"{at}/a.wasm", DIGEST) == MODULE


@pytest.mark.parametrize(
    ("body", "checksum", "why"),
    [
        pytest.param(b"<html>", "", "not a module of WebAssembly", id="a page"),
        pytest.param(b"\0asm", "", "not a module of WebAssembly", id="a header cut short"),
        pytest.param(BARE, "", "no version of Proxy-Wasm", id="a module of another kind"),
        pytest.param(
            gzip.compress(b"\0" * (65 << 20), compresslevel=1),
            "",
            "more than 67108864 bytes",
            id="too much in gzip",
        ),
        pytest.param(gzip.compress(MODULE)[:5], "", "it ends too early", id="gzip cut short"),
        pytest.param(
            gzip.compress(MODULE)[:-4], "", "it ends too early", id="gzip without its end"
        ),
        pytest.param(gzip.compress(b"") * 10_001, "", "more than 10000 members", id="endless gzip"),
        pytest.param(
            member(tarfile.GNUTYPE_LONGNAME, 4, b"abc") * 3000,
            "",
            "the archive is damaged",
            id="names of names",
        ),
        pytest.param(
            member(tarfile.REGTYPE, 1 << 80), "", "the archive is damaged", id="a size of 80 bits"
        ),
        pytest.param(
            MODULE, "0" * 64, f"has the SHA-256 {DIGEST}, not 0000", id="another checksum"
        ),
    ],
)
async def test_what_is_no_module_is_refused(body: bytes, checksum: str, why: str) -> None:
    with issuer(pages(body)) as at, pytest.raises(ModuleUnavailable, match=why):
        await content(f"{at}/a.wasm", checksum)


async def test_nothing_is_fetched_from_metadata_services() -> None:
    for uri in ("http://169.254.169.254/a.wasm", "oci://169.254.169.254/a/b:1"):
        with pytest.raises(ModuleUnavailable, match="where nothing is fetched"):
            await content(uri)


async def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.wasm").write_bytes(MODULE)

    assert await content(f"file://{tmp_path}/a.wasm", DIGEST) == MODULE
    with pytest.raises(ModuleUnavailable, match="No such file"):
        await content(f"file://{tmp_path}/b.wasm")


async def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wasm")

    with pytest.raises(ModuleUnavailable, match="is not a regular file"):
        await content(f"file://{tmp_path}/a.wasm")
    with pytest.raises(ModuleUnavailable, match="No such file"):
        await content(f"file://{tmp_path}/b.wasm")


async def test_images_of_three_forms_have_a_module(registry: Registry) -> None:
    registry.image("oci", archive(MODULE))
    registry.image("docker", archive(MODULE), layer_type=DOCKER_LAYER, media_type=DOCKER_MANIFEST)
    registry.image("artifact", MODULE, layer_type=WASM_LAYER)

    for tag in ("oci", "docker", "artifact"):
        assert await content(f"oci://{registry.host}/filters/a:{tag}") == MODULE


async def test_an_image_is_named_by_tag_or_digest_and_checked(registry: Registry) -> None:
    digest = registry.image("latest", archive(MODULE))
    at = f"oci://{registry.host}/filters/a"

    assert await content(at) == MODULE
    assert await content(f"{at}@{digest}") == MODULE
    assert await content(at, digest.removeprefix("sha256:")) == MODULE
    with pytest.raises(ModuleUnavailable, match=f"the image has the digest {digest}, not"):
        await content(at, DIGEST)


async def test_of_an_index_the_manifest_for_linux_on_amd64_is_used(registry: Registry) -> None:
    other = registry.image("other", archive(OTHER))
    wanted = registry.image("wanted", archive(MODULE))
    registry.index(
        "index",
        [
            {"digest": other, "platform": {"os": "linux", "architecture": "arm64"}},
            {"digest": wanted, "platform": {"os": "linux", "architecture": "amd64"}},
        ],
    )
    registry.index("none", [{"digest": other, "platform": {"os": "windows"}}])
    at = f"oci://{registry.host}/filters/a"

    assert await content(f"{at}:index", wanted.removeprefix("sha256:")) == MODULE
    with pytest.raises(ModuleUnavailable, match="no manifest for linux/amd64"):
        await content(f"{at}:none")


async def test_what_does_not_have_the_digest_that_names_it_is_refused(registry: Registry) -> None:
    digest = registry.image("a", archive(MODULE))
    registry.manifests[digest] = registry.manifests[registry.image("b", archive(OTHER))]
    registry.blobs[f"sha256:{sha256(archive(MODULE)).hexdigest()}"] = archive(OTHER)
    at = f"oci://{registry.host}/filters/a"

    for name in (f"{at}@{digest}", f"{at}:a"):
        with pytest.raises(ModuleUnavailable, match="the registry gives sha256:"):
            await content(name)


@pytest.mark.parametrize("bearer", [True, False])
async def test_a_registry_is_shown_a_password_or_a_token_for_it(bearer: bool) -> None:
    with running_registry(Registry(users={"me": "secret"}, bearer=bearer)) as registry:
        registry.image("1", archive(MODULE))
        at = f"oci://{registry.host}/filters/a:1"

        assert await content(at, credentials=ME) == MODULE
        with pytest.raises(ModuleUnavailable, match="answers 401"):
            await content(at)
        with pytest.raises(ModuleUnavailable, match="answers 401"):
            await content(at, credentials=Credentials(user="me", password="other"))


async def test_no_password_goes_out_in_plaintext_where_the_registry_has_tls() -> None:
    image = image_name("registry.example/filters/a:1")
    assert image is not None
    registry = _Registry("https://registry.example/v2/filters/a", image, ME, nowhere)

    with pytest.raises(FetchFailed, match="which is not HTTPS"):
        await _bearer(registry, {"realm": "http://registry.example/token"})


@pytest.mark.parametrize(
    ("layer", "layer_type", "why"),
    [
        (archive(MODULE, "other.wasm"), "", "plugin.wasm is not in the archive"),
        (archive(b"text"), "", "not a module of WebAssembly"),
        (b"\x1f\x8bdamaged", "", "the archive is damaged"),
        (b"text", WASM_LAYER, "not a module of WebAssembly"),
        (b"text", "text/plain", "its last layer is of type text/plain"),
    ],
)
async def test_an_image_without_a_module_is_refused(
    registry: Registry, layer: bytes, layer_type: str, why: str
) -> None:
    options = {"layer_type": layer_type} if layer_type else {}
    registry.image("1", layer, **options)

    with pytest.raises(ModuleUnavailable, match=why):
        await content(f"oci://{registry.host}/filters/a:1")


@pytest.mark.parametrize(
    ("text", "registry", "repository", "reference"),
    [
        ("filter", "index.docker.io", "library/filter", "latest"),
        ("me/filter:1", "index.docker.io", "me/filter", "1"),
        ("docker.io/filter", "index.docker.io", "library/filter", "latest"),
        ("localhost/filter", "localhost", "filter", "latest"),
        ("a.example:5000/b/c:1.0", "a.example:5000", "b/c", "1.0"),
        (f"a.example/bb:1@sha256:{DIGEST}", "a.example", "bb", f"sha256:{DIGEST}"),
    ],
)
def test_names_of_images(text: str, registry: str, repository: str, reference: str) -> None:
    assert image_name(text) == ImageName(
        registry=registry, repository=repository, reference=reference
    )


@pytest.mark.parametrize(
    "text",
    ["", "/opt/a.wasm", "a.example/", "a.example/B", "a.example/bb:", "a.example/bb@sha256:0"],
)
def test_what_names_no_image(text: str) -> None:
    assert image_name(text) is None


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        ("localhost:5000", True),
        ("127.0.0.1", True),
        ("[::1]:5000", True),
        ("10.1.2.3:5000", True),
        ("registry.local", True),
        ("registry.example.com", False),
        ("8.8.8.8:5000", False),
    ],
)
def test_which_registries_may_lack_tls(registry: str, expected: bool) -> None:
    image = ImageName(registry=registry, repository="aa", reference="latest")

    assert image.is_local is expected


async def test_modules_are_kept_for_a_restart(tmp_path: Path) -> None:
    state = StateDirectory.opened(tmp_path / "state")
    with issuer(pages(MODULE)) as at:
        one, two = (ModuleSource(uri=f"{at}/a.wasm", change=change) for change in ("", "2"))
        module = await fetched(one, None, nowhere)

    keep_modules(state, {one: module, two: module})
    assert kept_modules(state) == {one: module, two: module}
    assert kept_modules(state)[one].content == MODULE

    (state.path / "modules" / f"{DIGEST}.wasm").write_bytes(OTHER)
    assert kept_modules(state) == {}
    keep_modules(state, {})
    assert not list((state.path / "modules").iterdir())


def test_no_password_is_shown() -> None:
    assert "secret" not in repr(ME)
