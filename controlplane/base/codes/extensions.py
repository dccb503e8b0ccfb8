"""Codes of WasmPlugins and TrafficExtensions."""

from typing import Final

from controlplane.base.codes.severities import dangling, info, warning

MODULE_UNAVAILABLE: Final = warning("CP0580", "the module of a plugin cannot be fetched")
PULL_SECRET_UNUSABLE: Final = warning(
    "CP0581", "the secret for a plugin's registry is absent, or has nothing for it"
)
EXTENSIONS_TIED: Final = info(
    "CP0582", "only age and name decide which of two extensions comes first"
)
MODULE_UNVERIFIED: Final = warning(
    "CP0583", "a module comes over plaintext, and no checksum says which one it must be"
)
LUA_REFUSED: Final = dangling("CP0584", "a program of Lua does not compile")
