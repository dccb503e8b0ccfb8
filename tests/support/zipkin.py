"""Zipkin itself: its server takes spans and answers which traces it has."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from samples.tracing.zipkin import NoZipkin, command
from tests.support.client import send
from tests.support.process import Running, eventually

Span = Mapping[str, Any]
_START: Final = 150  # seconds; a JVM on a machine that does other things
_MEMORY: Final = {"SELF_TRACING_ENABLED": "false"}


@dataclass(frozen=True)
class Zipkin:
    """A running server; spans come to it by HTTP at ``address`` and ``port``."""

    address: str
    port: int

    def trace(self, trace_id: str) -> tuple[Span, ...]:
        """The spans that it has of a trace, in the order in which they began."""
        answer = self.ask(f"/api/v2/trace/{trace_id}")
        spans = json.loads(answer) if answer else []
        return tuple(sorted(spans, key=lambda span: span.get("timestamp", 0)))

    def trace_of(self, trace_id: str, count: int, *, within: float = 30.0) -> tuple[Span, ...]:
        """The trace as soon as it has ``count`` spans; Envoy sends them every five seconds."""
        found: list[tuple[Span, ...]] = [()]

        def has_all() -> bool:
            found.append(self.trace(trace_id))
            return len(found[-1]) >= count

        try:
            eventually(f"{count} spans of {trace_id}", has_all, within=within)
        except AssertionError as late:
            names = [span.get("name") for span in found[-1]]
            raise AssertionError(f"{late}; there are {names}") from late
        return found[-1]

    def ask(self, path: str) -> bytes:
        """The body of an answer with status 200; nothing otherwise."""
        answer = send(f"http://{self.address}:{self.port}{path}", address=self.address)
        return answer.body if answer.status == 200 else b""


def needs_zipkin() -> list[str]:
    """The command that runs it; the test is skipped where it cannot be had."""
    try:
        return command()
    except NoZipkin as missing:
        pytest.skip(str(missing))


@contextmanager
def running_zipkin(folder: Path, address: str = "127.0.0.1", port: int = 9411) -> Iterator[Zipkin]:
    """Zipkin on every address of this network; the test is skipped where it cannot be had."""
    said = needs_zipkin()
    variables = ("env", f"QUERY_PORT={port}", *(f"{k}={v}" for k, v in _MEMORY.items()))
    zipkin = Zipkin(address, port)
    with Running([*variables, *said], folder / "zipkin.log") as process:
        process.eventually("Zipkin is up", lambda: is_up(zipkin), within=_START)
        yield zipkin


def is_up(zipkin: Zipkin) -> bool:
    return b'"UP"' in zipkin.ask("/health")
