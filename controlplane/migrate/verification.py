"""Proof of a migration: what the proxies of its Gateways are sent before and after answers requests
at the edges of every match in the same way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

from controlplane.base.names import Host
from controlplane.base.wording import listed
from controlplane.engine.engine import Engine
from controlplane.migrate.bindings import domains
from controlplane.migrate.candidates import VirtualServiceKey, complete_rules_of
from controlplane.migrate.envoy_routing import (
    Request,
    SentConfiguration,
    differences,
    in_short,
)
from controlplane.migrate.listeners import ReadGateway
from controlplane.migrate.meshes import Declared
from controlplane.migrate.plan import Plan
from controlplane.migrate.requests import Endpoint, requests
from controlplane.migrate.streams import taken_streams
from controlplane.model.proxy import Proxy, Role, labels_of

_ADDRESS: Final = "192.0.2.1"  # of documentation (RFC 5737): no workload is there


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How many requests were compared, and what is answered otherwise, by the VirtualService for
    whose hosts the request is.
    """

    compared: int
    otherwise: Mapping[VirtualServiceKey, str]


NOTHING_COMPARED: Final = Proof(compared=0, otherwise={})


def proof(plan: Plan, declared: Declared, before: Engine, after: Engine) -> Proof:
    """Compare the answers of all proxies that serve a Gateway of ``plan``."""
    compared, otherwise = 0, dict[VirtualServiceKey, str]()
    for gateway in plan.gateways.values():
        proxy = proxy_of(gateway)
        then, now = (SentConfiguration(e.resources(e.view(proxy))) for e in (before, after))
        for key, asked in requests_at(gateway, declared):
            every = tuple(asked)
            compared += len(every)
            found = next(differences(then, now, every), None)
            if found is not None and key not in otherwise:
                otherwise[key] = _described(*found)
    return Proof(compared=compared, otherwise=otherwise)


def proxy_of(gateway: ReadGateway) -> Proxy:
    """A proxy that the Gateway and its Service select."""
    service = gateway.service
    assert service is not None, "a Gateway that is migrated has one"
    labels = {**gateway.gateway.spec.selector, **service.spec.selector}
    return Proxy(
        name=service.name,
        role=Role.GATEWAY,
        namespace=service.namespace,
        service_account=service.name,
        labels=labels_of(labels),
        addresses=(_ADDRESS,),
    )


def requests_at(
    gateway: ReadGateway, declared: Declared
) -> Iterator[tuple[VirtualServiceKey, Iterator[Request]]]:
    """For each VirtualService at a Gateway requests for its hosts, about its matches."""
    ports = _real_ports(gateway)
    for virtual_service in declared.bound_to(gateway.gateway.key):
        matches = [
            m for rule in complete_rules_of(virtual_service, declared) for m in rule.rule.match
        ]
        ends = {
            Endpoint(ports[target.port.port], target.port.https, host)
            for target, host in domains(virtual_service, gateway)
        } | {
            Endpoint(ports[listener.port.port], https=False, host=listener.host)
            for listener in gateway.listeners
            if listener.redirects
        }
        streams = {
            Endpoint(ports[port.port], port.https, Host(taken.partition(" ")[2]))
            for _, port, taken in taken_streams(virtual_service, {gateway.gateway.key: gateway})
        }
        asked = chain(requests(sorted(ends), matches), requests(sorted(streams), ()))
        yield virtual_service.key, asked


def _real_ports(gateway: ReadGateway) -> Mapping[int, int]:
    """Where the proxies listen, by the port of a server."""
    assert gateway.service is not None, "a Gateway that is migrated has one"
    return {
        port.port: port.target_port if isinstance(port.target_port, int) else port.port
        for port in gateway.service.spec.ports
    }


def _described(request: Request, then: Mapping[str, object], now: Mapping[str, object]) -> str:
    before, after = in_short(then), in_short(now)
    if before == after:
        changed = listed(sorted(_changed(then, now)))
        return f"{request} goes to {before} as before, but with another {changed}"
    return f"{request} goes to {before}, and would go to {after}"


def _changed(then: Mapping[str, object], now: Mapping[str, object]) -> Iterator[str]:
    """The fields that differ, those of a route's action by their own names."""
    for name in {*then, *now}:
        match then.get(name), now.get(name):
            case Mapping() as one, Mapping() as other:
                yield from (field for field in {*one, *other} if one.get(field) != other.get(field))
            case one, other if one != other:
                yield name
