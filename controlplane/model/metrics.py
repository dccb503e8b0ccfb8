"""Istio's standard metrics: what a proxy counts of calls, and with which labels.

Source: https://istio.io/latest/docs/reference/config/metrics/
"""

from dataclasses import dataclass
from enum import Enum

PREFIX = "istio"
"""What the name of each of them begins with."""


class Metric(Enum):
    """A standard metric, by its name without ``istio_``."""

    REQUEST_COUNT = "requests_total"
    REQUEST_DURATION = "request_duration_milliseconds"
    REQUEST_SIZE = "request_bytes"
    RESPONSE_SIZE = "response_bytes"
    TCP_OPENED_CONNECTIONS = "tcp_connections_opened_total"
    TCP_CLOSED_CONNECTIONS = "tcp_connections_closed_total"
    TCP_SENT_BYTES = "tcp_sent_bytes_total"
    TCP_RECEIVED_BYTES = "tcp_received_bytes_total"


class Reporter(Enum):
    """Which side of a call counts it: gateways and sidecars of callers are the source."""

    SOURCE = "source"
    DESTINATION = "destination"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChange:
    """The label ``name`` is ``format``, a format of Envoy's, or is left out (``None``)."""

    name: str
    format: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledService:
    """The service that calls to a port of a workload are for; empty where there is none."""

    host: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What is counted. ``changes`` are the labels of a metric that are not Istio's.

    ``service`` and ``is_mutual`` are what a listener for calls to a workload knows by itself:
    which service they are for, and whether their caller has shown a certificate of the mesh.
    """

    reporter: Reporter
    disabled: tuple[Metric, ...] = ()
    changes: tuple[tuple[Metric, tuple[LabelChange, ...]], ...] = ()
    service: CalledService = CalledService()
    is_mutual: bool = False

    def changes_of(self, metric: Metric) -> tuple[LabelChange, ...]:
        return next((found for each, found in self.changes if each is metric), ())
