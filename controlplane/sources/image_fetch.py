"""Modules of WebAssembly in images of a registry, by its HTTP API.

An image is of one of three forms, as for Istio's agent: Docker's and OCI's with a ``plugin.wasm``
in the last layer, and artifacts with a layer that is the module. Neither names nor answers are
trusted: what is fetched must have the digest that names it. Source: OCI Distribution and Image
Specifications; Docker Registry v2 authentication; Istio ``pkg/wasm/imagefetcher.go``
"""

import asyncio
import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from controlplane.model.registry import Credentials, ImageName
from controlplane.sources.http_fetch import (
    Answer,
    Dial,
    FetchFailed,
    Headers,
    Wanted,
    answer,
    check_downgrade,
    checked,
)
from controlplane.sources.module_content import LARGEST, plugin_of_layer

_MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_ARCHIVES: Final = (
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
)
_MODULES: Final = ("application/vnd.module.wasm.content.layer.v1+wasm", "application/wasm")
_PLATFORM: Final = ("linux", "amd64")
_LARGEST_MANIFEST: Final = 4 << 20  # bytes; OCI Distribution Specification, "Pushing Manifests"
_LARGEST_TOKEN: Final = 1 << 20
_CHALLENGE: Final = re.compile(r'(\w+)="([^"]*)"')
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_PLAIN: Final = "/:"  # in paths; a registry knows digests by their colon
_LOCAL: Final = ("127.", "localhost", "::1", "[::1]")


@dataclass(frozen=True, slots=True)
class _Registry:
    """How a registry is asked: where, with what, by whom."""

    base: str
    image: ImageName
    credentials: Credentials | None
    dial: Dial


async def image_module(
    image: ImageName, checksum: str, credentials: Credentials | None, dial: Dial
) -> bytes:
    """The module in an image; ``checksum`` is of the image's manifest, empty for any.

    Raises ``FetchFailed``, and what ``http_fetch.answer`` raises.
    """
    manifest, registry, headers = await _manifest(image, credentials, dial)
    digest, found = manifest
    if _is_index(found):
        chosen = _chosen(found)
        digest, found = _read(await _get(registry, f"manifests/{chosen}", headers), chosen)
    if checksum and digest != f"sha256:{checksum}":
        raise FetchFailed(f"the image has the digest {digest}, not sha256:{checksum}")
    layer, is_archive = _layer(found)
    asked = Wanted(accept="*/*", largest=LARGEST, secret=headers)
    said = await answer(f"{registry.base}/blobs/{layer}", asked, dial)
    if said.status != 200:
        raise FetchFailed(f"the registry answers {said.status} for the layer {layer}")
    return await asyncio.to_thread(_module, said.body, layer, is_archive)


def _module(body: bytes, digest: str, is_archive: bool) -> bytes:
    _check_digest(body, digest)
    return plugin_of_layer(body) if is_archive else body


async def _manifest(
    image: ImageName, credentials: Credentials | None, dial: Dial
) -> tuple[tuple[str, Mapping[str, Any]], _Registry, Headers]:
    """The manifest with its digest, and how the registry is asked for more."""
    schemes = ("https", "http") if image.is_local else ("https",)
    fault: Exception | None = None
    for scheme in schemes:
        base = f"{scheme}://{image.registry}/v2/{image.repository}"
        registry = _Registry(base, image, credentials, dial)
        try:
            said, headers = await _authorized(registry, f"manifests/{image.reference}")
        except OSError as error:  # no TLS there
            fault = error
            continue
        if said.status != 200:
            raise FetchFailed(
                f"{image.registry} answers {said.status} for {image.repository}:{image.reference}"
            )
        return _read(said, image.reference if image.is_digest else ""), registry, headers
    assert fault is not None, "one scheme is tried at least"
    raise fault


async def _authorized(registry: _Registry, path: str) -> tuple[Answer, Headers]:
    """The answer, after the registry has been shown what it asks for."""
    said = await _get(registry, path, ())
    if said.status != 401:
        return said, ()
    challenge = said.headers.get("www-authenticate", "")
    scheme, _, parameters = challenge.partition(" ")
    if scheme.lower() == "bearer":
        headers = await _bearer(registry, dict(_CHALLENGE.findall(parameters)))
    else:
        headers = _basic(registry.credentials)
    return (await _get(registry, path, headers), headers) if headers else (said, ())


