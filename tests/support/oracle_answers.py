"""Answers as they are compared: a failed TLS handshake by what failed, not in the words of OpenSSL.

The words depend on the client's Python and on how that was built, also with the same OpenSSL:
Python 3.11.2 calls a closed connection "closed (eof)" where 3.11.7 says "unexpected eof". Debian's
offers older versions than TLS 1.2 and refuses the server's old signatures, where others offer 1.2
and get an alert.
"""

import re
from typing import Any, Final

_TLS: Final = "tls: "
_KINDS: Final = (
    (re.compile(r"\beof\b"), "closed by the server"),
    (
        re.compile(
            r"alert protocol version|unsupported protocol|no protocols available"
            r"|legacy sigalg disallowed"
        ),
        "no version that both speak",
    ),
    (re.compile(r"(?:sslv3|tlsv1|tlsv13|ssl/tls) alert ([a-z ]+[a-z])"), r"alert \1"),
)
_PLACE: Final = re.compile(r"^\[ssl(?:: [a-z0-9 ]+)?\] | \([ _]ssl\.c:[0-9]+\)$")
"""Where Python raises the error, which it says for reasons that it has no name for."""


def by_kind(answers: Any) -> Any:
    """``answers`` with the kind of each failed handshake. Any: they are data of a recording."""
    if isinstance(answers, list):
        return [by_kind(each) for each in answers]
    if isinstance(answers, dict):
        return {
            name: _kind(value) if name == "error" else by_kind(value)
            for name, value in answers.items()
        }
    return answers


def _kind(error: Any) -> Any:
    if not isinstance(error, str) or not error.startswith(_TLS):
        return error
    said = _PLACE.sub("", _PLACE.sub("", error.removeprefix(_TLS)))
    for pattern, kind in _KINDS:
        found = pattern.search(said)
        if found is not None:
            return _TLS + found.expand(kind)
    return _TLS + said
