"""What of a configuration bears on the migration: objects by kind and name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from controlplane.base.names import Host, Namespace, ObjectKey
from controlplane.kinds.core.service import Service
from controlplane.kinds.istio.gateway import Gateway
from controlplane.kinds.istio.service_entry import ServiceEntry
from controlplane.kinds.istio.virtual_service import VirtualService
from controlplane.kinds.object import Object
from controlplane.model.visibility import visibility
from controlplane.translate.istio.virtual_service import virtual_service_gateways


@dataclass(frozen=True, kw_only=True)
class Declared:
    """The objects in force. ``taken``: every key that is declared, of any kind, even one that is
    refused. ``twice``: keys that several documents declare.
    """

    gateways: Mapping[ObjectKey[Gateway], Object[Gateway]]
    virtual_services: Mapping[ObjectKey[VirtualService], Object[VirtualService]]
    services: tuple[Object[Service], ...] = ()
    entries: tuple[Object[ServiceEntry], ...] = ()
    taken: frozenset[ObjectKey] = frozenset()
    twice: frozenset[ObjectKey] = frozenset()
    export_to: tuple[str, ...] = field(default=())
    """MeshConfig's default for VirtualServices."""
    trusts_proxies: bool = False
    """Whether MeshConfig lets proxies in front of gateways say what they received."""

    @cached_property
    def services_by_host(self) -> Mapping[Host, Object[Service]]:
        return {service_host(service): service for service in self.services}

    @cached_property
    def entries_by_host(self) -> Mapping[str, tuple[Object[ServiceEntry], ...]]:
        found: dict[str, tuple[Object[ServiceEntry], ...]] = {}
        for entry in self.entries:
            for host in entry.spec.hosts:
                found[host] = (*found.get(host, ()), entry)
        return found

    def is_seen(self, virtual_service: Object[VirtualService], namespace: Namespace) -> bool:
        """Whether proxies in ``namespace`` see the VirtualService."""
        words = virtual_service.spec.export_to or self.export_to
        return visibility(words, virtual_service.namespace).admits(namespace)

    def bound_to(self, gateway: ObjectKey[Gateway]) -> Iterator[Object[VirtualService]]:
        """The VirtualServices that name a Gateway."""
        name = f"{gateway.namespace}/{gateway.name}"
        for virtual_service in self.virtual_services.values():
            if virtual_service.spec.hosts and name in virtual_service_gateways(virtual_service):
                yield virtual_service


def service_host(service: Object[Service]) -> Host:
    return Host(f"{service.name}.{service.namespace}.svc.cluster.local")
