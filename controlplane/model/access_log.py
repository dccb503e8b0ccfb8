"""Where a proxy records what it did, and in which form.

All formats are Envoy's; an empty one is Istio's default.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLog:
    """One line for each request or connection, in text or, when ``json`` is given, as a JSON
    object. ``omits_empty``: what has no value is left out instead of written as ``-``.
    """

    path: str
    line: str = ""
    json: str | None = None
    omits_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogService:
    """A service that takes logs over gRPC. ``log`` is the name under which it gets them, and
    ``filter_state`` the objects of Envoy's filter state that it gets, too. ``authority`` is empty
    for the cluster's name.
    """

    cluster: str
    authority: str
    log: str
    filter_state: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLog:
    """Requests, to a service of Envoy's ALS; these headers are sent besides those that always
    are.
    """

    service: LogService
    request_headers: tuple[str, ...] = ()
    response_headers: tuple[str, ...] = ()
    response_trailers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLog:
    """Connections, to a service of Envoy's ALS."""

    service: LogService


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTelemetryLog:
    """Records of OpenTelemetry: ``body`` and the values of ``attributes`` are formats."""

    service: LogService
    body: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


Logger = FileLog | RequestLog | ConnectionLog | OpenTelemetryLog


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLog:
    """``expression``, of CEL, says what is recorded; unset is everything."""

    logger: Logger
    expression: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLogs:
    """What is recorded of requests, of connections, and of connections that no filter chain
    takes.
    """

    requests: tuple[AccessLog, ...] = ()
    connections: tuple[AccessLog, ...] = ()
    unmatched: tuple[AccessLog, ...] = ()


NO_LOGS: Final = AccessLogs()
