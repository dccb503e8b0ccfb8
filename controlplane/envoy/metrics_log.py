"""``envoy.access_loggers.stats``: what Istio's own filter counts, counted by stock Envoy.

A logger names a metric ``istio.requests_total``; the proxy's own exposition on port 15090 gives it
Istio's name and fills in what the same listener of many proxies leaves open
(``controlplane.envoy.exposition``). Constant texts and metadata cost a third of what expressions
of CEL do, so no standard label is one.

Requests and gRPC calls have a logger each, because only a filter can tell them apart. A connection
is counted as opened when its upstream is connected, or when it ends without one, and its bytes
when it ends.
Source: envoy/extensions/access_loggers/stats/v3/stats.proto; istio/proxy
``source/extensions/filters/http/istio_stats/istio_stats.cc``.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLog,
    AccessLogFilter,
    AndFilter,
    HeaderFilter,
    LogTypeFilter,
    ResponseFlagFilter,
)
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from envoy.data.accesslog.v3.accesslog_pb2 import AccessLogType
from envoy.extensions.access_loggers.stats.v3.stats_pb2 import Config
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.wrappers_pb2 import UInt64Value

from controlplane.envoy.endpoints import METRICS
from controlplane.envoy.packing import packed
from controlplane.model.metrics import PREFIX, Metric, Metrics, Reporter

_NAME: Final = "envoy.access_loggers.stats"
UNKNOWN: Final = "unknown"
_PEER: Final = "@peer"
_OWN: Final[Mapping[str, str]] = {
    "workload": "@workload",
    "workload_namespace": "@workload_namespace",
    "app": "@app",
    "version": "@version",
    "cluster": "@cluster",
    "canonical_service": "@canonical_service",
    "canonical_revision": "@canonical_revision",
}
"""Labels of the proxy's own side, and what ``exposition`` replaces by them."""
_GRPC: Final = r"application/grpc(\+.*)?"  # Envoy, Grpc::Common::isGrpcRequestHeaders
_NEVER_CONNECTED: Final = ("UF", "UH", "NR", "NC", "UO", "UAEX", "DPE", "RL")
"""Response flags of connections that reached no upstream."""
_COUNTED: Final[Mapping[Metric, str | None]] = {
    Metric.REQUEST_COUNT: None,
    Metric.TCP_OPENED_CONNECTIONS: None,
    Metric.TCP_CLOSED_CONNECTIONS: None,
    Metric.TCP_SENT_BYTES: "%DOWNSTREAM_WIRE_BYTES_SENT%",
    Metric.TCP_RECEIVED_BYTES: "%DOWNSTREAM_WIRE_BYTES_RECEIVED%",
}
"""Counters, and what is added: 1 where there is no format."""
_MEASURED: Final = {
    Metric.REQUEST_DURATION: (Config.Histogram.Milliseconds, "%DURATION%"),
    Metric.REQUEST_SIZE: (Config.Histogram.Bytes, "%DOWNSTREAM_WIRE_BYTES_RECEIVED%"),
    Metric.RESPONSE_SIZE: (Config.Histogram.Bytes, "%DOWNSTREAM_WIRE_BYTES_SENT%"),
}
_OF_REQUESTS: Final = (Metric.REQUEST_COUNT, *_MEASURED)
_OF_ENDS: Final = (
    Metric.TCP_CLOSED_CONNECTIONS,
    Metric.TCP_SENT_BYTES,
    Metric.TCP_RECEIVED_BYTES,
)
_OF_STARTS: Final = (Metric.TCP_OPENED_CONNECTIONS,)


def request_metrics(metrics: Metrics) -> tuple[AccessLog, ...]:
    """The loggers of an HTTP connection manager."""
    http = {"request_protocol": "http", **_OUTCOME}
    grpc = {
        "request_protocol": "grpc",
        **_OUTCOME,
        "grpc_response_status": "%GRPC_STATUS_NUMBER%",
    }
    return (
        *_logger(metrics, _OF_REQUESTS, http, _content_type(is_grpc=False)),
        *_logger(metrics, _OF_REQUESTS, grpc, _content_type(is_grpc=True)),
    )


def connection_metrics(metrics: Metrics) -> tuple[AccessLog, ...]:
    """The loggers of a TCP proxy, which has to log when it is connected as well."""
    tcp = {"request_protocol": "tcp", "response_flags": _OUTCOME["response_flags"]}
    ended = _log_type(AccessLogType.TcpConnectionEnd)
    failed = _all((ended, _flags(_NEVER_CONNECTED)))
    return (
        *_logger(metrics, _OF_STARTS, tcp, _log_type(AccessLogType.TcpUpstreamConnected)),
        *_logger(metrics, _OF_STARTS, tcp, failed),
        *_logger(metrics, _OF_ENDS, tcp, ended),
    )