async def _bearer(registry: _Registry, asked: Mapping[str, str]) -> Headers:
    """A token of the service that the registry names. One on this machine is asked only for a
    registry that is there too.
    """
    credentials = registry.credentials
    if credentials is not None and credentials.token:
        return (("Authorization", f"Bearer {credentials.token}"),)
    realm = asked.get("realm", "")
    split = checked(realm)
    check_downgrade(registry.base, "asks for a token of", realm)
    host = split.netloc
    if (split.hostname or "").startswith(_LOCAL) and not registry.image.registry.startswith(_LOCAL):
        raise FetchFailed(f"the registry asks for a token of {host}, which is this machine")
    scope = asked.get("scope") or f"repository:{registry.image.repository}:pull"
    query = {"service": asked["service"]} if "service" in asked else {}
    uri = f"{realm}{'&' if '?' in realm else '?'}{urlencode({**query, 'scope': scope})}"
    wanted = Wanted(accept="application/json", largest=_LARGEST_TOKEN, secret=_basic(credentials))
    said = await answer(uri, wanted, registry.dial)
    if said.status != 200:
        raise FetchFailed(f"{host} answers {said.status} for a token")
    found = _object(said.body)
    token = found.get("token") or found.get("access_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise FetchFailed(f"{host} gives no token")
    return (("Authorization", f"Bearer {token}"),)


def _basic(credentials: Credentials | None) -> Headers:
    if credentials is None or not credentials.user:
        return ()
    pair = f"{credentials.user}:{credentials.password}".encode()
    return (("Authorization", f"Basic {base64.b64encode(pair).decode()}"),)


async def _get(registry: _Registry, path: str, headers: Headers) -> Answer:
    accept = ", ".join((*_MANIFESTS, *_INDEXES))
    wanted = Wanted(accept=accept, largest=_LARGEST_MANIFEST, secret=headers)
    return await answer(f"{registry.base}/{quote(path, safe=_PLAIN)}", wanted, registry.dial)


def _read(said: Answer, digest: str) -> tuple[str, Mapping[str, Any]]:
    """A manifest, which has ``digest`` if it is asked for by that, with its digest."""
    if said.status != 200:
        raise FetchFailed(f"the registry answers {said.status} for {digest}")
    if digest:
        _check_digest(said.body, digest)
    return f"sha256:{sha256(said.body).hexdigest()}", _object(said.body)


def _check_digest(body: bytes, digest: str) -> None:
    found = f"sha256:{sha256(body).hexdigest()}"
    if found != digest:
        raise FetchFailed(f"the registry gives {found} for {digest}")


def _object(body: bytes) -> Mapping[str, Any]:
    """Any: what is in it is looked at where it is used."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FetchFailed("the answer is not JSON") from None
    if not isinstance(found, dict):
        raise FetchFailed("the answer is not a JSON object")
    return found


def _is_index(manifest: Mapping[str, Any]) -> bool:
    return manifest.get("mediaType") in _INDEXES or "manifests" in manifest


def _chosen(index: Mapping[str, Any]) -> str:
    """The digest of the manifest for Istio's default platform; one without a platform is for it."""
    for each in _mappings(index.get("manifests")):
        platform = each.get("platform")
        named = platform if isinstance(platform, dict) else {}
        if (named.get("os", "linux"), named.get("architecture", "amd64")) == _PLATFORM:
            return _digest_of(each)
    raise FetchFailed("the image's index has no manifest for linux/amd64")


def _layer(manifest: Mapping[str, Any]) -> tuple[str, bool]:
    """The digest of the layer with the module, and whether it is an archive."""
    layers = _mappings(manifest.get("layers"))
    if not layers:
        raise FetchFailed("the image has no layers")
    if layers[-1].get("mediaType") in _ARCHIVES:
        return _digest_of(layers[-1]), True
    for each in layers:
        if each.get("mediaType") in _MODULES:
            return _digest_of(each), False
    raise FetchFailed(
        f"the image has no module: its last layer is of type {layers[-1].get('mediaType')}"
    )


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _digest_of(descriptor: Mapping[str, Any]) -> str:
    digest = descriptor.get("digest")
    if not isinstance(digest, str) or _DIGEST.fullmatch(digest) is None:
        raise FetchFailed("a descriptor of the image has no digest of SHA-256")
    return digest
