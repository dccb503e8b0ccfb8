"""What a proxy is started with becomes values of its bootstrap (``envoy/bootstrap.json``).

Sources: Istio ``tools/packaging/common/envoy_bootstrap.json``; envoy/config/metrics/v3/stats.proto.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, assert_never

from controlplane.base.addresses import Address
from controlplane.model.proxy import Labels
from controlplane.model.proxy_start import (
    BootstrapTracer,
    Collector,
    CollectorTls,
    Included,
    Keepalive,
    ProxyStart,
    Statistics,
)
from controlplane.model.tls import SYSTEM_TRUST_PATH

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

METRICS_SERVICE: Final = "envoy_metrics_service"
ACCESS_LOG_SERVICE: Final = "envoy_accesslog_service"
"""Names of clusters; the second is what listeners log to. Source: Istio's bootstrap."""
MAX_CONNECTIONS: Final = 50_000
RUNTIME: Final[Mapping[str, Json]] = {"re2.max_program_size.error_level": 32768}
_TYPE: Final = "type.googleapis.com/envoy"
_HTTP_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_COMPRESSORS: Final = {
    "gzip": "compression.gzip.compressor.v3.Gzip",
    "brotli": "compression.brotli.compressor.v3.Brotli",
    "zstd": "compression.zstd.compressor.v3.Zstd",
}
_BOOLEANS: Final = {"true": True, "false": False}


def started_values(start: ProxyStart, cluster: str) -> dict[str, Json]:
    """The values of the template by name; a name that is missing leaves its place out. ``cluster``
    is the proxy's service in spans.
    """
    statistics = start.statistics
    sinks = [*_sinks(statistics)]
    collectors = {
        METRICS_SERVICE: statistics.service,
        ACCESS_LOG_SERVICE: start.access_logs,
    }
    values: dict[str, Json] = {
        "runtime": _runtime(start.runtime),
        "max_connections": start.max_connections or MAX_CONNECTIONS,
        "stats_tags": [_tag(name) for name in statistics.tags],
        "compressors": [*_compressors()] if statistics.is_compressed else [],
        "collectors": [
            *(_grpc_cluster(name, c) for name, c in collectors.items() if c is not None),
            *([_tracer_cluster(*start.tracer)] if start.tracer is not None else []),
        ],
    }
    if start.tracer is not None:
        values["tracing"] = {"http": _tracer(start.tracer[0], cluster)}
    if statistics.buckets:
        values["histograms"] = [*_histograms(statistics)]
    if statistics.included is not None:
        values["stats_matcher"] = _matcher(statistics.included)
    if sinks:  # they get statistics every five seconds, not when somebody asks
        values["stats_sinks"] = sinks
    else:
        values["flushed_on_admin"] = True
    return values


def _runtime(said: Labels) -> Mapping[str, Json]:
    """Envoy takes true and false as such alone; an empty value takes a default away."""
    found: dict[str, Json] = {**RUNTIME, **{k: _BOOLEANS.get(v, v) for k, v in said}}
    return {name: value for name, value in found.items() if value != ""}


def _tag(name: str) -> Json:
    """Istio's extensions write ``name=.=value;.;`` into the names of statistics."""
    return {"tag_name": name, "regex": rf"({re.escape(name)}=\.=(.*?);\.;)"}


def _matcher(included: Included) -> Json:
    patterns: list[Json] = [
        *({"prefix": text} for text in included.prefixes),
        *({"suffix": text} for text in included.suffixes),
        *({"safe_regex": {"regex": text}} for text in included.regexes),
    ]
    return {"inclusion_list": {"patterns": patterns}}


def _histograms(statistics: Statistics) -> Iterator[Json]:
    for prefix, bounds in statistics.buckets:
        yield {"match": {"prefix": prefix}, "buckets": list(bounds)}


def _sinks(statistics: Statistics) -> Iterator[Json]:
    if statistics.service is not None:
        grpc: Json = {"envoy_grpc": {"cluster_name": METRICS_SERVICE}}
        yield {
            "name": "envoy.stat_sinks.metrics_service",
            "typed_config": {
                "@type": f"{_TYPE}.config.metrics.v3.MetricsServiceConfig",
                "transport_api_version": "V3",
                "grpc_service": grpc,
            },
        }
    if statistics.statsd is not None:
        yield {
            "name": "envoy.stat_sinks.statsd",
            "typed_config": {
                "@type": f"{_TYPE}.config.metrics.v3.StatsdSink",
                "address": socket_address(statistics.statsd, protocol="UDP"),
            },
        }


