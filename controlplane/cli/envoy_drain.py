"""An Envoy that is to go finishes what its clients have begun.

It takes no new connection and asks each client to close with the next answer. It may end when
nothing is open any more, after ``IDLE_WITHIN`` when what is open is only kept alive, and after
Envoy's own drain time in any case.
Source: Envoy, "Administration interface", ``/drain_listeners``.
"""

import asyncio
import http.client
import json
import re
import time
from datetime import timedelta
from typing import Final
from urllib.parse import quote

DRAINED_WITHIN: Final = timedelta(seconds=45)  # Envoy's --drain-time-s, Istio's drainDuration
IDLE_WITHIN: Final = 5.0  # seconds in which a client that keeps a connection alive may use it
LOOK_EVERY: Final = 0.1  # seconds between two counts
_ANSWERS_WITHIN: Final = 2.0  # seconds
_STEPS: Final = ("/drain_listeners?graceful&skip_exit", "/drain_listeners")
"""The first has clients close with their next answer, the second takes no new connection."""
_BUSY: Final = r"^(http\..*downstream_rq_active|tcp\..*downstream_cx_active)$"
_OWN: Final = re.compile(r"^http\.(admin|ready|metrics)\.")  # of the bootstrap


async def drain(
    admin_port: int, probes: tuple[int, ...], within: timedelta = DRAINED_WITHIN
) -> None:
    """Return once the Envoy with the admin interface on loopback at ``admin_port`` may end:
    connections to its ``probes`` (ports) do not count, and one that does not answer has none.
    """
    began = time.monotonic()
    for step in _STEPS:
        await asyncio.to_thread(_asked, admin_port, "POST", step)
    while (lasted := time.monotonic() - began) < within.total_seconds():
        waits_for = open_connections if lasted < IDLE_WITHIN else busy_connections
        if not await asyncio.to_thread(waits_for, admin_port, probes):
            return
        await asyncio.sleep(LOOK_EVERY)


def open_connections(admin_port: int, probes: tuple[int, ...] = ()) -> int:
    """How many connections are open that are not to the ports ``probes``."""
    ends = tuple(f"_{port}.downstream_cx_active" for port in probes)
    found = _gauges(admin_port, r"^listener\..*downstream_cx_active$")
    return sum(
        count
        for name, count in found.items()
        if not name.endswith(ends) and ".worker_" not in name and ".admin." not in name
    )


def busy_connections(admin_port: int, _: tuple[int, ...] = ()) -> int:
    """How many requests are not answered yet, and streams of TCP open."""
    found = _gauges(admin_port, _BUSY)
    return sum(count for name, count in found.items() if not _OWN.match(name))


def _gauges(admin_port: int, pattern: str) -> dict[str, int]:
    body = _asked(admin_port, "GET", f"/stats?format=json&filter={quote(pattern)}")
    try:
        stats = json.loads(body)["stats"] if body is not None else ()
        return {stat["name"]: int(stat["value"]) for stat in stats if "value" in stat}
    except (ValueError, LookupError, TypeError):
        return {}


def _asked(admin_port: int, method: str, path: str) -> bytes | None:
    connection = http.client.HTTPConnection("127.0.0.1", admin_port, timeout=_ANSWERS_WITHIN)
    try:
        connection.request(method, path)
        return connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
