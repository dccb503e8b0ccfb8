"""Prometheus metrics: what is counted is reported by those who do it, what is only read is asked
for when the metrics are.

No label is a proxy's or an object's name: they are chosen by whoever connects, and each would stay
forever. The exceptions are Secrets in use, which are looked up each time, at most 500 of them.
"""

import re
from collections import Counter as Counted
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
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

from controlplane.admin.metric_families import (
    COUNTERS_WITHOUT_ENDING,
    FAMILIES,
    Family,
    Form,
)
from controlplane.base.diagnostics import Diagnostic
from controlplane.base.laps import Lap
from controlplane.base.names import Kind, ObjectKey
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
WRITE_TIME: Final = "write_time"
"""The limit that a client exceeds who does not read. Source: ``xds/stream.py``"""
_SUFFIX: Final = re.compile(
    rb"^((?:# \w+ )?(?:%s))_total\b" % "|".join(COUNTERS_WITHOUT_ENDING).encode(), re.MULTILINE
)
"""What the client library appends to the names of counters; most of istiod's have none."""
_LOOKED_UP: Final = frozenset({"controlplane_kind_objects", "controlplane_secret_expiry_seconds"})

EXPIRIES_SHOWN: Final = 500
"""Those that expire first."""

Expiries = Callable[[], Iterable[tuple[ObjectKey, datetime]]]
Labelled = Iterable[tuple[tuple[str, ...], float]]


class _LookedUp(Collector):
    """A family of which each label's value is asked for when the metrics are."""

    def __init__(self, name: str, values: Callable[[], Labelled]) -> None:
        self._family = next(family for family in FAMILIES if family.name == name)
        self._values = values

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = self._family
        made = GaugeMetricFamily(family.name, family.help, labels=family.labels)
        for labels, value in self._values():
            made.add_metric(labels, value)
        yield made


