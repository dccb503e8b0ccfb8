"""The module within what was fetched: as it is, in gzip, in an archive of tar, or both.

Source: Istio ``pkg/wasm/httpfetcher.go``, ``imagefetcher.go``
"""

import io
import tarfile
import zlib
from pathlib import PurePosixPath
from typing import Final

from controlplane.sources.http_fetch import FetchFailed

LARGEST: Final = 64 << 20  # bytes of a module, packed or not
MAGIC: Final = b"\0asm"
_HEADER: Final = 8  # bytes: the magic number and the version
_GZIP: Final = b"\x1f\x8b"
_GZIP_ONLY: Final = 31  # zlib's window bits: a header of gzip is required
_PLUGIN: Final = "plugin.wasm"
_DEPTH: Final = 4  # of archives within archives
_MEMBERS: Final = 10_000
_DAMAGED: Final = (
    tarfile.TarError,
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    RecursionError,
    ValueError,
)
"""What ``tarfile`` raises at archives that are made to break it."""


def is_module(content: bytes) -> bool:
    return len(content) >= _HEADER and content.startswith(MAGIC)


def unpacked(content: bytes) -> bytes:
    """The module that ``content`` is or holds; ``FetchFailed``."""
    for _ in range(_DEPTH):
        if is_module(content):
            return content
        if content.startswith(_GZIP):
            content = _inflated(content)
        elif content[257:262] == b"ustar":
            content = _member(content, None)
        else:
            break
    raise FetchFailed("what is there is not a module of WebAssembly")


def plugin_of_layer(layer: bytes) -> bytes:
    """``plugin.wasm`` of a layer; ``FetchFailed``."""
    content = _inflated(layer) if layer.startswith(_GZIP) else layer
    found = _member(content, _PLUGIN)
    if not is_module(found):
        raise FetchFailed(f"{_PLUGIN} in the image is not a module of WebAssembly")
    return found


def _inflated(content: bytes) -> bytes:
    """Without gzip, at most ``LARGEST`` bytes. There may be several members (RFC 1952 §2.2), as in
    images that are read lazily; what follows the last is ignored.
    """
    found = bytearray()
    for _ in range(_MEMBERS):
        inflating = zlib.decompressobj(wbits=_GZIP_ONLY)
        try:
            found += inflating.decompress(content, LARGEST + 1 - len(found))
        except zlib.error as error:
            raise FetchFailed(f"the archive is damaged: {error}") from None
        if len(found) > LARGEST:
            raise FetchFailed(f"the archive has more than {LARGEST} bytes")
        if not inflating.eof:
            raise FetchFailed("the archive is damaged: it ends too early")
        content = inflating.unused_data
        if not content.startswith(_GZIP):
            return bytes(found)
    raise FetchFailed(f"the archive has more than {_MEMBERS} members of gzip")


def _member(archive: bytes, name: str | None) -> bytes:
    """The first file of an archive, or the first of a name."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as opened:
            for number, member in enumerate(opened):
                if number >= _MEMBERS:
                    break
                is_wanted = name is None or PurePosixPath(member.name).name == name
                if not is_wanted or not member.isfile() or member.size > LARGEST:
                    continue
                file = opened.extractfile(member)
                return file.read() if file is not None else b""
    except _DAMAGED as error:
        raise FetchFailed(f"the archive is damaged: {error}") from None
    raise FetchFailed(f"{name or 'a file'} is not in the archive")
