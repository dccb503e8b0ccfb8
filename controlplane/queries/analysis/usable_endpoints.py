"""Services that gateways send requests to and none of whose endpoints can be used: those requests
get 503.

A Service that no route leads to is left alone. What is said is the nearest cause: a port's name
that differs, an address that is missing, a workload that nobody declared.
Source: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
"""

import json
from collections.abc import Iterator
from typing import Final

from controlplane.base.codes import (
    ENDPOINT_PORTS_DIFFER,
    NO_USABLE_ENDPOINT,
    SERVICE_IN_USE_WITHOUT_ENDPOINTS,
    SLICE_WITHOUT_SERVICE,
)
from controlplane.base.diagnostics import Diagnostics, Related, Report
from controlplane.base.hosts import fqdn
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace, ObjectKey
from controlplane.base.wording import listed
from controlplane.graph import Graph, derived
from controlplane.kinds.core.endpoints import (
    ENDPOINT_SLICE,
    ENDPOINTS,
    SERVICE_NAME_LABEL,
    EndpointSlice,
)
from controlplane.kinds.core.pod import POD
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.istio.service_entry import ServiceEntry
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE, VirtualService
from controlplane.kinds.object import Object, is_of
from controlplane.model.proxy import Labels, labels_text
from controlplane.model.service import Resolution, Service, ServicePort
from controlplane.queries.analysis.destinations import services_by_name
from controlplane.queries.analysis.near_names import near_object
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.inputs.refused import is_refused
from controlplane.queries.registry.endpoints import (
    Workload,
    endpoints_of,
    selected_workloads,
    slices_of_service,
)
from controlplane.queries.registry.services import service_of
from controlplane.translate.istio.gateway_reference import MESH
from controlplane.translate.istio.virtual_service import virtual_service_gateways
from controlplane.translate.istio.virtual_service_diagnostics import destinations
from controlplane.translate.kubernetes.endpoints import pod_address

_NEVER: Final = "requests to it get 503"
_RELATED: Final = 3
_ANY_PORT: Final = 0
Found = tuple[FieldRef, str, str | None]
"""Where the cause is, what it is, and what to do about it."""


@index(VIRTUAL_SERVICE)
def uses_of_host(
    declared: Object[VirtualService],
) -> Iterator[tuple[Host, tuple[int, ObjectKey[VirtualService]]]]:
    """The destinations of VirtualServices that gateways serve: for each host the port, 0 where it
    is left out, and the VirtualService. A delegate is taken to be in use.
    """
    if declared.spec.hosts and set(virtual_service_gateways(declared)) == {MESH}:
        return
    for _, to in destinations(declared):
        number = to.port.number if to.port is not None else _ANY_PORT
        yield fqdn(to.host, declared.namespace), (number, declared.key)


@index(ENDPOINT_SLICE)
def unlabelled_slices(
    declared: Object[EndpointSlice],
) -> Iterator[tuple[Namespace, ObjectKey[EndpointSlice]]]:
    if SERVICE_NAME_LABEL not in declared.labels:
        yield declared.namespace, declared.key


def used_ports(graph: Graph, found: Service) -> tuple[ServicePort, ...]:
    """The ports of a service that gateways send requests to: of a destination that names none, all
    that it may mean.
    """
    numbers = {number for number, _ in uses_of_host(graph, found.host)}
    return tuple(p for p in found.ports if _ANY_PORT in numbers or p.number in numbers)


def unusable_ports(graph: Graph, found: Service) -> tuple[ServicePort, ...]:
    """Those of ``used_ports`` that have no endpoint which may get a request.

    Where destinations leave the port out, one port with endpoints will do.
    """
    used = used_ports(graph, found)
    dead = tuple(p for p in used if not _is_usable(graph, found, p))
    named = {number for number, _ in uses_of_host(graph, found.host)}
    return dead if len(dead) == len(used) else tuple(p for p in dead if p.number in named)


def _is_usable(graph: Graph, found: Service, port: ServicePort) -> bool:
    endpoints = endpoints_of(graph, found.host, found.namespace, port.number)
    return any(endpoint.is_ready for endpoint in endpoints)


def check_service(report: Report, graph: Graph, key: ObjectKey, found: Service) -> bool:
    """Report why a Service in use answers nothing; returns whether something was reported."""
    dead = unusable_ports(graph, found)
    if not dead:
        return False
    users = _users(graph, found.host)
    slices = slices_of_service(graph, (key.namespace, key.name))
    listed_ = ObjectKey(ENDPOINTS, key.namespace, key.name)
    if slices:
        for port in dead:
            _report_slices(report, graph, key, port, slices, users)
    elif object_of(graph, listed_) is not None:
        for port in dead:
            _report_list(report, graph, key, port, listed_, users)
    elif found.selector is not None:
        _report_workloads(report, graph, key, found, found.selector, users)
    elif not any(_likely_service(graph, s) == key for s in unlabelled_slices(graph, key.namespace)):
        report.add(
            SERVICE_IN_USE_WITHOUT_ENDPOINTS,
            FieldRef(key) / "spec",
            f"there is no EndpointSlice for this Service, and it has no selector: {_NEVER}",
            hint=f"add an EndpointSlice with the label {SERVICE_NAME_LABEL}: {key.name}",
            related=users,
        )
    return True


