"""ProxyConfig becomes what a proxy is started with.

Source: Istio ``pkg/bootstrap/config.go`` (``getProxyConfigOptions``, ``getStatsOptions``,
``extractRuntimeFlags``, ``getServiceCluster``), ``pkg/envoy/proxy.go`` (``args``)
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from controlplane.base.addresses import Address
from controlplane.base.names import Namespace
from controlplane.kinds.istio.mesh_config import ProxyConfig
from controlplane.kinds.istio.proxy_config import (
    MAX_CONNECTIONS,
    METADATA_PREFIX,
    METADATA_VARIABLES,
    RemoteService,
    StatsMatcher,
    Tracing,
    TracingServiceName,
)
from controlplane.kinds.istio.traffic_policy import ClientTls, ClientTlsMode, TcpKeepalive
from controlplane.kinds.proxy_start_values import RUNTIME_LIMIT, is_connection_limit
from controlplane.kinds.proxy_statistics import Buckets
from controlplane.kinds.proxy_variables import is_harmful
from controlplane.kinds.service_address import service_address
from controlplane.model.proxy import NODE_CONFIG, Labels, labels_of
from controlplane.model.proxy_start import (
    BootstrapTracer,
    Collector,
    CollectorTls,
    Included,
    Keepalive,
    ProxyStart,
    Statistics,
)
from controlplane.translate.istio.durations import length

_ALWAYS_PREFIXES: Final = (
    "reporter=",
    "component",
    "istio",
    "cluster_manager",
    "listener_manager",
    "server",
    "cluster.xds-grpc",
    "wasm",
)
_ALWAYS_SUFFIXES: Final = (
    "rbac.allowed",
    "rbac.denied",
    "shadow_allowed",
    "shadow_denied",
    "downstream_cx_active",  # this and the next: a proxy that drains is asked for them
    "downstream_rq_active",
)
_ALWAYS_REGEXES: Final = (r"vhost\..*\.route\..*",)
"""The statistics that every proxy has. Source: Istio ``pkg/bootstrap/config.go``, its bootstrap."""
_OF_THE_NODE: Final = frozenset(
    [
        "INSTANCE_IPS",
        "ISTIO_VERSION",
        "LABELS",
        "NAME",
        "NAMESPACE",
        "SERVICE_ACCOUNT",
        "WORKLOAD_NAME",
        NODE_CONFIG,
    ]
)
"""Metadata that no variable replaces: it says who the proxy is."""
_POD_IP: Final = "{pod_ip}"
_UNNAMED: Final = "istio-proxy"
_CANONICAL: Final = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
_KILOBYTE: Final = 1024


def proxy_start(
    config: ProxyConfig,
    *,
    name: str,
    namespace: Namespace,
    labels: Labels,
    addresses: tuple[str, ...] = (),
    buckets: Buckets = (),
) -> ProxyStart:
    """How the proxy of the workload ``name`` is started; ``buckets`` are of its histograms."""
    environment = {k: v for k, v in config.proxy_metadata.items() if not is_harmful(k)}
    return ProxyStart(
        concurrency=config.concurrency,
        drain=length(config.drain_duration),
        last_drain=length(config.termination_drain_duration),
        flush_interval=length(config.file_flush_interval),
        flush_size=config.file_flush_min_size_kb * _KILOBYTE or None,
        environment=labels_of(environment),
        metadata=labels_of(_metadata(config)),
        cluster=_cluster(config, name, namespace, dict(labels)),
        admin_port=config.proxy_admin_port or None,
        status_port=config.status_port or None,
        runtime=labels_of({k: v for k, v in config.runtime_values.items() if k != RUNTIME_LIMIT}),
        statistics=replace(_statistics(config, addresses), buckets=buckets),
        access_logs=_collector(config.envoy_access_log_service),
        tracer=_tracer(config.tracing),
        max_connections=_max_connections(config),
    )


def _metadata(config: ProxyConfig) -> dict[str, str]:
    """What is sent of a proxy by these variables alone follows their edits at once, so they are no
    part of its start.
    """
    found = {
        name.removeprefix(METADATA_PREFIX): value
        for name, value in config.proxy_metadata.items()
        if name.startswith(METADATA_PREFIX) and name not in METADATA_VARIABLES
    }
    if config.mesh_id:
        found["MESH_ID"] = config.mesh_id
    if config.interception_mode is not None:
        found["INTERCEPTION_MODE"] = config.interception_mode.value
    return {name: value for name, value in found.items() if name and name not in _OF_THE_NODE}


def _cluster(
    config: ProxyConfig, name: str, namespace: Namespace, labels: Mapping[str, str]
) -> str | None:
    """The name of the service in spans; ``None``: the proxy's own."""
    if config.service_cluster not in ("", _UNNAMED):
        return config.service_cluster
    canonical = next((labels[label] for label in _CANONICAL if labels.get(label, "")), name)
    match config.tracing_service_name:
        case TracingServiceName.CANONICAL_NAME_ONLY:
            return canonical
        case TracingServiceName.CANONICAL_NAME_AND_NAMESPACE:
            return f"{canonical}.{namespace}"
        case TracingServiceName.APP_LABEL_AND_NAMESPACE:
            return f"{labels.get('app', name)}.{namespace}"
    return None


