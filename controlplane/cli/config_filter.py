"""What of a proxy's configuration concerns a host or a port."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from msgspec import structs

from controlplane.admin.view import ConfigResource, ProxyConfig
from controlplane.base.hosts import short_name
from controlplane.cli.envoy_json import Part

Kept = ConfigResource | None
"""A resource, or what of it is to be shown."""

_NO_MATCH: Final = -1


def filtered(config: ProxyConfig, host: str | None, port: int | None) -> ProxyConfig:
    """The listeners of ``port`` and with chains for ``host``; of route tables the virtual host
    that answers ``host``; clusters and endpoints of services of that name. Secrets are all kept.
    """
    if host is None and port is None:
        return config
    name = host.lower() if host is not None else None
    return structs.replace(
        config,
        listeners=_kept(config.listeners, lambda r: _listener(r, name, port)),
        routes=_kept(config.routes, lambda r: _table(r, name, port)),
        clusters=_kept(config.clusters, lambda r: _cluster(r, name, port)),
        endpoints=_kept(config.endpoints, lambda r: _cluster(r, name, port)),
    )


def _kept(part: Part, choose: Callable[[ConfigResource], Kept]) -> Part:
    if part is msgspec.UNSET:
        return part
    return tuple(kept for kept in map(choose, part) if kept is not None)


def _listener(resource: ConfigResource, host: str | None, port: int | None) -> Kept:
    listener = resource.resource
    found = _at(listener, "address", "socket_address", "port_value")
    if port is not None and found != port:
        return None
    chains = [*_list(listener, "filter_chains"), _at(listener, "default_filter_chain") or {}]
    return resource if host is None or any(_admits(chain, host) for chain in chains) else None


def _admits(chain: object, host: str) -> bool:
    if not chain:
        return False
    names = _list(_at(chain, "filter_chain_match") or {}, "server_names")
    return not names or any(specificity(str(name), host) != _NO_MATCH for name in names)


def _table(resource: ConfigResource, host: str | None, port: int | None) -> Kept:
    if port is not None and str(port) not in resource.name.split("."):
        return None
    if host is None:
        return resource
    answering = _answering(_list(resource.resource, "virtual_hosts"), host)
    if answering is None:
        return None
    name = _at(answering, "name")
    return structs.replace(
        resource,
        resource={**resource.resource, "virtual_hosts": [answering]},
        parts=tuple(part for part in resource.parts if part.name == name),
    )


def _answering(virtual_hosts: Iterable[object], host: str) -> object | None:
    """The virtual host that Envoy would choose: the one with the most specific domain."""
    ranked = [
        (specificity(str(domain), host), virtual_host)
        for virtual_host in virtual_hosts
        for domain in _list(virtual_host, "domains")
    ]
    best = max((rank for rank, _ in ranked), default=_NO_MATCH)
    return None if best == _NO_MATCH else next(v for rank, v in ranked if rank == best)


def specificity(domain: str, host: str) -> int:
    """How well a domain fits ``host``: the exact one best, then the longest wildcard; -1: not."""
    if domain.lower() in (host, f"{host}:*"):
        return 1_000
    if domain == "*":
        return 0
    if domain.startswith("*") and host.endswith(domain[1:].lower()) and host != domain[1:]:
        return len(domain)
    return _NO_MATCH


def _cluster(resource: ConfigResource, host: str | None, port: int | None) -> Kept:
    """Clusters are named ``outbound|PORT|SUBSET|HOST``; others are of no service."""
    parts = resource.name.split("|")
    if len(parts) != 4 or (port is not None and parts[1] != str(port)):
        return None
    service = parts[3].lower()
    named = host in (None, service, short_name(service), service.partition(".")[0])
    return resource if named else None


def _at(value: object, *path: str) -> object:
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _list(value: object, field: str) -> tuple[object, ...]:
    found = _at(value, field)
    return tuple(found) if isinstance(found, list | tuple) else ()
