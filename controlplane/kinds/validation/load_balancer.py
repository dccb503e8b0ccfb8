"""Load balancers: hashes, warm-up and localities, of a DestinationRule or of the mesh.

Source:
https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings,
Istio ``pkg/config/validation``
"""

from collections.abc import Sequence
from math import isqrt
from typing import Final

from controlplane.base.codes import (
    DEPRECATED,
    MISSING_FIELD,
    MUTUALLY_EXCLUSIVE,
    NO_EFFECT,
    NOT_ALLOWED_HERE,
    NOT_UNIQUE,
    VALUE_MALFORMED,
    VALUE_OUT_OF_RANGE,
    WRONG_SUM,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.traffic_policy import (
    ConsistentHash,
    Distribute,
    Failover,
    HttpCookie,
    LoadBalancer,
    LocalityLb,
    SimpleBalancer,
    Warmup,
    ZoneAwareLb,
)
from controlplane.kinds.validation.checks import check_duration, check_least, check_one_of

TABLE_LIMIT: Final = 5_000_011  # Envoy's Maglev table
TOPOLOGY_LABELS: Final = (
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "topology.istio.io/subzone",
)
_WARMING: Final = (
    None,
    SimpleBalancer.UNSPECIFIED,
    SimpleBalancer.ROUND_ROBIN,
    SimpleBalancer.LEAST_REQUEST,
    SimpleBalancer.LEAST_CONN,
    SimpleBalancer.RANDOM,
)
"""Those that warm up, and RANDOM, which its translation reports."""


def check_load_balancer(
    report: Report, at: FieldRef, balancer: LoadBalancer | None, *, ejects: bool
) -> None:
    """``ejects``: the same policy has outlier detection, without which there is no failover."""
    if balancer is None:
        return
    check_one_of(
        report,
        at,
        simple=balancer.simple,
        consistent_hash=balancer.consistent_hash,
        backend_utilization=balancer.backend_utilization,
    )
    if balancer.consistent_hash is not None:
        _check_hash(report, at / "consistentHash", balancer.consistent_hash)
    _check_warmup(report, at, balancer)
    locality, zone_aware = balancer.locality_lb_setting, balancer.zone_aware_lb_setting
    if locality is not None and zone_aware is not None:
        message = "localityLbSetting and zoneAwareLbSetting exclude each other"
        place = (at / "zoneAwareLbSetting").key
        report.add(MUTUALLY_EXCLUSIVE, place, message, hint="keep one of them")
    check_locality(report, at / "localityLbSetting", locality, ejects=ejects)
    check_zone_aware(report, at / "zoneAwareLbSetting", zone_aware, ejects=ejects)
    if zone_aware is not None and zone_aware.min_cluster_size == 0:
        place = at / "zoneAwareLbSetting" / "minClusterSize"
        report.add(VALUE_OUT_OF_RANGE, place, "0 is below 1", hint="leave the field out")


def _check_hash(report: Report, at: FieldRef, hashing: ConsistentHash) -> None:
    check_one_of(
        report,
        at,
        http_header_name=hashing.http_header_name,
        http_cookie=hashing.http_cookie,
        use_source_ip=hashing.use_source_ip,
        http_query_parameter_name=hashing.http_query_parameter_name,
    )
    check_one_of(report, at, ring_hash=hashing.ring_hash, maglev=hashing.maglev)
    if hashing.http_cookie is not None:
        _check_cookie(report, at / "httpCookie", hashing.http_cookie)
    if hashing.minimum_ring_size:
        place = (at / "minimumRingSize").key
        report.add(DEPRECATED, place, "minimumRingSize is deprecated", hint="use ringHash")
        if hashing.ring_hash is not None or hashing.maglev is not None:
            message = "minimumRingSize cannot be combined with ringHash or maglev"
            report.add(MUTUALLY_EXCLUSIVE, place, message, hint="remove it")
    if hashing.maglev is not None:
        size = hashing.maglev.table_size
        place = at / "maglev" / "tableSize"
        if size >= TABLE_LIMIT:
            report.add(VALUE_OUT_OF_RANGE, place, f"{size} is not below {TABLE_LIMIT}")
        elif not _is_prime(size):
            message = f"{size} is not a prime number" if size else "maglev needs a tableSize"
            report.add(VALUE_MALFORMED, place, message, hint="the usual size is 65537")


def _is_prime(number: int) -> bool:
    """As Envoy sees it: 1 is one."""
    if number < 4:
        return number > 0
    return number % 2 == 1 and all(number % factor for factor in range(3, isqrt(number) + 1, 2))


def _check_cookie(report: Report, at: FieldRef, cookie: HttpCookie) -> None:
    if not cookie.name:
        report.add(MISSING_FIELD, at, "the cookie has no name")
    seen: set[str] = set()
    for i, attribute in enumerate(cookie.attributes):
        place = at / "attributes" / i / "name"
        if not attribute.name:
            report.add(MISSING_FIELD, place, "the attribute has no name")
        elif attribute.name in seen:
            report.add(NOT_UNIQUE, place, f'the attribute "{attribute.name}" is named twice')
        seen.add(attribute.name)
    if cookie.ttl is not None and cookie.ttl.nanoseconds < 0:
        report.add(NO_EFFECT, at / "ttl", "a ttl below 0 is ignored")


def _check_warmup(report: Report, at: FieldRef, balancer: LoadBalancer) -> None:
    old, warmup = balancer.warmup_duration_secs, balancer.warmup
    if old is not None:
        place = at / "warmupDurationSecs"
        report.add(DEPRECATED, place.key, "warmupDurationSecs is deprecated", hint="use warmup")
        check_least(report, place, old)
    if warmup is not None:
        _check_slow_start(report, at / "warmup", warmup)
    if (old or warmup) and (balancer.simple not in _WARMING or balancer.consistent_hash):
        message = "only ROUND_ROBIN and LEAST_REQUEST warm up new endpoints"
        name = "warmup" if warmup is not None else "warmupDurationSecs"
        report.add(NO_EFFECT, (at / name).key, message)


def _check_slow_start(report: Report, at: FieldRef, warmup: Warmup) -> None:
    if warmup.duration is None:
        report.add(MISSING_FIELD, at, "the warm-up has no duration")
    check_duration(report, at / "duration", warmup.duration)
    if warmup.minimum_percent is not None and not 0 <= warmup.minimum_percent <= 100:
        message = f"{warmup.minimum_percent:g} is not between 0 and 100 percent"
        report.add(VALUE_OUT_OF_RANGE, at / "minimumPercent", message)
    if warmup.aggression is not None and warmup.aggression <= 0:
        report.add(VALUE_OUT_OF_RANGE, at / "aggression", f"{warmup.aggression:g} is not above 0")


def check_locality(
    report: Report, at: FieldRef, setting: LocalityLb | None, *, ejects: bool
) -> None:
    if setting is None:
        return
    if setting.distribute and setting.failover:
        message = "distribute and failover exclude each other"
        report.add(MUTUALLY_EXCLUSIVE, (at / "failover").key, message, hint="keep one of them")
    if setting.failover:
        for i, label in enumerate(setting.failover_priority):
            if label in TOPOLOGY_LABELS:
                message = f'"{label}" cannot be combined with failover, which goes by region itself'
                report.add(NOT_ALLOWED_HERE, at / "failoverPriority" / i, message)
    _check_distribution(report, at / "distribute", setting.distribute)
    _check_failover(report, at, setting.failover)
    _warn_without_ejection(report, at, setting, ejects=ejects)


def check_zone_aware(
    report: Report, at: FieldRef, setting: ZoneAwareLb | None, *, ejects: bool
) -> None:
    if setting is None:
        return
    for i, label in enumerate(setting.failover_priority):
        if label in TOPOLOGY_LABELS:
            message = f'"{label}" cannot be a priority here: zones and regions are already ranked'
            report.add(NOT_ALLOWED_HERE, at / "failoverPriority" / i, message)
    _check_failover(report, at, setting.failover)
    _warn_without_ejection(report, at, setting, ejects=ejects)


def _warn_without_ejection(
    report: Report, at: FieldRef, setting: LocalityLb | ZoneAwareLb, *, ejects: bool
) -> None:
    if (setting.failover or setting.failover_priority) and not ejects:
        message = (
            "without outlierDetection no endpoint is found unhealthy, so traffic never fails over"
        )
        report.add(NO_EFFECT, at, message, hint="add outlierDetection to the same policy")


def _check_failover(report: Report, at: FieldRef, failovers: Sequence[Failover]) -> None:
    for i, failover in enumerate(failovers):
        place = at / "failover" / i
        if failover.from_ == failover.to:
            message = f'"{failover.from_}" fails over to itself'
            report.add(NOT_ALLOWED_HERE, place, message)
        for name, region in (("from", failover.from_), ("to", failover.to)):
            if "/" in region:
                message = f'"{region}" has more parts than a region'
                report.add(VALUE_MALFORMED, place / name, message)
            if "*" in region:
                report.add(VALUE_MALFORMED, place / name, f'"{region}" has a wildcard')


def _check_distribution(report: Report, at: FieldRef, distributions: Sequence[Distribute]) -> None:
    check_localities(
        report, [(at / i / "from", each.from_) for i, each in enumerate(distributions)]
    )
    for i, each in enumerate(distributions):
        place = at / i / "to"
        check_localities(report, [((place / name).key, name) for name in each.to])
        for name, weight in each.to.items():
            if not 1 <= weight <= 100:
                message = f"weight {weight} is not between 1 and 100"
                report.add(VALUE_OUT_OF_RANGE, place / name, message)
        total = sum(each.to.values())
        if total != 100:
            report.add(WRONG_SUM, place, f"the weights add up to {total}, not 100")


def check_localities(report: Report, localities: Sequence[tuple[FieldRef, str]]) -> None:
    """``REGION/ZONE/SUBZONE``, an asterisk at the end at most; none may hold another that comes
    before it.
    """
    taken: list[tuple[str, ...]] = []
    for at, locality in localities:
        stars = locality.count("*")
        parts = tuple(locality.split("/", 2))
        if stars > 1 or (stars and not locality.endswith("*")):
            message = f'"{locality}" has an asterisk that is not at its end'
            report.add(VALUE_MALFORMED, at, message)
        elif not all(parts):
            message = f'"{locality}" has an empty region, zone or subzone'
            report.add(VALUE_MALFORMED, at, message)
        elif any(_overlaps(before, parts) for before in taken):
            report.add(NOT_UNIQUE, at, f'"{locality}" overlaps with an earlier locality')
        else:
            taken.append(parts)


def _overlaps(before: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """As Istio compares: a region, or ``*``, holds its zones; ``a/*`` does not hold ``a/b/c``
    before it.
    """
    if before[0] == "*":
        return True
    if before[0] != parts[0]:
        return False
    if len(parts) == 1 or len(before) == 1 or before[1] == "*":
        return True
    if before[1] != parts[1]:
        return False
    if len(parts) == 2 or len(before) == 2 or before[2] == "*":
        return True
    return before[2] == parts[2]
