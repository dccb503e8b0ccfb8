"""``HOST:PORT``."""

import pytest

from controlplane.base.addresses import Address
from controlplane.cli.address import address


@pytest.mark.parametrize(
    ("text", "host", "port", "numeric", "loopback"),
    [
        ("127.0.0.1:15010", "127.0.0.1", 15010, True, True),
        ("127.9.9.9:0", "127.9.9.9", 0, True, True),
        ("0.0.0.0:15010", "0.0.0.0", 15010, True, False),
        ("[::1]:15010", "::1", 15010, True, True),
        ("[fe80::7]:1", "fe80::7", 1, True, False),
        ("localhost:1", "localhost", 1, False, True),
        ("controlplane:65535", "controlplane", 65535, False, False),
    ],
)
def test_what_an_address_is(text: str, host: str, port: int, numeric: bool, loopback: bool) -> None:
    found = address(text)

    assert found == Address(host, port)
    assert (found.numeric, found.loopback) == (numeric, loopback)
    assert str(found) == text


@pytest.mark.parametrize(
    "text",
    ["", "localhost", ":1", "a:", "a:b", "a:-1", "a:65536", "::1:1", "[a]:1", "[::1]", "a:¹"],
)
def test_what_is_no_address(text: str) -> None:
    assert address(text) is None
