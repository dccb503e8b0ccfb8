"""Sends traces to a collector by OTLP over HTTP, in protobuf, on a thread of its own.

Nothing waits for it: what does not fit into its queue is dropped and counted, and so is what the
collector does not take. Source: OpenTelemetry Protocol, "OTLP/HTTP"
"""

import http.client
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Full, Queue
from typing import Final
from urllib.parse import urlsplit

import structlog

PATH: Final = "/v1/traces"
QUEUED_AT_MOST: Final = 256  # traces; each is about 2 kB
ANSWERS_WITHIN: Final = 5.0  # seconds, of which connecting has as many again
ENDS_WITHIN: Final = 1.0  # seconds in which what is queued is sent when the control plane ends
_HEADERS: Final = {"content-type": "application/x-protobuf"}

log = structlog.stdlib.get_logger("serve")


class TraceExporter:
    """``counted`` hears ``sent``, ``failed`` or ``dropped`` of each trace, in any thread."""

    def __init__(self, url: str, counted: Callable[[str], None]) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port
        self._path = parts.path if parts.path not in ("", "/") else PATH
        self._is_tls = parts.scheme == "https"
        self._url = url
        self._counted = counted
        self._queue: Queue[bytes | None] = Queue(QUEUED_AT_MOST)
        self._failing = ""
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def export(self, message: bytes) -> None:
        """Returns at once, whatever the collector does."""
        try:
            self._queue.put_nowait(message)
        except Full:
            self._counted("dropped")

    def stop(self) -> None:
        """Send what is queued, for ``ENDS_WITHIN`` at most."""
        try:
            self._queue.put_nowait(None)
        except Full:
            return
        if self._thread.is_alive():
            self._thread.join(ENDS_WITHIN)

    def _run(self) -> None:
        while (message := self._queue.get()) is not None:
            try:
                status = self._post(message)
            except (OSError, ValueError, http.client.HTTPException) as fault:
                self._failed(str(fault) or type(fault).__name__)
            else:
                if 200 <= status < 300:
                    self._worked()
                else:
                    self._failed(f"it answers {status}")

    def _post(self, message: bytes) -> int:
        """The status. The body is not read: it may be endless."""
        kind = http.client.HTTPSConnection if self._is_tls else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=ANSWERS_WITHIN)
        connection.connect()
        ending = threading.Timer(ANSWERS_WITHIN, _shut_down, [connection.sock])
        ending.daemon = True
        ending.start()
        try:
            connection.request("POST", self._path, message, _HEADERS)
            return connection.getresponse().status
        finally:
            ending.cancel()
            connection.close()

    def _failed(self, reason: str) -> None:
        self._counted("failed")
        if reason != self._failing:
            log.warning("traces_not_sent", url=self._url, reason=reason)
        self._failing = reason

    def _worked(self) -> None:
        self._counted("sent")
        if self._failing:
            log.info("traces_sent_again", url=self._url)
        self._failing = ""


def _shut_down(connection: socket.socket) -> None:
    """Whoever reads from it is at the end: a timeout would be for each part of an answer."""
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
