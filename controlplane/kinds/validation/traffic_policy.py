"""Connection pools, outlier detection and retry budgets, of a DestinationRule or of the mesh.

Source: Istio ``pkg/config/validation/validation.go``; the DestinationRule CRD
"""

from controlplane.base.codes import (
    DEPRECATED,
    MISSING_FIELD,
    MUTUALLY_EXCLUSIVE,
    NO_EFFECT,
    NOT_ALLOWED_HERE,
    VALUE_OUT_OF_RANGE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.traffic_policy import (
    ConnectionPool,
    H2UpgradePolicy,
    HttpPool,
    OutlierDetection,
    RetryBudget,
    TcpKeepalive,
    TcpPool,
)
from controlplane.kinds.validation.checks import check_duration, check_duration_or_zero


def check_connection_pool(report: Report, at: FieldRef, pool: ConnectionPool | None) -> None:
    if pool is None:
        return
    if pool.tcp is None and pool.http is None:
        report.add(MISSING_FIELD, at, "the connection pool has neither tcp nor http")
    if pool.tcp is not None:
        _check_tcp(report, at / "tcp", pool.tcp)
    if pool.http is not None:
        _check_http(report, at / "http", pool.http)


def _check_tcp(report: Report, at: FieldRef, tcp: TcpPool) -> None:
    _check_not_negative(report, at, maxConnections=tcp.max_connections)
    check_duration(report, at / "connectTimeout", tcp.connect_timeout)
    check_duration(report, at / "maxConnectionDuration", tcp.max_connection_duration)
    check_duration_or_zero(report, at / "idleTimeout", tcp.idle_timeout)
    if tcp.tcp_keepalive is not None:
        check_keepalive(report, at / "tcpKeepalive", tcp.tcp_keepalive)


def check_keepalive(report: Report, at: FieldRef, keepalive: TcpKeepalive) -> None:
    check_duration(report, at / "time", keepalive.time)
    check_duration(report, at / "interval", keepalive.interval)


def _check_http(report: Report, at: FieldRef, http: HttpPool) -> None:
    _check_not_negative(
        report,
        at,
        http1MaxPendingRequests=http.http1_max_pending_requests,
        http2MaxRequests=http.http2_max_requests,
        maxRequestsPerConnection=http.max_requests_per_connection,
        maxRetries=http.max_retries,
        maxConcurrentStreams=http.max_concurrent_streams,
    )
    check_duration(report, at / "idleTimeout", http.idle_timeout)
    if http.h2_upgrade_policy is H2UpgradePolicy.UPGRADE and http.use_client_protocol:
        message = "useClientProtocol and h2UpgradePolicy UPGRADE exclude each other"
        report.add(MUTUALLY_EXCLUSIVE, (at / "useClientProtocol").key, message)
    keepalive = http.http2_keep_alive
    if keepalive is not None:
        place = at / "http2KeepAlive"
        for name, value in (("interval", keepalive.interval), ("timeout", keepalive.timeout)):
            if value is None:
                report.add(MISSING_FIELD, place, f"the keepalive has no {name}")
            else:
                check_duration(report, place / name, value)


def _check_not_negative(report: Report, at: FieldRef, **limits: int) -> None:
    for name, value in limits.items():
        if value < 0:
            report.add(VALUE_OUT_OF_RANGE, at / name, f"{value} is below 0")


def check_outlier_detection(report: Report, at: FieldRef, outlier: OutlierDetection | None) -> None:
    if outlier is None:
        return
    if outlier.consecutive_errors:
        message = "consecutiveErrors is deprecated and ignored"
        hint = "use consecutive5xxErrors or consecutiveGatewayErrors"
        report.add(DEPRECATED, (at / "consecutiveErrors").key, message, hint=hint)
    if outlier.consecutive_local_origin_failures and not outlier.split_external_local_origin_errors:
        message = "consecutiveLocalOriginFailures needs splitExternalLocalOriginErrors"
        hint = "set splitExternalLocalOriginErrors: true"
        place = (at / "consecutiveLocalOriginFailures").key
        report.add(NOT_ALLOWED_HERE, place, message, hint=hint)
    check_duration(report, at / "interval", outlier.interval)
    check_duration(report, at / "baseEjectionTime", outlier.base_ejection_time)
    for name, percent in (
        ("maxEjectionPercent", outlier.max_ejection_percent),
        ("minHealthPercent", outlier.min_health_percent),
    ):
        if not 0 <= percent <= 100:
            report.add(VALUE_OUT_OF_RANGE, at / name, f"{percent} is not between 0 and 100 percent")
    for i, code in enumerate(outlier.outlier_detection_http_error_codes):
        if not 100 <= code <= 599:
            place = at / "outlierDetectionHttpErrorCodes" / i
            report.add(VALUE_OUT_OF_RANGE, place, f"{code} is not between 100 and 599")


def check_retry_budget(report: Report, at: FieldRef, budget: RetryBudget | None) -> None:
    if budget is None:
        return
    if budget.percent is not None and not 0 <= budget.percent <= 100:
        message = f"{budget.percent:g} is not between 0 and 100 percent"
        report.add(VALUE_OUT_OF_RANGE, at / "percent", message)
    if budget.budget_interval is not None and budget.budget_interval.nanoseconds < 0:
        report.add(NO_EFFECT, at / "budgetInterval", "an interval below 0 is ignored")
