"""Prometheus metrics, under istiod's names where they mean the same, so that its dashboards work.

No label is a proxy's or an object's name: they are chosen by whoever connects, and each would stay
forever. The exceptions are Secrets in use, which are looked up each time, at most 500 of them.
Source: Istio ``pilot/pkg/xds/monitoring.go``, ``pilot/pkg/model/push_context.go``,
``security/pkg/server/ca/monitoring.go``.
"""

import re
from collections import Counter as Counted
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from controlplane.base.diagnostics import Diagnostic
from controlplane.base.names import ObjectKey
from controlplane.envoy.resource import TypeUrl

SHORT: Final = {
    TypeUrl.CLUSTER: "cds",
    TypeUrl.ENDPOINT: "eds",
    TypeUrl.LISTENER: "lds",
    TypeUrl.ROUTE: "rds",
    TypeUrl.SECRET: "sds",
    TypeUrl.EXTENSION: "ecds",
    TypeUrl.GATEWAY_PROXY: "gateways",
}
_SECONDS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 1, 3, 5, 10, 20, 30)
"""Istio's own buckets begin at 0.1; most of what happens here is faster."""
_SUFFIX: Final = re.compile(rb"^((?:# \w+ )?(?:pilot|citadel)\w+)_total\b", re.MULTILINE)
"""What the client library appends to the names of counters; istiod's have none."""
_BYTES: Final = (1_000, 10_000, 100_000, 1_000_000, 4_000_000, 10_000_000, 40_000_000)


EXPIRIES_SHOWN: Final = 500
"""Those that expire first."""

Expiries = Callable[[], Iterable[tuple[ObjectKey, datetime]]]


class _SecretExpiry(Collector):
    """Seconds until the certificate of each Secret in use expires; negative afterwards."""

    def __init__(self, expiries: Expiries, clock: Callable[[], datetime]) -> None:
        self._expiries = expiries
        self._clock = clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "controlplane_secret_expiry_seconds",
            "Seconds until a Secret that is in use expires.",
            labels=("namespace", "name"),
        )
        now = self._clock()
        soonest = sorted(self._expiries(), key=lambda found: found[1])[:EXPIRIES_SHOWN]
        for key, ends in soonest:
            family.add_metric((key.namespace, key.name), (ends - now).total_seconds())
        yield family


class Metrics:
    """What is counted, reported by those who do it; figures that are only read are functions."""

    def __init__(self, version: str) -> None:
        # It would add a second series to each, which no dashboard of Istio reads.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library's is not typed
        own = CollectorRegistry()
        ProcessCollector(registry=own)
        self._registry = own
        self._diagnosed: set[tuple[str, str]] = set()
        info = Gauge("pilot_info", "Version of the control plane.", ["version"], registry=own)
        info.labels(version).set(1)
        self._connections = Gauge("pilot_xds", "Connected proxies.", registry=own)
        self._services = Gauge("pilot_services", "Services known.", registry=own)
        self._virtual_services = Gauge(
            "pilot_virt_services", "VirtualServices in force.", registry=own
        )
        self._objects = Gauge("controlplane_objects", "Objects.", ["state"], registry=own)
        self._root_expiry = Gauge(
            "citadel_server_root_cert_expiry_timestamp",
            "When the mesh's root certificate expires, in seconds since 1970.",
            registry=own,
        )
        self._pushes = Counter(
            "pilot_xds_pushes", "Responses sent to proxies.", ["type"], registry=own
        )
        self._rejects = Counter(
            "pilot_total_xds_rejects", "Responses that proxies rejected.", ["type"], registry=own
        )
        self._size = Histogram(
            "pilot_xds_config_size_bytes",
            "Size of responses.",
            ["type"],
            buckets=_BYTES,
            registry=own,
        )
        self._updates = Counter(
            "pilot_inbound_updates", "Changes of configuration.", ["type"], registry=own
        )
        self._push_time = Histogram(
            "pilot_pushcontext_init_seconds",
            "Time from a change to the computed resources.",
            buckets=_SECONDS,
            registry=own,
        )
        self._convergence = Histogram(
            "pilot_proxy_convergence_time",
            "Time from a change to its acknowledgement by a proxy.",
            buckets=_SECONDS,
            registry=own,
        )
        self._certificates = Counter(
            "citadel_server_success_cert_issuance_count",
            "Workload certificates issued.",
            registry=own,
        )
        self._refused_tokens = Counter(
            "citadel_server_authentication_failure_count",
            "Streams refused because their token was missing or not valid.",
            registry=own,
        )
        self._diagnostics = _diagnostics(own)
        self._limited = _limited(own)

    def look_up(
        self,
        *,
        connections: Callable[[], int],
        services: Callable[[], int],
        virtual_services: Callable[[], int],
        objects: Callable[[], int],
        refused: Callable[[], int],
        held: Callable[[], int],
    ) -> None:
        """Ask these for their figures whenever the metrics are read."""
        self._connections.set_function(connections)
        self._services.set_function(services)
        self._virtual_services.set_function(virtual_services)
        self._objects.labels("in_force").set_function(objects)
        self._objects.labels("refused").set_function(refused)
        self._objects.labels("removal_held").set_function(held)

    def secrets_expire(self, expiries: Expiries, clock: Callable[[], datetime]) -> None:
        """Ask ``expiries`` when Secrets end whenever the metrics are read."""
        self._registry.register(_SecretExpiry(expiries, clock))

    def sent(self, type_url: TypeUrl, size: int) -> None:
        """A response of ``size`` bytes went to one proxy."""
        self._pushes.labels(SHORT[type_url]).inc()
        self._size.labels(SHORT[type_url]).observe(size)

    def rejected(self, type_url: TypeUrl) -> None:
        self._rejects.labels(SHORT[type_url]).inc()

    def limited(self, limit: str) -> None:
        """A stream was ended or refused because its client exceeds ``limit``."""
        self._limited.labels(limit).inc()

    def changed(self, took: timedelta) -> None:
        """The configuration changed; ``took`` until all that follows was computed."""
        self._updates.labels("config").inc()
        self._push_time.observe(took.total_seconds())

    def diagnosed(self, diagnostics: Iterable[Diagnostic]) -> None:
        """All that is wrong now; a code that no longer occurs goes to 0 and stays there."""
        now = Counted((d.code.id, d.severity.value) for d in diagnostics)
        for labels in self._diagnosed | now.keys():
            self._diagnostics.labels(*labels).set(now[labels])
        self._diagnosed |= now.keys()

    def converged(self, took: timedelta) -> None:
        """One proxy acknowledged what a change meant for it, ``took`` after the change."""
        self._convergence.observe(took.total_seconds())

    def issued(self) -> None:
        self._certificates.inc()

    def token_refused(self) -> None:
        self._refused_tokens.inc()

    def root_expires(self, at: datetime) -> None:
        self._root_expiry.set(at.timestamp())

    def exposition(self) -> tuple[bytes, str]:
        """Prometheus' text and its content type."""
        return _SUFFIX.sub(rb"\1", generate_latest(self._registry)), CONTENT_TYPE_LATEST


def _diagnostics(registry: CollectorRegistry) -> Gauge:
    return Gauge(
        "controlplane_diagnostics",
        "What is wrong in the configuration now.",
        ["code", "severity"],
        registry=registry,
    )


def _limited(registry: CollectorRegistry) -> Counter:
    return Counter(
        "controlplane_xds_limited",
        "Streams that were ended or refused because their client exceeded a limit.",
        ["limit"],
        registry=registry,
    )
