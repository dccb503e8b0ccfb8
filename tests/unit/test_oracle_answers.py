"""Answers of the recordings are compared by what failed, not by the words of a library."""

import pytest

from tests.support.oracle_answers import by_kind


@pytest.mark.parametrize(
    ("recorded", "here"),
    [
        ("unexpected eof while reading", "tls/ssl connection has been closed (eof) ( ssl.c:992)"),
        ("unexpected eof while reading", "eof occurred in violation of protocol ( ssl.c:1006)"),
        (
            "tlsv1 alert protocol version",
            "[ssl] legacy sigalg disallowed or unsupported ( ssl.c:992)",
        ),
        ("sslv3 alert handshake failure", "ssl/tls alert handshake failure"),
        ("tlsv1 alert unknown ca", "[ssl: tlsv1 alert unknown ca] tlsv1 alert unknown ca"),
    ],
)
def test_the_words_of_the_library_are_not_compared(recorded: str, here: str) -> None:
    ours = by_kind([{"error": f"tls: {here}"}, {"status": 200}])

    assert ours == by_kind([{"error": f"tls: {recorded}"}, {"status": 200}])


def test_what_failed_is_compared() -> None:
    errors = [
        "closed",
        "timeout",
        "tls: unexpected eof while reading",
        "tls: tlsv1 alert protocol version",
        "tls: tlsv1 alert unknown ca",
        "tls: sslv3 alert certificate unknown",
        "tls: sslv3 alert handshake failure",
        "tls: tlsv13 alert certificate required",
        "tls: wrong version number",
    ]

    assert len({by_kind({"error": error})["error"] for error in errors}) == len(errors)
    assert by_kind({"text": "tls: eof", "seconds": 1.5}) == {"text": "tls: eof", "seconds": 1.5}