def check_entry(report: Report, graph: Graph, declared: Object[ServiceEntry]) -> None:
    """Report a ServiceEntry whose endpoints are to be known and are not; a sole one of its host,
    or one in use.
    """
    for i, host in enumerate(dict.fromkeys(map(Host, declared.spec.hosts))):
        found = service_of(graph, host, declared.namespace)
        if found is None or found.declared_by[0] != declared.key:
            continue
        if found.resolution is not Resolution.ENDPOINTS:
            return
        at = FieldRef(declared.key) / "spec"
        is_empty = not declared.spec.endpoints and declared.spec.workload_selector is None
        if is_empty and not any(_is_usable(graph, found, port) for port in found.ports):
            report.add(
                NO_USABLE_ENDPOINT,
                at / "resolution",
                f"resolution is STATIC, but no endpoints are listed: requests to {host} get 503",
                hint="list endpoints, or write resolution: DNS",
                related=_users(graph, host),
            )
            return
        if unusable_ports(graph, found):
            name = "workloadSelector" if declared.spec.workload_selector else "endpoints"
            report.add(
                NO_USABLE_ENDPOINT,
                at / ("hosts" if is_empty else name),
                f"no endpoint of {declared.spec.hosts[i]} can be used: {_NEVER}",
                related=_users(graph, host),
            )
            return


def _users(graph: Graph, host: Host) -> tuple[Related, ...]:
    keys = dict.fromkeys(key for _, key in uses_of_host(graph, host))
    return tuple(
        Related(place=FieldRef(key), message="sends requests to it") for key in [*keys][:_RELATED]
    )


def _report_slices(
    report: Report,
    graph: Graph,
    key: ObjectKey,
    port: ServicePort,
    slices: tuple[ObjectKey[EndpointSlice], ...],
    users: tuple[Related, ...],
) -> None:
    declared = [o for k in slices if (o := object_of(graph, k)) is not None]
    names = {p.name for o in declared for p in o.spec.ports}
    if port.name not in names:
        first = declared[0]
        numbers = [p.port for p in first.spec.ports]
        at = FieldRef(first.key) / "ports"
        i = numbers.index(port.target) if port.target in numbers else 0
        place = at / i / "name" if numbers and first.spec.ports[i].name else at
        _report_names(report, place, key, port, sorted(names), users)
        return
    at = FieldRef(declared[0].key)
    if all(o.spec.address_type not in ("IPv4", "IPv6") for o in declared):
        place, why = at / "addressType", f"addressType {declared[0].spec.address_type} is not used"
    elif any(e.addresses for o in declared for e in o.spec.endpoints):
        place, why = at / "endpoints", "no endpoint is ready"
    else:
        place, why = at / "endpoints", "no endpoint has an address"
    _report_unusable(report, place, key, why, users)


def _report_list(
    report: Report,
    graph: Graph,
    key: ObjectKey,
    port: ServicePort,
    listed_: ObjectKey,
    users: tuple[Related, ...],
) -> None:
    declared = object_of(graph, ObjectKey(ENDPOINTS, key.namespace, key.name))
    subsets = declared.spec.subsets if declared is not None else ()
    names = sorted({p.name for subset in subsets for p in subset.ports})
    at = FieldRef(listed_) / "subsets"
    if subsets and port.name not in names:
        place = at / 0 / "ports" / 0 / "name" if subsets[0].ports and names[0] else at / 0 / "ports"
        _report_names(report, place, key, port, names, users)
    else:
        ready = any(subset.addresses for subset in subsets)
        _report_unusable(
            report, at, key, "no address is usable" if ready else "no address is ready", users
        )


def _report_names(
    report: Report,
    at: FieldRef,
    key: ObjectKey,
    port: ServicePort,
    names: list[str],
    users: tuple[Related, ...],
) -> None:
    named = f'is named "{port.name}"' if port.name else "has no name"
    there = listed(f'"{name}"' for name in names if name) if any(names) else "unnamed"
    report.add(
        ENDPOINT_PORTS_DIFFER,
        at,
        f"port {port.number} of {key.display_name} {named}, and here ports are {there}: {_NEVER}",
        hint=f'name the port here "{port.name}" too'
        if port.name
        else "leave the name out here too",
        related=users,
    )


