"""Under which names a sidecar finds a service: the domains of its virtual host.

Ports are ignored where a virtual host is chosen, so no domain has one.
Source: Istio ``pilot/pkg/networking/core/httproute.go`` (``generateVirtualHostDomains``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

from controlplane.base.hosts import is_ip
from controlplane.base.names import CLUSTER_DOMAIN, Host, Namespace
from controlplane.model.proxy import IpFamily
from controlplane.model.service import Origin, Resolution, Service

_CLUSTER: Final = f".svc.{CLUSTER_DOMAIN}"
_UNSPECIFIED: Final = frozenset({"0.0.0.0", "::"})


@dataclass(frozen=True, slots=True)
class Domains:
    """The domains of a service, in lower case, each once: its own ``names``, those that only
    ``expanded`` gives it, and its ``addresses``.
    """

    names: tuple[str, ...]
    expanded: tuple[str, ...]
    addresses: tuple[str, ...]


def domains(
    service: Service,
    aliases: Iterable[Host],
    namespace: Namespace,
    families: tuple[IpFamily, ...],
) -> Domains:
    """The domains of ``service`` for callers in ``namespace``; the aliases are other names of it.

    The bare name is one only in the service's own namespace. Any name may follow ``*.`` where
    clients name single endpoints (headless).
    """
    hosts = [host.lower() for host in (service.host, *aliases)]
    names = [*hosts]
    expanded = [name for host in hosts for name in expansions(host, namespace)]
    if service.resolution is Resolution.HEADLESS:
        expanded.extend([f"*.{name}" for name in (*names, *expanded)])
    return Domains(
        tuple(dict.fromkeys(names)),
        tuple(dict.fromkeys(name for name in expanded if name not in names)),
        tuple(dict.fromkeys(bracketed(each) for each in virtual_addresses(service, families))),
    )


def expansions(host: str, namespace: Namespace) -> Iterator[str]:
    """Other spellings of a host: absolute, and without the domain of the cluster."""
    if is_ip(host):
        return
    yield f"{host}."
    short = host.removesuffix(_CLUSTER)
    if short != host and "." in short and not short.startswith("."):
        name, _, declared_in = short.partition(".")
        if declared_in == namespace:
            yield name
        yield f"{short}.svc"
        yield short


def expanded_hosts(domain: str) -> Iterator[Host]:
    """The hosts that ``domain`` is, or may be, another spelling of, whoever the caller is."""
    host = domain.removeprefix("*.").removesuffix(".")
    if host != domain:
        yield Host(host)
    if host.endswith(".svc"):
        yield Host(f"{host}.{CLUSTER_DOMAIN}")
    elif "." in host and not host.endswith(_CLUSTER):
        yield Host(f"{host}{_CLUSTER}")


def own_namespace(host: str) -> Namespace | None:
    """The namespace in which the bare name is a domain of ``host``, if there is one."""
    short = host.lower().removesuffix(_CLUSTER)
    if len(short) == len(host):
        return None
    _, _, namespace = short.partition(".")
    return Namespace(namespace) if namespace and "." not in namespace else None


def virtual_addresses(service: Service, families: tuple[IpFamily, ...]) -> Iterator[str]:
    """The virtual addresses by which callers of ``families`` name the service. Of a ServiceEntry
    only the first is used, of whatever family.
    """
    if service.origin is Origin.ENTRY:
        found = service.addresses[:1]
    else:
        found = tuple(each for each in service.addresses if _family(each) in families)
    yield from (each for each in found if each not in _UNSPECIFIED)


def bracketed(domain: str) -> str:
    """An IPv6 address as it is in a Host header; anything else as it is."""
    return f"[{domain}]" if ":" in domain and is_ip(domain) else domain


def _family(address: str) -> IpFamily | None:
    if not is_ip(address):
        return None
    is_6 = isinstance(ip_address(address), IPv6Address)
    return IpFamily.IPV6 if is_6 else IpFamily.IPV4
