"""A VirtualService as HTTPRoutes: one for all the Gateways where it does the same.

An HTTPRoute has at most 16 rules and 16 hostnames, so a longer VirtualService becomes several of
them; among matches that rank alike their names keep its order.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from controlplane.base.codes import NO_COUNTERPART
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace
from controlplane.documents.yaml import Data
from controlplane.kinds.istio.virtual_service import VirtualService
from controlplane.kinds.object import Object
from controlplane.migrate.backends import GATEWAY_API, Grant
from controlplane.migrate.bindings import Target, served_rules
from controlplane.migrate.listeners import is_hostname
from controlplane.migrate.meshes import Declared
from controlplane.migrate.paths import PathType, RoutePath, Spelling, route_path
from controlplane.migrate.rules import ReadRule, SpelledMatch, read_rule, spelled_match
from controlplane.migrate.streams import Gateways, ReadStream, read_streams
from controlplane.model.http_match import Exact
from controlplane.translate.istio.located_rules import LocatedRule
from controlplane.translate.istio.virtual_service import virtual_service_hosts

_MOST_RULES: Final = 16
_MOST_MATCHES: Final = 64  # of a rule
_MOST_HOSTS: Final = 16
_ROUTE_NAME: Final = 253  # characters

Parents = tuple[Mapping[str, Data], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRoutes:
    """The rules of a VirtualService as they are served at ``targets``."""

    targets: tuple[Target, ...]
    rules: tuple[ReadRule, ...]
    suffix: str = ""
    """Of the HTTPRoute's name, where the VirtualService is not the same everywhere."""

    @property
    def grants(self) -> tuple[Grant, ...]:
        return tuple(grant for rule in self.rules for grant in rule.grants)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadVirtualService:
    """A VirtualService of which every part has a counterpart."""

    virtual_service: Object[VirtualService]
    routes: tuple[ReadRoutes, ...]
    streams: tuple[ReadStream, ...] = ()

    @property
    def grants(self) -> tuple[Grant, ...]:
        http = (grant for routes in self.routes for grant in routes.grants)
        return (*http, *(grant for stream in self.streams for grant in stream.grants))

    def at(self, target: Target) -> ReadRoutes | None:
        return next((r for r in self.routes if target in r.targets), None)


def read_virtual_service(
    report: Report,
    virtual_service: Object[VirtualService],
    rules: tuple[LocatedRule, ...],
    targets: tuple[Target, ...],
    gateways: Gateways,
    declared: Declared,
) -> ReadVirtualService:
    """The VirtualService at ``targets``, and for connections at ``gateways``; what has no
    counterpart is reported. ``rules`` are complete, and those of its delegates in their places.
    """
    _check_hosts(report, virtual_service)
    groups: list[tuple[tuple[LocatedRule, ...], list[Target]]] = []
    for target in targets:
        served = served_rules(rules, target)
        same = next((at for known, at in groups if known == served), None)
        if same is None:
            groups.append((served, [target]))
        else:
            same.append(target)
    owner = virtual_service.namespace
    return ReadVirtualService(
        virtual_service=virtual_service,
        routes=tuple(
            _read_routes(report, served, tuple(at), owner, declared, several=len(groups) > 1)
            for served, at in groups
            if served
        ),
        streams=read_streams(report, virtual_service, gateways, declared),
    )


def _check_hosts(report: Report, virtual_service: Object[VirtualService]) -> None:
    hosts = virtual_service_hosts(virtual_service)
    at = FieldRef(virtual_service.key) / "spec"
    for i, host in enumerate(hosts):
        if not is_hostname(host):
            report.add(
                NO_COUNTERPART, at / "hosts" / i, f'an HTTPRoute takes no "{host}" as a hostname'
            )
        elif host == "*" and len(hosts) > 1:
            report.add(
                NO_COUNTERPART,
                at / "hosts" / i,
                "an HTTPRoute for every host has no hostnames besides",
                hint="write a VirtualService of its own for the other hosts",
            )


def _read_routes(
    report: Report,
    rules: Iterable[LocatedRule],
    targets: tuple[Target, ...],
    owner: Namespace,
    declared: Declared,
    *,
    several: bool,
) -> ReadRoutes:
    ports = tuple(dict.fromkeys(target.port for target in targets))
    first = targets[0]
    return ReadRoutes(
        targets=targets,
        rules=tuple(
            read_rule(report, r, declared=declared, owner=owner, ports=ports) for r in rules
        ),
        suffix=f"-{first.gateway.name}-{first.port.port}" if several else "",
    )


def spelled(
    report: Report, routes: ReadRoutes, spelling: Spelling, *, by_segment: bool
) -> tuple[SpelledMatch, ...]:
    """Every match in its order, with its path spelled; one that has no spelling is reported."""
    exact = frozenset(
        asked.path.text
        for rule in routes.rules
        for asked, _ in rule.matches
        if asked.is_only_path and isinstance(asked.path, Exact)
    )
    found: list[SpelledMatch] = []
    for rule in routes.rules:
        for asked, place in rule.matches:
            path = route_path(asked.path, spelling, exact, by_segment=by_segment)
            if path is None:
                report.add(NO_COUNTERPART, place, "an HTTPRoute does not take this path")
                path = RoutePath(PathType.EXACT, "/")
            found.append(spelled_match(report, rule, asked, place, path))
    return tuple(found)


def http_routes(
    virtual_service: Object[VirtualService],
    routes: ReadRoutes,
    matches: tuple[SpelledMatch, ...],
    parents: Parents,
    metadata: Mapping[str, Data],
) -> Iterator[dict[str, Data]]:
    """The objects. ``metadata`` is the VirtualService's, without its name."""
    hosts = tuple(dict.fromkeys(_hostnames(virtual_service_hosts(virtual_service))))
    host_lists = [hosts[i : i + _MOST_HOSTS] for i in range(0, len(hosts), _MOST_HOSTS)] or [()]
    rules = list(_rules(matches))
    rule_lists = [rules[i : i + _MOST_RULES] for i in range(0, len(rules), _MOST_RULES)]
    count = len(host_lists) * len(rule_lists)
    number = 0
    for some_hosts in host_lists:
        for some_rules in rule_lists:
            number += 1
            yield {
                "apiVersion": f"{GATEWAY_API}/v1",
                "kind": "HTTPRoute",
                "metadata": {
                    "name": route_name(virtual_service, routes, number, count),
                    **metadata,
                },
                "spec": {
                    "parentRefs": list(parents),
                    **({"hostnames": list(some_hosts)} if some_hosts else {}),
                    "rules": some_rules,
                },
            }


def route_name(
    virtual_service: Object[VirtualService], routes: ReadRoutes, number: int, count: int
) -> str:
    """The name of HTTPRoute ``number`` of ``count``, in the order of their numbers."""
    ending = routes.suffix + (f"-{number:0{len(str(count))}d}" if count > 1 else "")
    return f"{virtual_service.name[: _ROUTE_NAME - len(ending)]}{ending}"


def _hostnames(hosts: tuple[Host, ...]) -> Iterator[str]:
    yield from (host for host in hosts if host != "*")


def _rules(matches: Iterable[SpelledMatch]) -> Iterator[Data]:
    """The matches as rules: those next to each other that do the same share one."""
    open_: list[Data] = []
    effect: Mapping[str, Data] | None = None
    for match in matches:
        if open_ and (match.effect != effect or len(open_) == _MOST_MATCHES):
            yield {"matches": open_, **(effect or {})}
            open_ = []
        effect = match.effect
        open_.append(match.asked.data(match.path))
    if open_:
        yield {"matches": open_, **(effect or {})}