def at_end(log: AccessLog) -> AccessLog:
    """``log`` of a TCP proxy that logs when it is connected as well, for the end alone."""
    ended = _log_type(AccessLogType.TcpConnectionEnd)
    limited = AccessLog()
    limited.CopyFrom(log)
    limited.filter.CopyFrom(_all((ended, log.filter)) if log.HasField("filter") else ended)
    return limited


_OUTCOME: Final = {"response_code": "%RESPONSE_CODE%", "response_flags": "%RESPONSE_FLAGS%"}


def _logger(
    metrics: Metrics, of: Iterable[Metric], outcome: Mapping[str, str], only: AccessLogFilter
) -> tuple[AccessLog, ...]:
    """A logger of these metrics as far as they are wanted."""
    wanted = [metric for metric in of if metric not in metrics.disabled]
    if not wanted:
        return ()
    labels = {**_labels(metrics), **outcome}
    stats = {metric: _stat(metrics, metric, labels) for metric in wanted}
    config = Config(
        stat_prefix=PREFIX,
        histograms=[
            Config.Histogram(stat=stats[metric], unit=unit, value_format=value)
            for metric, (unit, value) in _MEASURED.items()
            if metric in stats
        ],
        counters=[
            Config.Counter(
                stat=stats[metric],
                value_format=value or "",
                value_fixed=UInt64Value(value=1) if value is None else None,
            )
            for metric, value in _COUNTED.items()
            if metric in stats
        ],
    )
    return (AccessLog(name=_NAME, filter=only, typed_config=packed(config)),)


def _stat(metrics: Metrics, metric: Metric, labels: Mapping[str, str]) -> Config.Stat:
    own = {**labels, **{change.name: change.format for change in metrics.changes_of(metric)}}
    return Config.Stat(
        name=metric.value,
        tags=[
            Config.Tag(name=name, value_format=value)
            for name, value in own.items()
            if value is not None
        ],
    )


def _labels(metrics: Metrics) -> dict[str, str]:
    """The labels that do not depend on what is called: Istio's, in its order."""
    match metrics.reporter:
        case Reporter.SOURCE:
            sides = {
                **_side("source", _OWN, "%UPSTREAM_LOCAL_URI_SAN%"),
                **_side("destination", _OF_ENDPOINT, "%UPSTREAM_PEER_URI_SAN%"),
                **_OF_CLUSTER,
            }
            security = UNKNOWN
        case Reporter.DESTINATION:
            host, name = metrics.service.host, metrics.service.name
            sides = {
                **_side("source", _CALLER, "%DOWNSTREAM_PEER_URI_SAN%"),
                **_side("destination", _OWN, "%DOWNSTREAM_LOCAL_URI_SAN%"),
                "destination_service": _text(host) or _OWN["canonical_service"],
                "destination_service_name": _text(name) or _OWN["canonical_service"],
                "destination_service_namespace": _OWN["workload_namespace"],
            }
            security = "mutual_tls" if metrics.is_mutual else "none"
    return {
        "reporter": metrics.reporter.value,
        **sides,
        "connection_security_policy": security,
    }


def _side(side: str, values: Mapping[str, str], principal: str) -> dict[str, str]:
    found = {f"{side}_{name}": value for name, value in values.items()}
    return {**found, f"{side}_principal": principal}


_CALLER: Final = {
    **dict.fromkeys(_OWN, UNKNOWN),
    "workload_namespace": _PEER,
    "canonical_revision": "latest",
}
"""Of a caller only its certificate is known."""
_OF_ENDPOINT: Final = {name: f"%METADATA(UPSTREAM_HOST:{METRICS}:{name})%" for name in _OWN}
_OF_CLUSTER: Final = {
    f"destination_{name}": f"%METADATA(CLUSTER:{METRICS}:{name})%"
    for name in ("service", "service_name", "service_namespace")
}


def _text(value: str) -> str:
    return value.replace("%", "%%")


def _content_type(*, is_grpc: bool) -> AccessLogFilter:
    matcher = StringMatcher(safe_regex=RegexMatcher(regex=_GRPC))
    header = HeaderMatcher(
        name="content-type",
        string_match=matcher,
        invert_match=not is_grpc,
        treat_missing_header_as_empty=not is_grpc,
    )
    return AccessLogFilter(header_filter=HeaderFilter(header=header))


def _log_type(log_type: AccessLogType) -> AccessLogFilter:
    return AccessLogFilter(log_type_filter=LogTypeFilter(types=[log_type]))


def _flags(flags: Iterable[str]) -> AccessLogFilter:
    return AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=flags))


def _all(filters: Iterable[AccessLogFilter]) -> AccessLogFilter:
    return AccessLogFilter(and_filter=AndFilter(filters=filters))
