"""Percent signs in header values: commands of Envoy's, or plain text."""

import pytest

from controlplane.model.header_value import escaped
from controlplane.model.header_value import unknown_commands


@pytest.mark.parametrize(
    ("value", "sent", "unknown"),
    [
        ("plain", "plain", ()),
        ("100%%", "100%%", ()),
        ("100%", "100%%", ("100%",)),
        ("%PROTOCOL%", "%PROTOCOL%", ()),
        ("a %REQ(x-b)% c", "a %REQ(x-b)% c", ()),
        ("%REQ(x-a?:path):10%", "%REQ(x-a?:path):10%", ()),
        ("%START_TIME(%Y-%m)%", "%START_TIME(%Y-%m)%", ()),
        ("%NO_SUCH_THING%", "%%NO_SUCH_THING%%", ("%NO_SUCH_THING%",)),
        ("%REQ%", "%%REQ%%", ("%REQ%",)),
        ("%REQ(a?b?c)%", "%%REQ(a?b?c)%%", ("%REQ(a?b?c)%",)),
        ("%PROTOCOL(x)%", "%%PROTOCOL(x)%%", ("%PROTOCOL(x)%",)),
        ("%PROTOCOL:3%", "%%PROTOCOL:3%%", ("%PROTOCOL:3%",)),
        ("%CEL(a b)%", "%%CEL(a b)%%", ("%CEL(a b)%",)),
    ],
)
def test_values(value: str, sent: str, unknown: tuple[str, ...]) -> None:
    assert (escaped(value), unknown_commands(value)) == (sent, unknown)
