"""TLS handshakes that fail, in the words of a person and at most twice a minute.

gRPC tells of them in one way only: its core writes a line for each to the descriptor of standard
error. While a control plane serves, these lines are taken out there; everything else passes.
Python's own ``sys.stderr`` goes past this, so that it keeps its order with standard output.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO, TextIOWrapper
from pathlib import Path
from threading import Thread
from typing import Final

import structlog

SAID_EVERY: Final = 30.0  # seconds between two lines about one reason
_STANDARD_ERROR: Final = 2
_AT_ONCE: Final = 64 * 1024  # bytes
_HANDSHAKE: Final = re.compile(
    rb"[IWE]\d{4} .*ssl_transport_security\.cc:\d+\] "
    rb"(?:Handshake failed with error \w+: error:\w+:SSL routines:OPENSSL_internal:(\w+)"
    rb"|([\w ]{1,80}))"
)
_DISTRUST: Final = (
    "TLSV1_ALERT_UNKNOWN_CA",  # Envoy's answer to a certificate of another authority
    "TLSV1_ALERT_CERTIFICATE_UNKNOWN",
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
)

log = structlog.get_logger("serve")


class Handshakes:
    """Counts the failures and logs them; ``state`` is where bootstraps have to come from."""

    def __init__(self, state: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._state = state
        self._clock = clock
        self._said: dict[str, float] = {}
        self._times: dict[str, int] = {}

    def takes(self, line: bytes) -> bool:
        """Whether ``line`` tells of a handshake that failed; it is counted then."""
        found = _HANDSHAKE.match(line)
        if found is None:
            return False
        reason = (found[1] or found[2]).decode()
        now = self._clock()
        self._times[reason] = self._times.get(reason, 0) + 1
        if now - self._said.get(reason, -SAID_EVERY) >= SAID_EVERY:
            self._said[reason] = now
            self._say(reason, self._times.pop(reason))
        return True

    def _say(self, reason: str, times: int) -> None:
        if reason in _DISTRUST:
            log.error(
                "proxy_distrusts",
                reason="a proxy trusts another authority than the one of this control plane",
                times=times,
                hint=f"give it a bootstrap made with --state {self._state}",
            )
        else:
            log.warning("handshake_failed", reason=reason.lower().replace("_", " "), times=times)


@contextmanager
def handshakes_logged(state: Path) -> Iterator[None]:
    """Take gRPC's lines about handshakes out of what this process writes to standard error.

    Loggers have to look ``sys.stderr`` up when they first write.
    """
    before = sys.stderr
    before.flush()
    original = os.dup(_STANDARD_ERROR)
    readable, writable = os.pipe()
    os.dup2(writable, _STANDARD_ERROR)
    os.close(writable)
    reader = Thread(target=_pass_on, args=(readable, original, Handshakes(state)), daemon=True)
    reader.start()
    sys.stderr = TextIOWrapper(
        FileIO(original, "w", closefd=False),
        encoding=before.encoding,
        errors="backslashreplace",
        write_through=True,
    )
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = before
        os.dup2(original, _STANDARD_ERROR)  # the last end to write to: the reader comes to an end
        reader.join(timeout=1.0)  # unless a child still has it


def _pass_on(readable: int, original: int, handshakes: Handshakes) -> None:
    rest = b""
    while piece := os.read(readable, _AT_ONCE):
        *lines, rest = (rest + piece).split(b"\n")
        _write(original, b"".join(line + b"\n" for line in lines if not handshakes.takes(line)))
    _write(original, rest)


def _write(descriptor: int, content: bytes) -> None:
    with suppress(OSError):  # nobody reads it any more
        while content:
            content = content[os.write(descriptor, content) :]
