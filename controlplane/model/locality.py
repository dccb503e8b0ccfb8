"""Where endpoints are relative to a client: which localities get how much, and which come next.

Source: https://istio.io/latest/docs/reference/config/networking/destination-
rule/#LocalityLoadBalancerSetting and Istio ``pkg/networking/core/loadbalancer``.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from controlplane.model.endpoint import (
    HOSTNAME_LABEL,
    NETWORK_LABEL,
    REGION_LABEL,
    SUBZONE_LABEL,
    ZONE_LABEL,
    Endpoint,
    topology,
)
from controlplane.model.outbound_view import ClientLocality
from controlplane.model.proxy import Locality

WEIGHT_LIMIT: Final = 4_294_967_295
"""Envoy: the weights of a locality, and of a priority, add up to at most an uint32."""
PRIORITY_LIMIT: Final = 128  # envoy/config/endpoint/v3/endpoint_components.proto, "priority"


@dataclass(frozen=True, slots=True)
class NoPreference:
    """The user switched localities off."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Clients in ``source`` send each share to a locality; both are patterns (``r1/*``, ``*``)."""

    source: str
    shares: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Distribute:
    """The first entry whose source is the client's locality decides."""

    entries: tuple[Distribution, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failover:
    """Near endpoints come first, where outlier detection sees that they fail (always, where
    ``is_forced``).

    ``regions`` pairs a client's region with the one that comes next. ``labels`` rank endpoints by
    how many of them, from the first on, they share with the client.
    """

    regions: tuple[tuple[str, str], ...] = ()
    labels: tuple[str, ...] = ()
    is_forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneAware:
    """Envoy itself keeps traffic in its zone. ``is_enabled`` of ``False`` switches that off."""

    is_enabled: bool = True
    min_cluster_size: int | None = None
    failover: Failover = Failover()


LocalityPolicy = NoPreference | Distribute | Failover | ZoneAware

BY_DISTANCE: Final = Failover()
NEAR_ZONE: Final = Failover(labels=(NETWORK_LABEL, REGION_LABEL, ZONE_LABEL), is_forced=True)
NEAR_NODE: Final = Failover(
    labels=(NETWORK_LABEL, REGION_LABEL, ZONE_LABEL, SUBZONE_LABEL, HOSTNAME_LABEL), is_forced=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Endpoints of one locality and one priority."""

    locality: Locality
    endpoints: tuple[Endpoint, ...]
    weight: int
    priority: int = 0


def placed(
    endpoints: Iterable[Endpoint], policy: LocalityPolicy | None, client: ClientLocality
) -> tuple[Group, ...]:
    """Group ``endpoints`` by locality, weighted and ranked for a ``client``.

    ``policy`` is the one in force: ``None`` where localities mean nothing.
    """
    groups = _by_locality(endpoints)
    match policy:
        case None | NoPreference():
            return groups
        case Distribute(entries=entries):
            return _distributed(groups, entries, client.locality)
        case Failover():
            return _ranked(groups, policy, client, _distance)
        case ZoneAware(failover=failover):
            return _ranked(groups, failover, client, _region_distance)


def ranks_by(policy: LocalityPolicy | None) -> tuple[str, ...]:
    """The names of the client's labels that matter to ``policy``."""
    match policy:
        case Failover(labels=labels) | ZoneAware(failover=Failover(labels=labels)):
            return tuple(label for label in labels if "=" not in label)
        case _:
            return ()


def _by_locality(endpoints: Iterable[Endpoint]) -> tuple[Group, ...]:
    localities: dict[Locality, dict[tuple[str, int], Endpoint]] = {}
    for endpoint in endpoints:
        members = localities.setdefault(endpoint.locality, {})
        members.setdefault((endpoint.address, endpoint.port), endpoint)
    limit = WEIGHT_LIMIT // max(1, len(localities))
    return tuple(
        _group(locality, tuple(localities[locality].values()), limit)
        for locality in sorted(localities)
    )


def _group(locality: Locality, endpoints: tuple[Endpoint, ...], limit: int = WEIGHT_LIMIT) -> Group:
    """A group whose weights Envoy accepts: together they stay below ``limit``."""
    total = sum(endpoint.weight for endpoint in endpoints)
    if total > limit:
        scale = (limit - len(endpoints)) / total
        endpoints = tuple(replace(e, weight=max(1, int(e.weight * scale))) for e in endpoints)
        total = sum(endpoint.weight for endpoint in endpoints)
    return Group(locality=locality, endpoints=endpoints, weight=total)


def _distributed(
    groups: tuple[Group, ...], entries: tuple[Distribution, ...], client: Locality
) -> tuple[Group, ...]:
    """Each share is split over the localities that it names by their own weights; the others get
    nothing.
    """
    entry = next((entry for entry in entries if matches(client, entry.source)), None)
    if entry is None:
        return groups
    weights: dict[int, int] = {}
    for pattern, share in entry.shares:
        members = [
            i
            for i, group in enumerate(groups)
            if i not in weights and matches(group.locality, pattern)
        ]
        total = sum(groups[i].weight for i in members)
        weights |= {i: math.ceil(groups[i].weight * share / total) for i in members}
    return tuple(
        replace(group, weight=weights[i]) for i, group in enumerate(groups) if weights.get(i, 0) > 0
    )


def _ranked(
    groups: tuple[Group, ...], failover: Failover, client: ClientLocality, distance: "_Distance"
) -> tuple[Group, ...]:
    if failover.labels:
        groups = _by_labels(groups, failover.labels, client)
    if failover.regions or not failover.labels:
        next_region = dict(failover.regions).get(client.locality.region)
        groups = tuple(
            replace(
                group,
                priority=group.priority * distance.levels
                + distance(client.locality, group.locality, next_region),
            )
            for group in groups
        )
    ranks = {rank: i for i, rank in enumerate(sorted({group.priority for group in groups}))}
    return tuple(
        sorted(
            (
                replace(group, priority=min(ranks[group.priority], PRIORITY_LIMIT))
                for group in groups
            ),
            key=lambda group: (group.priority, group.locality),
        )
    )


def _by_labels(
    groups: tuple[Group, ...], labels: tuple[str, ...], client: ClientLocality
) -> tuple[Group, ...]:
    """Split each group by how many of ``labels``, from the first on, its endpoints share with the
    client.
    """
    shared = dict(client.labels) | topology(client.locality)
    wanted = [
        (name, value if said else shared.get(name, "")) for name, said, value in map(_pair, labels)
    ]
    split: list[Group] = []
    for group in groups:
        ranks: dict[int, list[Endpoint]] = {}
        for endpoint in group.endpoints:
            ranks.setdefault(_label_rank(endpoint, wanted), []).append(endpoint)
        split.extend(
            replace(_group(group.locality, tuple(ranks[rank])), priority=rank)
            for rank in sorted(ranks)
        )
    return tuple(split)


def _pair(label: str) -> tuple[str, bool, str]:
    name, said, value = label.partition("=")
    return name, bool(said), value


def _label_rank(endpoint: Endpoint, wanted: list[tuple[str, str]]) -> int:
    """0 where every label is shared; a foreign network, where asked for first, moves the others
    behind.
    """
    own = dict(endpoint.described)
    shift = 0
    for i, (name, value) in enumerate(wanted):
        if own.get(name, "") == value:
            continue
        if i == 0 and name == NETWORK_LABEL:
            shift = len(wanted)
            continue
        return shift + len(wanted) - i
    return shift


@dataclass(frozen=True, slots=True)
class _Distance:
    """How far a locality is: the first level at which ``parts`` differ; one more beyond the next
    region.
    """

    parts: int

    @property
    def levels(self) -> int:
        return self.parts + 2

    def __call__(self, client: Locality, other: Locality, next_region: str | None) -> int:
        pairs = (
            (client.region, other.region),
            (client.zone, other.zone),
            (client.sub_zone, other.sub_zone),
        )
        for i, (own, its) in enumerate(pairs[: self.parts]):
            if own != its:
                beyond = i == 0 and next_region is not None and other.region != next_region
                return self.parts - i + beyond
        return 0


_distance: Final = _Distance(3)
_region_distance: Final = _Distance(1)


def matches(locality: Locality, pattern: str) -> bool:
    """Whether ``locality`` is one of ``pattern``'s: missing parts and ``*`` are any."""
    region, zone, sub_zone = (*pattern.split("/"), "", "")[:3]
    return (
        region in ("*", locality.region)
        and zone in ("", "*", locality.zone)
        and sub_zone in ("", "*", locality.sub_zone)
    )
