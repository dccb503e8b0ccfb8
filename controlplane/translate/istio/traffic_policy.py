"""The ``trafficPolicy`` of a DestinationRule, and what MeshConfig shares of it, become the model's.

Zero is "not said" wherever Istio's own numbers cannot tell them apart.
Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy
"""

from typing import Final

from controlplane.base.codes import NO_EFFECT, RING_TOO_LARGE
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio import traffic_policy as kinds
from controlplane.model import traffic_policy as model
from controlplane.model.routing import CookieHash, HashPolicy, HeaderHash, QueryHash, SourceIpHash
from controlplane.translate.destination_rules import PolicyByPort
from controlplane.translate.istio.client_tls import client_tls
from controlplane.translate.istio.durations import length
from controlplane.translate.istio.locality import locality_policy

RING_LIMIT: Final = 8_388_608  # envoy/config/cluster/v3/cluster.proto, "maximum_ring_size"


def policy_by_port(
    report: Report, at: FieldRef, policy: kinds.TrafficPolicy | None
) -> PolicyByPort | None:
    if policy is None:
        return None
    ports = {
        settings.port.number: _port_policy(report, at / "portLevelSettings" / i, settings)
        for i, settings in reversed(tuple(enumerate(policy.port_level_settings)))
        if settings.port is not None
    }
    return PolicyByPort(
        policy=_policy(report, at, policy), ports=tuple(sorted(ports.items(), key=lambda p: p[0]))
    )


def _policy(report: Report, at: FieldRef, policy: kinds.TrafficPolicy) -> model.TrafficPolicy:
    return model.TrafficPolicy(
        load_balancer=load_balancer(report, at / "loadBalancer", policy.load_balancer),
        pool=connection_pool(policy.connection_pool),
        outlier=outlier_detection(policy.outlier_detection),
        tls=client_tls(report, at / "tls", policy.tls),
        tunnel=_tunnel(policy.tunnel),
        proxy_protocol=_proxy_protocol(policy.proxy_protocol),
        retry_budget=_retry_budget(policy.retry_budget),
    )


def _port_policy(
    report: Report, at: FieldRef, policy: kinds.PortTrafficPolicy
) -> model.TrafficPolicy:
    return model.TrafficPolicy(
        load_balancer=load_balancer(report, at / "loadBalancer", policy.load_balancer),
        pool=connection_pool(policy.connection_pool),
        outlier=outlier_detection(policy.outlier_detection),
        tls=client_tls(report, at / "tls", policy.tls),
    )


def load_balancer(
    report: Report, at: FieldRef, balancer: kinds.LoadBalancer | None
) -> model.LoadBalancer | None:
    if balancer is None:
        return None
    hashing = balancer.consistent_hash
    return model.LoadBalancer(
        balancer=_balancer(report, at, balancer),
        hash_policies=() if hashing is None else _hash_policies(hashing),
        locality=locality_policy(balancer.locality_lb_setting, balancer.zone_aware_lb_setting),
    )


def _balancer(report: Report, at: FieldRef, balancer: kinds.LoadBalancer) -> model.Balancer:
    if balancer.consistent_hash is not None:
        return _consistent(report, at / "consistentHash", balancer.consistent_hash)
    warmup = _warmup(balancer)
    match balancer.simple:
        case kinds.SimpleBalancer.ROUND_ROBIN:
            return model.RoundRobin(warmup=warmup)
        case kinds.SimpleBalancer.RANDOM:
            if warmup is not None:
                report.add(
                    NO_EFFECT,
                    at / ("warmup" if balancer.warmup is not None else "warmupDurationSecs"),
                    "RANDOM has no warm-up; only ROUND_ROBIN and LEAST_REQUEST do",
                )
            return model.Random()
        case kinds.SimpleBalancer.PASSTHROUGH:
            return model.Passthrough()
        case _:
            return model.LeastRequest(warmup=warmup)


def _warmup(balancer: kinds.LoadBalancer) -> model.Warmup | None:
    warmup = balancer.warmup
    if warmup is not None and warmup.duration is not None:
        return model.Warmup(
            window=warmup.duration.length,
            minimum_percent=warmup.minimum_percent,
            aggression=warmup.aggression,
        )
    if balancer.warmup_duration_secs is not None:
        return model.Warmup(window=balancer.warmup_duration_secs.length)
    return None


def _consistent(report: Report, at: FieldRef, hashing: kinds.ConsistentHash) -> model.Balancer:
    if hashing.maglev is not None:
        return model.Maglev(table_size=hashing.maglev.table_size or None)
    if hashing.ring_hash is None:
        # Istio's deprecated field; its default is written out, though it is Envoy's too.
        size, place = hashing.minimum_ring_size or 1024, at / "minimumRingSize"
        return model.RingHash(minimum_size=_ring_size(report, place, size))
    place = at / "ringHash" / "minimumRingSize"
    size = hashing.ring_hash.minimum_ring_size
    return model.RingHash(minimum_size=_ring_size(report, place, size) if size else None)


