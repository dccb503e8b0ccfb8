"""Addresses as the API server reads them."""

import pytest

from controlplane.kinds.validation.gateway_api.lenient_ip import is_lenient_ip


@pytest.mark.parametrize(
    ("text", "is_address"),
    [
        ("192.0.2.7", True),
        ("192.0.02.0007", True),
        ("192.0.2.256", False),
        ("192.0.2", False),
        ("192.0.2.", False),
        ("192.0.2.7/24", False),
        ("192.0.2.٣", False),
        ("", False),
        ("::", True),
        ("::1", True),
        ("1::", True),
        ("2001:DB8::7", True),
        ("1:2:3:4:5:6:7:8", True),
        ("1:2:3:4:5:6:7::", True),
        ("1:2:3:4:5:6:7", False),
        ("1:2:3:4:5:6:7:8::", False),
        ("1::2::3", False),
        (":1:2:3:4:5:6:7:8", False),
        (":::", False),
        ("00001::", True),
        ("10000::", False),
        ("::ffff:192.0.2.7", True),
        ("1:2:3:4:5:6:192.0.2.7", True),
        ("1:2:3:4:5:6:7:192.0.2.7", False),
        ("192.0.2.7::", False),
        ("::192.0.2.7:1", False),
        ("fe80::1%eth0", False),
        ("[::1]", False),
    ],
)
def test_addresses(text: str, is_address: bool) -> None:
    assert is_lenient_ip(text) is is_address