class Metrics:
    """Use one for each control plane."""

    def __init__(self, version: str) -> None:
        # It would add a second series to each, which no dashboard of Istio reads.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library's is not typed
        own = CollectorRegistry()
        ProcessCollector(registry=own)
        self._registry = own
        self._diagnosed: set[tuple[str, str]] = set()
        made = [family for family in FAMILIES if family.name not in _LOOKED_UP]
        self._gauges = {f.name: _gauge(f, own) for f in made if f.form is Form.GAUGE}
        self._counters = {f.name: _counter(f, own) for f in made if f.form is Form.COUNTER}
        self._histograms = {f.name: _histogram(f, own) for f in made if f.form is Form.HISTOGRAM}
        self._of_type = {
            url: _OfType(
                self._counters["pilot_xds_pushes"].labels(name),
                self._histograms["pilot_xds_config_size_bytes"].labels(name),
                self._histograms["pilot_xds_push_time"].labels(name),
            )
            for url, name in SHORT.items()
        }
        self._write_time = self._histograms["pilot_xds_send_time"]
        self._gauges["pilot_info"].labels(version).set(1)
        self._gauges["istio_build"].labels("pilot", version).set(1)

    def look_up(
        self,
        *,
        connections: Callable[[], int],
        services: Callable[[], int],
        virtual_services: Callable[[], int],
        objects: Callable[[], int],
        refused: Callable[[], int],
        held: Callable[[], int],
        registered: Callable[[], int] = lambda: 0,
        kinds: Callable[[], Mapping[Kind, int]] = dict,
    ) -> None:
        """Ask these for their figures whenever the metrics are read."""
        self._gauges["pilot_xds"].set_function(connections)
        self._gauges["pilot_services"].set_function(services)
        self._gauges["pilot_virt_services"].set_function(virtual_services)
        self._gauges["controlplane_registered_workloads"].set_function(registered)
        states = self._gauges["controlplane_objects"]
        states.labels("in_force").set_function(objects)
        states.labels("refused").set_function(refused)
        states.labels("removal_held").set_function(held)

        def by_kind() -> Labelled:
            return (((kind.group, kind.name), count) for kind, count in kinds().items() if count)

        self._registry.register(_LookedUp("controlplane_kind_objects", by_kind))

    def expire(
        self,
        secrets: Expiries,
        root: Callable[[], datetime],
        chain: Callable[[], datetime],
        clock: Callable[[], datetime],
    ) -> None:
        """Ask these when Secrets, the mesh's root and the signing chain end, whenever the metrics
        are read. The control plane begins now.
        """
        begun = clock()
        self._gauges["istiod_uptime_seconds"].set_function(
            lambda: (clock() - begun).total_seconds()
        )
        for name, end in (("root_cert", root), ("cert_chain", chain)):
            self._expires(f"citadel_server_{name}_expiry", end, clock)

        def soonest() -> Labelled:
            now = clock()
            found = sorted(secrets(), key=lambda each: each[1])[:EXPIRIES_SHOWN]
            for key, ends in found:
                yield (key.namespace, key.name), (ends - now).total_seconds()

        self._registry.register(_LookedUp("controlplane_secret_expiry_seconds", soonest))

    def _expires(
        self, name: str, end: Callable[[], datetime], clock: Callable[[], datetime]
    ) -> None:
        self._gauges[f"{name}_timestamp"].set_function(lambda: end().timestamp())
        self._gauges[f"{name}_seconds"].set_function(lambda: (end() - clock()).total_seconds())

    def sent(self, type_url: TypeUrl, size: int, due: float = 0.0, wrote: float = 0.0) -> None:
        """A response of ``size`` bytes went to one proxy, ``due`` seconds after it was to go;
        writing it took ``wrote`` seconds.
        """
        of_type = self._of_type[type_url]
        of_type.pushes.inc()
        of_type.size.observe(size)
        of_type.push_time.observe(due)
        self._write_time.observe(wrote)

    def rejected(self, type_url: TypeUrl) -> None:
        self._counters["pilot_total_xds_rejects"].labels(SHORT[type_url]).inc()

    def limited(self, limit: str) -> None:
        """A stream was ended or refused because its client exceeds ``limit``."""
        self._counters["controlplane_xds_limited_total"].labels(limit).inc()
        if limit == WRITE_TIME:
            self._counters["pilot_xds_write_timeout"].inc()

    def failed(self) -> None:
        """A stream was ended by an internal error."""
        self._counters["pilot_total_xds_internal_errors"].inc()

    def triggered(self, by: str) -> None:
        """Proxies are brought to a new state, because of ``by``."""
        self._counters["pilot_push_triggers"].labels(by).inc()

    def changed(
        self,
        took: timedelta,
        stages: Iterable[Lap] = (),
        waited: timedelta | None = None,
        passed: Iterable[Kind] = (),
        refused: Iterable[Kind] = (),
    ) -> None:
        """The configuration changed; ``took`` until all that follows was computed."""
        self._counters["pilot_inbound_updates"].labels("config").inc()
        self._histograms["pilot_pushcontext_init_seconds"].observe(took.total_seconds())
        for lap in stages:
            stage = self._histograms["controlplane_edit_stage_seconds"].labels(lap.stage)
            stage.observe(lap.ended - lap.began)
        if waited is not None:
            self._histograms["pilot_debounce_time"].observe(waited.total_seconds())
        for name, kinds in (("passed", passed), ("failed", refused)):
            counter = self._counters[f"galley_validation_{name}"]
            for kind, count in Counted(kinds).items():
                counter.labels(kind.group, kind.name).inc(count)

    def diagnosed(self, diagnostics: Iterable[Diagnostic]) -> None:
        """All that is wrong now; a code that no longer occurs goes to 0 and stays there."""
        gauge = self._gauges["controlplane_diagnostics"]
        now = Counted((d.code.id, d.severity.value) for d in diagnostics)
        for labels in self._diagnosed | now.keys():
            gauge.labels(*labels).set(now[labels])
        self._diagnosed |= now.keys()

    def converged(self, took: timedelta) -> None:
        """The last proxy acknowledged what a change meant for it, ``took`` after the change."""
        self._histograms["pilot_proxy_convergence_time"].observe(took.total_seconds())

    def issued(self) -> None:
        self._counters["citadel_server_success_cert_issuance_count"].inc()

    def token_refused(self) -> None:
        self._counters["citadel_server_authentication_failure_count"].inc()

    def keys_fetched(self, is_available: bool) -> None:
        """A key set of an issuer was fetched, or was not available."""
        outcome = "success" if is_available else "fail"
        self._counters[f"pilot_jwks_resolver_network_fetch_{outcome}_total"].inc()

    def trace_exported(self, outcome: str) -> None:
        """The trace of an edit was ``sent``, ``failed`` to go or was ``dropped``."""
        self._counters["controlplane_trace_exports_total"].labels(outcome).inc()

    def exposition(self) -> tuple[bytes, str]:
        """Prometheus' text and its content type."""
        return _SUFFIX.sub(rb"\1", generate_latest(self._registry)), CONTENT_TYPE_LATEST


@dataclass(frozen=True, slots=True)
class _OfType:
    """What is counted of each response of a type, found once: sending is on the way of an edit."""

    pushes: Counter
    size: Histogram
    push_time: Histogram


def _gauge(family: Family, registry: CollectorRegistry) -> Gauge:
    return Gauge(family.name, family.help, family.labels, registry=registry)


def _counter(family: Family, registry: CollectorRegistry) -> Counter:
    return Counter(family.name, family.help, family.labels, registry=registry)


def _histogram(family: Family, registry: CollectorRegistry) -> Histogram:
    return Histogram(
        family.name, family.help, family.labels, buckets=family.buckets, registry=registry
    )
