"""Folders of PEM files as Secrets, on a real disk."""

from contextlib import aclosing
from pathlib import Path

from controlplane.documents.content import SecretFolder, Unreadable
from controlplane.sources.files import changes
from controlplane.sources.load import loaded
from controlplane.sources.tree import Changed
from tests.unit.sources.streams import HOUR, Stream, reports


def stream(secrets: Path) -> "aclosing[Stream]":
    return aclosing(changes((), environment={}, secrets=[secrets], rescan=HOUR))


def write(folder: Path, **entries: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in entries.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def entries(**files: bytes) -> SecretFolder:
    return SecretFolder(tuple((name.replace("_", "."), text) for name, text in files.items()))


def test_the_files_of_a_folder_are_the_entries_of_one_secret(tmp_path: Path) -> None:
    shop = write(tmp_path / "istio-system/shop", tls_key="key", tls_crt="certificate")
    write(shop, **{".tls_crt_new": "hidden"})

    assert loaded((), [tmp_path]) == (
        Changed(path=shop, text=entries(tls_crt=b"certificate", tls_key=b"key")),
    )


def test_what_lies_elsewhere_is_reported_and_yaml_is_configuration(tmp_path: Path) -> None:
    write(tmp_path / "istio-system", tls_crt="certificate", README="text", more_yaml="a: b")

    found = {change.path.name: change.text for change in loaded((), [tmp_path])}

    assert found == {
        "tls.crt": Unreadable("a Secret's entries lie in a folder NAMESPACE/NAME"),
        "more.yaml": b"a: b",
    }


def test_two_secrets_may_share_the_file_of_an_authority(tmp_path: Path) -> None:
    first = write(tmp_path / "edge/one", ca_crt="authority")
    second = write(tmp_path / "edge/two")
    (second / "ca.crt").hardlink_to(first / "ca.crt")

    assert {change.path.name for change in loaded((), [tmp_path])} == {"one", "two"}


def test_keys_are_not_printed() -> None:
    assert repr(entries(tls_key=b"secret")) == "SecretFolder(tls.key)"


async def test_a_new_folder_an_edit_and_a_deletion_are_reported(tmp_path: Path) -> None:
    async with stream(tmp_path) as files:
        await reports(files, {})

        shop = write(tmp_path / "edge/shop", tls_crt="one")
        await reports(files, {"shop": entries(tls_crt=b"one")})

        write(shop, tls_key="key")
        await reports(files, {"shop": entries(tls_crt=b"one", tls_key=b"key")})

        (shop / "tls.key").unlink()
        await reports(files, {"shop": entries(tls_crt=b"one")})

        (shop / "tls.crt").unlink()
        await reports(files, {"shop": None})


async def test_a_mounted_secret_is_swapped_as_a_whole(tmp_path: Path) -> None:
    shop = tmp_path / "edge/shop"
    write(shop / "..1", tls_crt="old", tls_key="old")
    write(shop / "..2", tls_crt="new", tls_key="new")
    (shop / "..data").symlink_to("..1")
    for name in ("tls.crt", "tls.key"):
        (shop / name).symlink_to(f"..data/{name}")
    async with stream(tmp_path) as files:
        await reports(files, {"shop": entries(tls_crt=b"old", tls_key=b"old")})

        (shop / "..data_tmp").symlink_to("..2")
        (shop / "..data_tmp").rename(shop / "..data")

        await reports(files, {"shop": entries(tls_crt=b"new", tls_key=b"new")})
