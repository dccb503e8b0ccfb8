"""Modules of WebAssembly, from a server of HTTP, a registry or a folder, within limits.

Limits: 30 s and 64 MiB, and those of ``http_fetch``. Source: Istio ``pkg/wasm/cache.go``
"""

import asyncio
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import h11

from controlplane.model.extension import Module, ModuleSource
from controlplane.model.registry import Credentials, image_name
from controlplane.sources.http_fetch import Dial, FetchFailed, Wanted, content, reason_of
from controlplane.sources.image_fetch import image_module
from controlplane.sources.module_content import LARGEST, is_module, unpacked

TIMEOUT: Final = timedelta(seconds=30)  # istiod's, of all of it
_VERSION: Final = b"proxy_abi_version_"  # Proxy-Wasm specification, "Exposed functions"
_WANTED: Final = Wanted(accept="application/wasm, */*", largest=LARGEST)


class ModuleUnavailable(Exception):
    """No module was fetched; the message says why."""


async def fetched(
    source: ModuleSource,
    credentials: Credentials | None,
    dial: Dial,
    *,
    timeout: timedelta = TIMEOUT,
) -> Module:
    """The module at ``source``, whose checksum is as it says; raises ``ModuleUnavailable``."""
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            return await _fetched(source, credentials, dial)
    except TimeoutError:
        raise ModuleUnavailable(f"no answer within {timeout.total_seconds():g} s") from None
    except (FetchFailed, OSError, h11.ProtocolError, ValueError) as error:
        raise ModuleUnavailable(reason_of(error)) from None


async def _fetched(source: ModuleSource, credentials: Credentials | None, dial: Dial) -> Module:
    split = urlsplit(source.uri)
    if split.scheme == "file":
        found = await asyncio.to_thread(_file, Path(source.uri.removeprefix("file://")))
        return await asyncio.to_thread(_checked, found, source.checksum)
    if split.scheme in ("http", "https"):
        found = await content(source.uri, _WANTED, dial)
        return await asyncio.to_thread(_checked, found, source.checksum)
    named = f"{split.netloc}{unquote(split.path)}"
    image = image_name(named)
    if image is None:
        raise FetchFailed(f'"{named}" does not name an image')
    found = await image_module(image, source.checksum, credentials, dial)
    if not is_module(found):
        raise FetchFailed("what is in the image is not a module of WebAssembly")
    return await asyncio.to_thread(_module, found)


def _file(path: Path) -> bytes:
    """A pipe or a device is not read: it may never end, and nothing can interrupt that."""
    if not path.is_file():
        path.stat()  # says why, where nothing is there
        raise FetchFailed(f"{path} is not a regular file")
    with path.open("rb") as opened:
        found = opened.read(LARGEST + 1)
    if len(found) > LARGEST:
        raise FetchFailed(f"the file is longer than {LARGEST} bytes")
    return found


def _checked(found: bytes, checksum: str) -> Module:
    """The module in what was fetched; the checksum is of the module, as with Istio's agent."""
    module = _module(unpacked(found))
    if checksum and module.digest != checksum:
        raise FetchFailed(f"the module has the SHA-256 {module.digest}, not {checksum}")
    return module


def _module(found: bytes) -> Module:
    """Envoy would refuse what exports no version, and keep the plugin's last configuration."""
    if _VERSION not in found:
        raise FetchFailed("the module is not one for proxies: it has no version of Proxy-Wasm")
    return Module(sha256(found).hexdigest(), found)
