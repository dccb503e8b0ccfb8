"""Programs of Lua that Envoy takes, and such that it does not compile."""

from typing import Final

ACCEPTED: Final = (
    "function envoy_on_request(handle) handle:headers():add('a', 'b') end",
    "",
    "-- nothing",
    "local n = 0x1p4; local big = 1LL; local text = '\\u{41}\\x41\\z  b'",
    "do goto done; ::done:: end",
    "#!/usr/bin/lua\nfunction envoy_on_response(handle) end",
    "local f = function(...) return select('#', ...) end",
    "function envoy_on_request(handle)\n  undeclared.field = 1\nend",
)
REFUSED: Final = (
    "function envoy_on_request(handle)",
    "if x the y() end",
    "local x <const> = 1",
    "x = 1 // 2",
    "x = 1 & 2",
    "goto nowhere",
    "x = 'open",
    "def envoy_on_request(handle):",
    "break",
    "local " + ", ".join(f"v{i}" for i in range(201)) + " = 1",
    "x = " + "(" * 300 + "1" + ")" * 300,
)