def _statistics(config: ProxyConfig, addresses: tuple[str, ...]) -> Statistics:
    matcher = config.proxy_stats_matcher
    return Statistics(
        included=_included(matcher, addresses) if matcher is not None else None,
        tags=tuple(sorted({tag for tag in config.extra_stat_tags if tag})),
        is_compressed=config.stats_compression is not False,
        statsd=service_address(config.statsd_udp_address),
        service=_collector(config.envoy_metrics_service),
    )


def _included(matcher: StatsMatcher, addresses: tuple[str, ...]) -> Included:
    return Included(
        prefixes=(*_ALWAYS_PREFIXES, *_placed(matcher.inclusion_prefixes, addresses)),
        suffixes=(*_ALWAYS_SUFFIXES, *_placed(matcher.inclusion_suffixes, addresses)),
        regexes=(*_ALWAYS_REGEXES, *_placed(matcher.inclusion_regexps, addresses)),
    )


def _placed(patterns: tuple[str, ...], addresses: tuple[str, ...]) -> tuple[str, ...]:
    """``patterns``, ``{pod_ip}`` in them replaced by each address."""
    return tuple(
        pattern.replace(_POD_IP, address)
        for pattern in patterns
        for address in (addresses if _POD_IP in pattern else ("",))
    )


def _collector(service: RemoteService | None) -> Collector | None:
    address = service_address(service.address) if service is not None else None
    if service is None or address is None:
        return None
    return Collector(
        address=address,
        tls=_tls(service.tls_settings, address),
        keepalive=_keepalive(service.tcp_keepalive),
    )


def _tracer(tracing: Tracing | None) -> tuple[BootstrapTracer, Collector] | None:
    """The first that is said, as it is one alone."""
    if tracing is None:
        return None
    for tracer, said in (
        (BootstrapTracer.ZIPKIN, tracing.zipkin),
        (BootstrapTracer.DATADOG, tracing.datadog),
    ):
        address = service_address(said.address) if said is not None else None
        if address is not None:
            return tracer, Collector(address=address, tls=_tls(tracing.tls_settings, address))
    return None


def _tls(tls: ClientTls | None, address: Address) -> CollectorTls | None:
    if tls is None or tls.mode not in (ClientTlsMode.SIMPLE, ClientTlsMode.MUTUAL):
        return None
    is_mutual = tls.mode is ClientTlsMode.MUTUAL
    return CollectorTls(
        sni=tls.sni or ("" if address.numeric else address.host),
        trusted=tls.ca_certificates,
        certificate=tls.client_certificate if is_mutual else "",
        key=tls.private_key if is_mutual else "",
        names=tls.subject_alt_names,
        is_verified=not tls.insecure_skip_verify,
    )


def _keepalive(keepalive: TcpKeepalive | None) -> Keepalive | None:
    if keepalive is None:
        return None
    return Keepalive(
        probes=keepalive.probes or None,
        time=_whole(length(keepalive.time)),
        interval=_whole(length(keepalive.interval)),
    )


def _whole(time: timedelta | None) -> timedelta | None:
    """Sockets count whole seconds, from one on."""
    second = timedelta(seconds=1)
    return None if time is None else max(second, time // second * second)


def _max_connections(config: ProxyConfig) -> int | None:
    settings = config.connection_settings
    said = settings.global_downstream_connection_limit if settings is not None else None
    if said is not None and said > 0:
        return said
    texts = (
        config.proxy_metadata.get(MAX_CONNECTIONS, ""),
        config.runtime_values.get(RUNTIME_LIMIT, ""),
    )
    return next((int(text) for text in texts if is_connection_limit(text)), None)
