"""The services that can be connected to a process, with the workloads that they are to have."""

from collections.abc import Iterable, Iterator
from typing import Final

from controlplane.base.hosts import fqdn
from controlplane.base.names import Host, ObjectKey
from controlplane.graph import Graph
from controlplane.kinds.core.pod import POD
from controlplane.kinds.istio.destination_rule import DestinationRule
from controlplane.kinds.object import Object, is_of
from controlplane.model.proxy import labels_of
from controlplane.model.service import Resolution, Service, ServicePort
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.endpoints import (
    connected_workloads,
    declared_endpoints,
    selected_workloads,
)
from controlplane.queries.registry.services import Declaration, hosts_of, service_of
from controlplane.queries.registry.templates import selected_templates
from controlplane.queries.selection.gateways import gateways_by_label
from controlplane.translate.connections import (
    OF_OPTION,
    Connectable,
    ConnectablePort,
    Workload,
    connectable,
    port_key,
)

_OF_ONE_POD: Final = frozenset(
    {
        "pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
    }
)
"""Labels that the controllers of Kubernetes add to Pods."""
_WITH_ENDPOINTS: Final = frozenset(
    {
        Resolution.ENDPOINTS,
        Resolution.HEADLESS,
        Resolution.DNS,
        Resolution.DNS_ROUND_ROBIN,
    }
)


def connectables(
    graph: Graph,
    declared: Iterable[Declaration],
    rules: Iterable[Object[DestinationRule]],
) -> tuple[Connectable, ...]:
    """Every service that has endpoints of its own, by namespace and host; walks the whole mesh."""
    subsets: dict[Host, dict[str, Workload]] = {}
    for rule in sorted(rules, key=lambda rule: rule.age):
        of_host = subsets.setdefault(fqdn(rule.spec.host, rule.namespace), {})
        for subset in rule.spec.subsets:
            labels = labels_of(dict(subset.labels))
            of_host.setdefault(subset.name, Workload(name=subset.name, labels=labels))
    services = sorted({(o.namespace, host) for o in declared for host in hosts_of(o)})
    found = (service_of(graph, host, namespace) for namespace, host in services)
    made = (
        connectable(
            service.host,
            service.namespace,
            tuple(map(_port, service.ports)),
            selector=service.selector or (),
            declared=_workloads(graph, service),
            subsets=tuple(subsets.get(service.host, {}).values()),
        )
        for service in found
        if service is not None and service.resolution in _WITH_ENDPOINTS
    )
    return tuple(each for each in made if each is not None)


def without_endpoints(graph: Graph, services: Iterable[Connectable]) -> tuple[Connectable, ...]:
    """Those of ``services`` that have no endpoint on any port, but for what options make, and are
    not in front of a gateway.
    """
    return tuple(
        service
        for service in services
        if not any(gateways_by_label(graph, pair) for pair in service.selector)
        and not _is_declared(graph, service)
    )


def _is_declared(graph: Graph, service: Connectable) -> bool:
    """Whether files declare an endpoint of any port."""
    found = service_of(graph, service.host, service.namespace)
    ports = found.ports if found is not None else ()
    connected = connected_workloads(graph, (service.namespace, service.host))
    keys: set[ObjectKey] = {key for _, key in connected}
    for port in ports:
        assert found is not None, "it has ports"
        keys |= {key for _, key, _, _ in declared_endpoints(graph, found, port)}
    objects = (object_of(graph, key) for key in keys)
    return any(one is not None and OF_OPTION not in one.annotations for one in objects)


def _port(port: ServicePort) -> ConnectablePort:
    listens = port.number if isinstance(port.target, str) else port.target
    return ConnectablePort(key=port_key(port), name=port.name, number=port.number, target=listens)


def _workloads(graph: Graph, service: Service) -> Iterator[Workload]:
    """What is to run behind a service, and what ran where its configuration comes from."""
    if service.selector is None:
        return
    for key, labels in selected_templates(graph, service.namespace, service.selector):
        yield Workload(name=key.name, labels=labels, is_declared=True)
    for workload in selected_workloads(graph, service.namespace, service.selector):
        pod = object_of(graph, workload)
        if pod is not None and is_of(pod, POD):
            own = {name: value for name, value in pod.labels.items() if name not in _OF_ONE_POD}
            yield Workload(name=pod.name, labels=labels_of(own), is_declared=True)
