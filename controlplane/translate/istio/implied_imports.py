"""Where the rules of a VirtualService lead: what whoever imports it gets clusters for.

Source: Istio ``pilot/pkg/model/push_context.go``
(``virtualServiceDestinationsFilteredBySourceNamespace``).
"""

from collections.abc import Iterator

from controlplane.base.hosts import fqdn
from controlplane.base.names import Host, Namespace
from controlplane.kinds.istio.virtual_service import Destination, HttpRoute, VirtualService
from controlplane.kinds.object import Object


def destination_hosts(declared: Object[VirtualService]) -> Iterator[Host]:
    """Each host that a rule leads to, once."""
    found = (to for to, _ in _destinations(declared.spec))
    yield from dict.fromkeys(fqdn(to.host, declared.namespace) for to in found)


def destination_ports(
    declared: Object[VirtualService], host: Host, client: Namespace
) -> frozenset[int]:
    """The ports of ``host`` that rules for callers in a namespace name; 0 is any."""
    return frozenset(
        to.port.number if to.port is not None else 0
        for to, rule in _destinations(declared.spec)
        if fqdn(to.host, declared.namespace) == host and (rule is None or _is_for(rule, client))
    )


def source_namespaces(declared: Object[VirtualService]) -> Iterator[Namespace]:
    """The namespaces whose callers some rule is for alone."""
    for rule in declared.spec.http:
        for match in rule.match:
            if match.source_namespace:
                yield Namespace(match.source_namespace)


def _is_for(rule: HttpRoute, client: Namespace) -> bool:
    named = {match.source_namespace for match in rule.match if match.source_namespace}
    return not named or client in named


def _destinations(spec: VirtualService) -> Iterator[tuple[Destination, HttpRoute | None]]:
    """Each destination, with the HTTP rule that has it."""
    for rule in spec.http:
        mirrored = (each.destination for each in rule.mirrors)
        routed = (each.destination for each in rule.route)
        for to in (*routed, rule.mirror, *mirrored):
            if to is not None:
                yield to, rule
    of_streams = (*(rule.route for rule in spec.tcp), *(rule.route for rule in spec.tls))
    for routes in of_streams:
        for route in routes:
            if route.destination is not None:
                yield route.destination, None
