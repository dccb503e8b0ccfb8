"""How a proxy is started: its command line, its environment and its bootstrap, as far as its
ProxyConfig decides. A change of any of it is for the next start.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

from controlplane.base.addresses import Address
from controlplane.model.proxy import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Keepalive:
    """What is unset is the operating system's."""

    probes: int | None = None
    time: timedelta | None = None
    interval: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorTls:
    """TLS to a collector by files of the proxy's machine. Without ``trusted`` the system's roots
    are trusted; ``names`` are those that the certificate must have one of, if there are any.
    """

    sni: str = ""
    trusted: str = ""
    certificate: str = ""
    key: str = ""
    names: tuple[str, ...] = ()
    is_verified: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """A server outside of the mesh that a proxy reports to, by gRPC."""

    address: Address
    tls: CollectorTls | None = None
    keepalive: Keepalive | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Included:
    """The names of the statistics that a proxy has, where it has not all."""

    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """``included`` unset: all. ``tags``: names of tags that are written in names of statistics as
    Istio's extensions do. ``is_compressed``: for clients that take it. ``buckets``: upper bounds
    of histograms, by the prefix of their names.
    """

    included: Included | None = None
    tags: tuple[str, ...] = ()
    is_compressed: bool = True
    buckets: tuple[tuple[str, tuple[float, ...]], ...] = ()
    statsd: Address | None = None
    service: Collector | None = None


ALL_STATISTICS: Final = Statistics()


class BootstrapTracer(Enum):
    """A tracer of the bootstrap, for managers that name none; the name of its cluster. Source:
    Istio's bootstrap.
    """

    ZIPKIN = "zipkin"
    DATADOG = "datadog_agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyStart:
    """``concurrency``: threads of Envoy, 0 for one each core. ``drain``: how long a replaced
    listener keeps its connections. ``last_drain``: how long connections may take to end when the
    proxy does. ``flush_interval`` and ``flush_size`` (bytes): when access logs are written.

    ``metadata`` of the node and ``environment`` of the process are what variables say. ``status``
    is a further port where probes are answered, as Istio's agent does. ``runtime`` holds Envoy's
    runtime keys; an empty value takes a default of the bootstrap away. ``access_logs``: the cluster
    ``envoy_accesslog_service``. ``tracer``: to whom spans go that no provider gets.
    ``max_connections`` is for all listeners together.
    """

    concurrency: int | None = None
    drain: timedelta | None = None
    last_drain: timedelta | None = None
    flush_interval: timedelta | None = None
    flush_size: int | None = None
    environment: Labels = ()
    metadata: Labels = ()
    cluster: str | None = None
    admin_port: int | None = None
    status_port: int | None = None
    runtime: Labels = ()
    statistics: Statistics = ALL_STATISTICS
    access_logs: Collector | None = None
    tracer: tuple[BootstrapTracer, Collector] | None = None
    max_connections: int | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """Of Envoy's command line; 0 threads are one for each core, as Envoy has it unasked."""
        found: list[str] = []
        if self.concurrency:
            found += ["--concurrency", str(self.concurrency)]
        if self.drain is not None:
            found += ["--drain-time-s", str(max(0, self.drain // _SECOND))]
        if self.flush_interval is not None:
            found += ["--file-flush-interval-msec", str(max(1, self.flush_interval // _MILLI))]
        if self.flush_size is not None:
            found += ["--file-flush-min-size-kb", str(self.flush_size // _KILOBYTE)]
        return tuple(found)


NOTHING_SAID: Final = ProxyStart()
_SECOND: Final = timedelta(seconds=1)
_MILLI: Final = timedelta(milliseconds=1)
_KILOBYTE: Final = 1024
