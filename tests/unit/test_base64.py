"""Base64, read in one way wherever it occurs."""

import base64

import pytest
from hypothesis import given, strategies as st

from controlplane.base.base64 import decoded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", b""),
        ("YQ==", b"a"),
        ("YWI=", b"ab"),
        ("YWJj", b"abc"),
        ("YW\nJj\r\n", b"abc"),
        ("YQ=\n=", b"a"),
        ("YR==", b"a"),
        ("+/+/", b"\xfb\xff\xbf"),
    ],
)
def test_the_standard_alphabet_with_padding_is_read(text: str, expected: bytes) -> None:
    assert decoded(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("YQ", id="no padding"),
        pytest.param("YQ=", id="half of the padding"),
        pytest.param("Y", id="no whole byte"),
        pytest.param("=", id="padding alone"),
        pytest.param("====", id="four signs of padding"),
        pytest.param("YWJj====", id="padding that pads nothing"),
        pytest.param("YWJj=", id="one sign too many"),
        pytest.param("YQ==YQ==", id="text behind the padding"),
        pytest.param("Y Q=", id="a space"),
        pytest.param(" YWJj", id="a space before"),
        pytest.param("YWJj\t", id="a tab"),
        pytest.param("-_-_", id="the alphabet for URLs"),
        pytest.param("é", id="a letter beyond ASCII"),
        pytest.param("YWJjé", id="a letter beyond ASCII at the end"),
        pytest.param("a\x00==", id="a zero byte"),
    ],
)
def test_anything_else_is_not_base64(text: str) -> None:
    assert decoded(text) is None


@given(st.binary())
def test_what_was_encoded_is_read_back(content: bytes) -> None:
    assert decoded(base64.b64encode(content).decode()) == content
    assert decoded(base64.encodebytes(content).decode()) == content
