"""The values of ProxyConfig that a proxy is started with: what is wrong is reported and left out.

Source: Istio ``pkg/config/validation/agent/validation.go`` (``ValidateMeshConfigProxyConfig``)
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from controlplane.base.codes import (
    MISSING_FIELD,
    NOT_SUPPORTED_YET,
    REGEX_REFUSED,
    VALUE_MALFORMED,
    VALUE_OUT_OF_RANGE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.mesh_config import ProxyConfig
from controlplane.kinds.istio.proxy_config import (
    MAX_CONNECTIONS,
    RemoteService,
    StatsMatcher,
    Tracing,
)
from controlplane.kinds.istio.traffic_policy import ClientTlsMode
from controlplane.kinds.service_address import service_address
from controlplane.kinds.spec import Duration
from controlplane.kinds.validation import names
from controlplane.kinds.validation.checks import spelled

_SECOND: Final = timedelta(seconds=1)
_LAST_PORT: Final = 65535
_CONNECTIONS: Final = re.compile(r"[1-9][0-9]{0,17}")  # no Envoy starts with more than 64 bits hold
RUNTIME_LIMIT: Final = "overload.global_downstream_max_connections"
"""A key of ``runtimeValues`` that Envoy has replaced by a limit of its overload manager."""


def is_connection_limit(text: str) -> bool:
    return _CONNECTIONS.fullmatch(text) is not None


def startable(report: Report, at: FieldRef, config: ProxyConfig) -> ProxyConfig:
    """``config`` without what no proxy can be started with."""
    left_out = (
        *_ports(report, at, config),
        *_durations(report, at, config),
        *_addresses(report, at, config),
    )
    _check_connections(report, at, config)
    if config.proxy_stats_matcher is not None:
        place = at / "proxyStatsMatcher"
        matcher = _matcher(report, place, config.proxy_stats_matcher)
        config = replace(config, proxy_stats_matcher=matcher)
    unset = ProxyConfig()
    return replace(config, **{name: getattr(unset, name) for name in left_out})


def _ports(report: Report, at: FieldRef, config: ProxyConfig) -> Iterator[str]:
    for name, field, port in (
        ("proxy_admin_port", "proxyAdminPort", config.proxy_admin_port),
        ("status_port", "statusPort", config.status_port),
    ):
        if not 0 <= port <= _LAST_PORT:
            report.add(VALUE_OUT_OF_RANGE, at / field, f"port {port} is not between 1 and 65535")
            yield name
    if config.concurrency is not None and config.concurrency < 0:
        message = f"concurrency {config.concurrency} is below 0"
        report.add(VALUE_OUT_OF_RANGE, at / "concurrency", message)
        yield "concurrency"


def _check_connections(report: Report, at: FieldRef, config: ProxyConfig) -> None:
    for field, name, values in (
        ("proxyMetadata", MAX_CONNECTIONS, config.proxy_metadata),
        ("runtimeValues", RUNTIME_LIMIT, config.runtime_values),
    ):
        text = values.get(name, "")
        if text and not is_connection_limit(text):
            message = f'"{text[:40]}" is no number of connections that a proxy can be limited to'
            hint = "write a whole number from 1 to 18 digits long"
            report.add(VALUE_MALFORMED, at / field / name, message, hint=hint)


def _durations(report: Report, at: FieldRef, config: ProxyConfig) -> Iterator[str]:
    for name, field, value, least in (
        ("drain_duration", "drainDuration", config.drain_duration, "1s"),
        (
            "termination_drain_duration",
            "terminationDrainDuration",
            config.termination_drain_duration,
            "0s",
        ),
        ("file_flush_interval", "fileFlushInterval", config.file_flush_interval, "1ms"),
    ):
        if value is not None and value.nanoseconds < _LEAST[least]:
            message = f"{spelled(value)} is shorter than {least}"
            report.add(VALUE_OUT_OF_RANGE, at / field, message)
            yield name
    drain = config.drain_duration
    if drain is not None and drain.nanoseconds >= _LEAST["1s"] and _has_parts(drain):
        message = f"{spelled(drain)} is not whole seconds"
        report.add(VALUE_OUT_OF_RANGE, at / "drainDuration", message)
        yield "drain_duration"


_LEAST: Final = {"0s": 0, "1ms": 1_000_000, "1s": 1_000_000_000}


def _has_parts(duration: Duration) -> bool:
    return bool(duration.length % _SECOND or duration.beyond)


def _addresses(report: Report, at: FieldRef, config: ProxyConfig) -> Iterator[str]:
    if config.statsd_udp_address:
        place, address = at / "statsdUdpAddress", service_address(config.statsd_udp_address)
        if address is None:
            _report_address(report, place, config.statsd_udp_address)
            yield "statsd_udp_address"
        elif not address.numeric:
            message = f"{address.host} is a name, and Envoy sends statsd to IP addresses only"
            report.add(VALUE_MALFORMED, place, message, hint="write the address of the server")
            yield "statsd_udp_address"
    for name, field, service in (
        ("envoy_metrics_service", "envoyMetricsService", config.envoy_metrics_service),
        ("envoy_access_log_service", "envoyAccessLogService", config.envoy_access_log_service),
    ):
        if service is not None and not _is_usable(report, at / field, service):
            yield name
    if config.tracing is not None:
        _check_tracers(report, at / "tracing", config.tracing)


def _check_tracers(report: Report, at: FieldRef, tracing: Tracing) -> None:
    """A tracer without an address is none; all else of ``tracing`` is used."""
    for name, said in (("zipkin", tracing.zipkin), ("datadog", tracing.datadog)):
        if said is not None:
            address, tls = said.address, tracing.tls_settings
            service = RemoteService(address=address, tls_settings=tls)
            if not address:
                report.add(MISSING_FIELD, at / name, "the address of the collector is missing")
            else:
                _is_usable(report, at / name, service)


def _is_usable(report: Report, at: FieldRef, service: RemoteService) -> bool:
    if service.address and service_address(service.address) is None:
        _report_address(report, at / "address", service.address)
        return False
    tls, place = service.tls_settings, at / "tlsSettings"
    if tls is None:
        return True
    if tls.mode is ClientTlsMode.ISTIO_MUTUAL or tls.credential_name:
        what = "credentialName" if tls.credential_name else "ISTIO_MUTUAL"
        message = f"{what} is not supported here yet, so nothing is sent to {service.address}"
        hint = "give files that the proxy has: clientCertificate, privateKey, caCertificates"
        report.add(NOT_SUPPORTED_YET, place, message, hint=hint)
        return False
    if tls.mode is ClientTlsMode.MUTUAL and not (tls.client_certificate and tls.private_key):
        message = "MUTUAL needs a clientCertificate and its privateKey"
        report.add(MISSING_FIELD, place, message)
        return False
    return True


def _report_address(report: Report, at: FieldRef, text: str) -> None:
    message = f'"{text}" is not a host and a port'
    report.add(VALUE_MALFORMED, at, message, hint="write collector.example:15000")


def _matcher(report: Report, at: FieldRef, matcher: StatsMatcher) -> StatsMatcher:
    """Empty patterns would include everything, or are refused by Envoy."""
    regexes = []
    for i, pattern in enumerate(matcher.inclusion_regexps):
        fault = names.regex_fault(pattern) if pattern else "is empty"
        if fault is None:
            regexes.append(pattern)
        else:
            report.add(REGEX_REFUSED, at / "inclusionRegexps" / i, f'"{pattern}" {fault}')
    texts = {}
    for field, name, patterns in (
        ("inclusionPrefixes", "inclusion_prefixes", matcher.inclusion_prefixes),
        ("inclusionSuffixes", "inclusion_suffixes", matcher.inclusion_suffixes),
    ):
        for i, pattern in enumerate(patterns):
            if not pattern:
                report.add(VALUE_MALFORMED, at / field / i, "the pattern is empty")
        texts[name] = tuple(filter(None, patterns))
    return StatsMatcher(inclusion_regexps=tuple(regexes), **texts)
