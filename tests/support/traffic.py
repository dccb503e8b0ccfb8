"""Steady requests on kept connections while a test edits files: what failed, and how often."""

import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

CONNECTIONS: Final = 6
PAUSE: Final = 0.005  # seconds between the requests of a connection: about 1,000 a second in all


@dataclass(slots=True)
class Traffic:
    """``answers`` counts each status, and each error by its name."""

    answers: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def failed(self) -> dict[str, int]:
        return {answer: count for answer, count in self.answers.items() if answer != "200"}

    def count(self, answer: str) -> None:
        with self._lock:
            self.answers[answer] += 1


@contextmanager
def steady_traffic(address: str, port: int, host: str) -> Iterator[Traffic]:
    """Ask for ``/`` of ``host`` until the block ends. A connection that the server closes between
    two requests is opened again, as every client does.
    """
    traffic, stop = Traffic(), threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection(address, port, timeout=10)
        while not stop.wait(PAUSE):
            try:
                connection.request("GET", "/", headers={"host": host})
                answer = connection.getresponse()
                answer.read()
                traffic.count(str(answer.status))
                if answer.headers.get("connection") == "close":
                    connection.close()
            except (http.client.RemoteDisconnected, ConnectionResetError) as error:
                traffic.count(type(error).__name__)
                connection.close()
            except OSError as error:
                traffic.count(repr(error))
                connection.close()
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    try:
        yield traffic
    finally:
        stop.set()
        for thread in threads:
            thread.join()