def _report_unusable(
    report: Report, at: FieldRef, key: ObjectKey, why: str, users: tuple[Related, ...]
) -> None:
    report.add(
        NO_USABLE_ENDPOINT, at, f"{why}, so {key.display_name} has none: {_NEVER}", related=users
    )


def _report_workloads(
    report: Report,
    graph: Graph,
    key: ObjectKey,
    found: Service,
    selector: Labels,
    users: tuple[Related, ...],
) -> None:
    """Nothing is selected, or nothing that has an address and is ready."""
    keys = selected_workloads(graph, key.namespace, selector)
    declared = [o for k in keys if (o := object_of(graph, k)) is not None]
    if declared:
        first = declared[0]
        related = (Related(place=FieldRef(first.key), message=f"{_lacks(first)}"), *users)
        report.add(
            NO_USABLE_ENDPOINT,
            FieldRef(key) / "spec" / "selector",
            f"no workload that the selector ({labels_text(selector)}) selects can be used: "
            f"{first.key.display_name} {_lacks(first)}",
            hint=f"declare where it runs: {workload_entry(key, found, selector)}",
            related=related[:_RELATED],
        )
        return
    report.add(
        SERVICE_IN_USE_WITHOUT_ENDPOINTS,
        FieldRef(key) / "spec" / "selector",
        f"no Pod and no WorkloadEntry of {key.namespace} has {labels_text(selector)}, and there is "
        f"no EndpointSlice for {key.name}: {_NEVER}",
        hint=f"add --local {key.name}.{key.namespace}=PORT to up or serve, or declare where it "
        f"runs: {workload_entry(key, found, selector)}",
        related=users,
    )


def _lacks(declared: Workload) -> str:
    if is_of(declared, POD):
        if declared.spec.status.phase in ("Succeeded", "Failed"):
            return f"has ended ({declared.spec.status.phase})"
        return "has no podIP" if pod_address(declared) is None else "is not ready"
    return "has no IP address"


def workload_entry(key: ObjectKey, found: Service, selector: Labels) -> str:
    """A WorkloadEntry on this machine that a Service selects, as one line of YAML."""
    ports = {
        str(port.target if isinstance(port.target, str) else port.name): (
            port.number if isinstance(port.target, str) else port.target
        )
        for port in found.ports
        if isinstance(port.target, str) or port.name
    }
    body = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "WorkloadEntry",
        "metadata": {"name": f"{key.name}-1", "namespace": key.namespace},
        "spec": {"address": "127.0.0.1", "labels": dict(selector), "ports": ports},
    }
    return _flow(body)


def _flow(value: object) -> str:
    """YAML in braces, quoted only where it has to be."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(k)}: {_flow(v)}" for k, v in value.items() if v) + "}"
    text = str(value)
    plain = isinstance(value, int) or (
        text[:1].isalpha() and all(c.isalnum() or c in "-./_" for c in text) and text not in _WORDS
    )
    return text if plain or text == "127.0.0.1" else json.dumps(text)


_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


@derived
def slice_diagnostics(graph: Graph, key: ObjectKey[EndpointSlice]) -> Diagnostics:
    """An EndpointSlice that belongs to no Service; runs again when it or that Service changes."""
    declared = object_of(graph, key)
    if declared is None:
        return ()
    report = Report()
    name = declared.labels.get(SERVICE_NAME_LABEL)
    if name is not None and is_refused(graph, ObjectKey(SERVICE, key.namespace, name)):
        return ()
    meant = None
    if name is None or object_of(graph, ObjectKey(SERVICE, key.namespace, name)) is None:
        meant = _likely_service(graph, key) or near_object(
            graph, SERVICE, key.namespace, name or key.name
        )
    if name is None:
        report.add(
            SLICE_WITHOUT_SERVICE,
            FieldRef(key) / "metadata",
            "this EndpointSlice belongs to no Service, so it is not used: it has no label "
            f"{SERVICE_NAME_LABEL}",
            hint=f"add the label {SERVICE_NAME_LABEL}: {meant.name if meant else 'NAME'}",
        )
    elif object_of(graph, ObjectKey(SERVICE, key.namespace, name)) is None:
        report.add(
            SLICE_WITHOUT_SERVICE,
            FieldRef(key) / "metadata" / "labels" / SERVICE_NAME_LABEL,
            f"this EndpointSlice is not used: there is no Service {key.namespace}/{name}",
            hint=f"write {meant.name}" if meant else None,
        )
    return tuple(report)


def _likely_service(graph: Graph, key: ObjectKey[EndpointSlice]) -> ObjectKey | None:
    """The Service that a slice is named after: ``a`` for ``a-1``."""
    name = key.name
    while name:
        own = [k for k in services_by_name(graph, name) if k.namespace == key.namespace]
        if own:
            return own[0]
        name = name.rpartition("-")[0]
    return None
