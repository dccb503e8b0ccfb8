"""How a workload's own proxy finds whether it is healthy: a request or a connection, again and
again.
"""

from dataclasses import dataclass
from datetime import timedelta

from controlplane.base.names import PortNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """``GET path``; an answer from 200 to 399 is good. ``host`` is what it asks for."""

    path: str
    host: str
    headers: tuple[tuple[str, str], ...] = ()
    is_tls: bool = False
    """By TLS, whatever certificate the workload presents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """``request``: ``None`` only connects. ``successes`` and ``failures`` in a row change what is
    thought of the workload. ``delay`` is the time from the start of its proxy to the first.
    """

    address: str
    port: PortNumber
    request: HttpRequest | None
    delay: timedelta
    period: timedelta
    timeout: timedelta
    successes: int
    failures: int