def _compressors() -> Iterator[Json]:
    """The last is preferred, as filters see an answer in reverse: zstd, brotli, gzip."""
    for name, library in _COMPRESSORS.items():
        yield {
            "name": f"envoy.filters.http.compressor.{name}",
            "typed_config": {
                "@type": f"{_TYPE}.extensions.filters.http.compressor.v3.Compressor",
                "compressor_library": {
                    "name": name,
                    "typed_config": {"@type": f"{_TYPE}.extensions.{library}"},
                },
            },
        }


def _tracer(tracer: BootstrapTracer, cluster: str) -> Json:
    """Source: Istio's bootstrap."""
    match tracer:
        case BootstrapTracer.ZIPKIN:
            config: dict[str, Json] = {
                "@type": f"{_TYPE}.config.trace.v3.ZipkinConfig",
                "collector_cluster": tracer.value,
                "collector_endpoint": "/api/v2/spans",
                "collector_endpoint_version": "HTTP_JSON",
                "trace_id_128bit": True,
                "shared_span_context": False,
            }
            return {"name": "envoy.tracers.zipkin", "typed_config": config}
        case BootstrapTracer.DATADOG:
            config = {
                "@type": f"{_TYPE}.config.trace.v3.DatadogConfig",
                "collector_cluster": tracer.value,
                "service_name": cluster,
            }
            return {"name": "envoy.tracers.datadog", "typed_config": config}
    assert_never(tracer)


def _tracer_cluster(tracer: BootstrapTracer, collector: Collector) -> Json:
    return _cluster(tracer.value, collector, ())


def _grpc_cluster(name: str, collector: Collector) -> Json:
    http: Mapping[str, Json] = {
        "@type": f"{_TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    options: Json = {_HTTP_OPTIONS: http}
    cluster = _cluster(name, collector, ("h2",))
    return {**cluster, "typed_extension_protocol_options": options}


def _cluster(name: str, collector: Collector, alpn: Sequence[str]) -> Mapping[str, Json]:
    """Looked up by name where the address is none; ``alpn`` is what TLS offers."""
    address = collector.address
    cluster: dict[str, Json] = {
        "name": name,
        "alt_stat_name": f"{name};",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(address)}}]}],
        },
    }
    if address.numeric:
        cluster["type"] = "STATIC"
    else:
        dns: Mapping[str, Json] = {
            "@type": f"{_TYPE}.extensions.clusters.dns.v3.DnsCluster",
            "dns_refresh_rate": "30s",
            "respect_dns_ttl": True,
            "dns_lookup_family": "V4_PREFERRED",
        }
        cluster["cluster_type"] = {"name": "envoy.clusters.dns", "typed_config": dns}
    if collector.tls is not None:
        cluster["transport_socket"] = _transport_socket(collector.tls, alpn)
    if collector.keepalive is not None:
        keepalive = _keepalive(collector.keepalive)
        cluster["upstream_connection_options"] = {"tcp_keepalive": keepalive}
    return cluster


def _transport_socket(tls: CollectorTls, alpn: Sequence[str]) -> Json:
    common: dict[str, Json] = {"alpn_protocols": list(alpn)} if alpn else {}
    if tls.certificate and tls.key:
        chain, key = ({"filename": file} for file in (tls.certificate, tls.key))
        common["tls_certificates"] = [{"certificate_chain": chain, "private_key": key}]
    if tls.is_verified:
        context: dict[str, Json] = {"trusted_ca": {"filename": tls.trusted or SYSTEM_TRUST_PATH}}
        names = tls.names or ((tls.sni,) if tls.sni else ())
        if names:
            context["match_typed_subject_alt_names"] = [
                {"san_type": kind, "matcher": {"exact": name}}
                for name in names
                for kind in ("DNS", "URI")
            ]
        common["validation_context"] = context
    socket: dict[str, Json] = {
        "@type": f"{_TYPE}.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": common,
    }
    if tls.sni:
        socket["sni"] = tls.sni
    return {"name": "envoy.transport_sockets.tls", "typed_config": socket}


def _keepalive(keepalive: Keepalive) -> Json:
    found = {
        "keepalive_probes": keepalive.probes,
        "keepalive_time": _seconds(keepalive.time),
        "keepalive_interval": _seconds(keepalive.interval),
    }
    return {name: value for name, value in found.items() if value is not None}


def _seconds(time: timedelta | None) -> int | None:
    return None if time is None else time // timedelta(seconds=1)


def socket_address(address: Address, protocol: str | None = None) -> Mapping[str, Json]:
    place: dict[str, Json] = {"address": address.host, "port_value": address.port}
    if protocol is not None:
        place["protocol"] = protocol
    return {"socket_address": place}
