"""What a peer sent is shown cut, in one line, and without what steers a terminal."""

import grpc
import pytest
from hypothesis import given, strategies as st

from controlplane.base.peer_text import shown
from controlplane.xds.wire import StreamFault


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("cannot bind: Address already in use\n", "cannot bind: Address already in use"),
        ("one\ntwo", "one\\ntwo"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("x" * 201, "x" * 200 + "…"),
        ("", ""),
        ("böse 漢", "böse 漢"),
        ("right\u202eleft", "right\\u202eleft"),
    ],
)
def test_what_is_shown(sent: str, expected: str) -> None:
    assert shown(sent) == expected


@given(st.text(max_size=300), st.integers(1, 250))
def test_whatever_a_peer_sends_is_printable_and_short(text: str, most: int) -> None:
    found = shown(text, most)

    assert found.isprintable()
    assert len(found) <= most + 1


@given(st.text(max_size=800))
def test_so_is_the_status_of_every_stream(text: str) -> None:
    fault = StreamFault(grpc.StatusCode.INVALID_ARGUMENT, text)

    assert fault.text.isprintable()
    assert len(fault.text) <= 501