def _ring_size(report: Report, at: FieldRef, size: int) -> int:
    if size > RING_LIMIT:
        report.add(
            RING_TOO_LARGE,
            at,
            f"a ring of {size} is larger than Envoy's limit of {RING_LIMIT}, which is used",
            hint=f"set at most {RING_LIMIT}",
        )
    return min(size, RING_LIMIT)


def _hash_policies(hashing: kinds.ConsistentHash) -> tuple[HashPolicy, ...]:
    if hashing.http_header_name:
        return (HeaderHash(name=hashing.http_header_name),)
    if hashing.http_cookie is not None:
        cookie = hashing.http_cookie
        return (
            CookieHash(
                name=cookie.name,
                ttl=length(cookie.ttl),
                path=cookie.path,
                attributes=tuple((a.name, a.value) for a in cookie.attributes),
            ),
        )
    if hashing.use_source_ip:
        return (SourceIpHash(),)
    if hashing.http_query_parameter_name:
        return (QueryHash(name=hashing.http_query_parameter_name),)
    return ()


def connection_pool(pool: kinds.ConnectionPool | None) -> model.ConnectionPool | None:
    if pool is None:
        return None
    tcp = pool.tcp or kinds.TcpPool()
    http = pool.http or kinds.HttpPool()
    return model.ConnectionPool(
        max_connections=tcp.max_connections or None,
        connect_timeout=length(tcp.connect_timeout) or None,
        keepalive=keepalive(tcp.tcp_keepalive),
        max_connection_duration=length(tcp.max_connection_duration) or None,
        tcp_idle_timeout=length(tcp.idle_timeout),
        max_pending_requests=http.http1_max_pending_requests or None,
        max_requests=http.http2_max_requests or None,
        max_requests_per_connection=http.max_requests_per_connection or None,
        max_retries=http.max_retries or None,
        http_idle_timeout=length(http.idle_timeout),
        upgrade=_upgrade(http),
        max_concurrent_streams=http.max_concurrent_streams or None,
        http2_keepalive=_http2_keepalive(http.http2_keep_alive),
    )


def keepalive(settings: kinds.TcpKeepalive | None) -> model.Keepalive | None:
    if settings is None:
        return None
    return model.Keepalive(
        probes=settings.probes or None,
        time=length(settings.time),
        interval=length(settings.interval),
    )


def _upgrade(http: kinds.HttpPool) -> model.HttpUpgrade | None:
    if http.use_client_protocol:
        return model.HttpUpgrade.AS_CLIENT
    match http.h2_upgrade_policy:
        case kinds.H2UpgradePolicy.UPGRADE:
            return model.HttpUpgrade.ALWAYS
        case kinds.H2UpgradePolicy.DO_NOT_UPGRADE:
            return model.HttpUpgrade.NEVER
        case kinds.H2UpgradePolicy.DEFAULT:
            return None


def _http2_keepalive(settings: kinds.Http2KeepAlive | None) -> model.Http2Keepalive | None:
    if settings is None or settings.interval is None or settings.timeout is None:
        return None
    return model.Http2Keepalive(interval=settings.interval.length, timeout=settings.timeout.length)


def outlier_detection(outlier: kinds.OutlierDetection | None) -> model.OutlierDetection | None:
    if outlier is None:
        return None
    return model.OutlierDetection(
        consecutive_5xx=outlier.consecutive5xx_errors,
        consecutive_gateway_errors=outlier.consecutive_gateway_errors,
        consecutive_local_origin_failures=outlier.consecutive_local_origin_failures,
        splits_local_origin_errors=outlier.split_external_local_origin_errors,
        interval=length(outlier.interval) or None,
        base_ejection_time=length(outlier.base_ejection_time) or None,
        max_ejection_percent=min(outlier.max_ejection_percent, 100) or None,
        min_health_percent=min(outlier.min_health_percent, 100),
        error_statuses=outlier.outlier_detection_http_error_codes,
    )


def _tunnel(tunnel: kinds.Tunnel | None) -> model.Tunnel | None:
    if tunnel is None:
        return None
    host = f"[{tunnel.target_host}]" if ":" in tunnel.target_host else tunnel.target_host
    return model.Tunnel(
        authority=f"{host}:{tunnel.target_port}", uses_post=tunnel.protocol.upper() == "POST"
    )


def _proxy_protocol(settings: kinds.ProxyProtocol | None) -> model.ProxyProtocol | None:
    if settings is None:
        return None
    match settings.version:
        case kinds.ProxyProtocolVersion.V1:
            return model.ProxyProtocol.V1
        case kinds.ProxyProtocolVersion.V2:
            return model.ProxyProtocol.V2


def _retry_budget(budget: kinds.RetryBudget | None) -> model.RetryBudget | None:
    if budget is None:
        return None
    return model.RetryBudget(
        percent=budget.percent, min_concurrency=budget.min_retry_concurrency or None
    )
