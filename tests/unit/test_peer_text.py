"""What a peer sent is shown cut, in one line, and without what steers a terminal."""

import pytest

from controlplane.base.peer_text import shown


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("cannot bind: Address already in use\n", "cannot bind: Address already in use"),
        ("one\ntwo", "one\\ntwo"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("x" * 201, "x" * 200 + "…"),
        ("", ""),
    ],
)
def test_what_is_shown(sent: str, expected: str) -> None:
    assert shown(sent) == expected
