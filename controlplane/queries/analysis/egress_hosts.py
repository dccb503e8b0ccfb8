"""Hosts of a Sidecar's egress that no service has, and ports that none of the hosts has.

A namespace as a whole (``other/*``) is only reported where it declares no service; the own one and
the root namespace, which people name by habit, never are. What the Sidecar of the root namespace
says of ``.`` is for each namespace another, so it is not looked at.
Source: https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioEgressListener;
Istio ``model/sidecar.go``; istioctl's IST0101
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.codes import EGRESS_HOST_UNKNOWN, EGRESS_PORT_UNKNOWN
from controlplane.base.diagnostics import Related, Report
from controlplane.base.hosts import is_wildcard, short_name, subset_of, wider
from controlplane.base.locations import FieldRef
from controlplane.base.names import CLUSTER_DOMAIN, Host, Namespace, ObjectKey
from controlplane.base.nearest import nearest
from controlplane.base.wording import listed
from controlplane.graph import Graph
from controlplane.kinds.core.service import SERVICE, Service as KubernetesService
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY, ServiceEntry
from controlplane.kinds.istio.sidecar import EgressListener, Sidecar
from controlplane.kinds.object import Object
from controlplane.model.service import Service
from controlplane.queries.analysis.near_names import near_host, report_refused_host
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index
from controlplane.queries.registry.services import (
    declarations_of_host,
    declaring_namespaces,
    service_of,
)

_ALL: Final = "*"
_OWN: Final = "."
_EVERY: Final = "every"
_LOCAL: Final = f"svc.{CLUSTER_DOMAIN}"
_HTTP_PROXY: Final = "HTTP_PROXY"


@index(SERVICE)
def namespaces_with_services(
    declared: Object[KubernetesService],
) -> Iterator[tuple[str, Namespace]]:
    yield _EVERY, declared.namespace


@index(SERVICE_ENTRY)
def entries_within(declared: Object[ServiceEntry]) -> Iterator[tuple[Host, Namespace]]:
    """By each pattern that covers a host of a ServiceEntry, the namespaces of such entries."""
    for host in declared.spec.hosts:
        for pattern in wider(host):
            yield pattern, declared.namespace


def check_egress(report: Report, graph: Graph, declared: Object[Sidecar]) -> None:
    for i, listener in enumerate(declared.spec.egress):
        at = FieldRef(declared.key) / "spec" / "egress" / i
        for j, written in enumerate(listener.hosts):
            _check_host(report, graph, at / "hosts" / j, written)
        _check_port(report, graph, at, listener)


def _check_host(report: Report, graph: Graph, at: FieldRef, written: str) -> None:
    named, _, host = written.partition("/")
    namespace = named.removeprefix("~") or _ALL
    own = at.object.namespace
    root = Namespace(mesh_config(graph).root_namespace)
    if namespace == _OWN:
        if own == root:
            return
        namespace = own
    if host == _ALL:
        if namespace not in (_ALL, own, root) and not _has_services(graph, namespace, Host(_ALL)):
            _report_namespace(report, graph, at, namespace)
    elif is_wildcard(host):
        if not _has_services(graph, namespace, Host(host)):
            where = "" if namespace == _ALL else f" of {namespace}"
            message = f'no Service and no ServiceEntry{where} has a host within "{host}"'
            report.add(EGRESS_HOST_UNKNOWN, at, f"{message}, {_consequence(written)}")
    else:
        _check_exact(report, graph, at, written, namespace, Host(host))


def _consequence(written: str) -> str:
    return "so nothing is excluded" if written.startswith("~") else "so this entry imports nothing"


def _has_services(graph: Graph, namespace: str, pattern: Host) -> bool:
    """Whether a namespace (``*``: some) declares a host within a wildcard."""
    entries = entries_within(graph, pattern)
    if entries if namespace == _ALL else namespace in entries:
        return True
    declaring = namespaces_with_services(graph, _EVERY)
    asked = declaring if namespace == _ALL else {*declaring} & {namespace}
    return any(subset_of(f"*.{each}.{_LOCAL}", pattern) for each in asked)


def declares_within(graph: Graph, pattern: Host) -> bool:
    """Whether any namespace declares a host within a wildcard."""
    return _has_services(graph, _ALL, pattern)


def _report_namespace(report: Report, graph: Graph, at: FieldRef, namespace: str) -> None:
    known = (*namespaces_with_services(graph, _EVERY), *entries_within(graph, Host(_ALL)))
    near = nearest(namespace, sorted(set(known)))
    report.add(
        EGRESS_HOST_UNKNOWN,
        at,
        f"namespace {namespace} declares no Service and no ServiceEntry, so this entry imports "
        "nothing",
        hint=f'write "{near}/*"' if near is not None else None,
    )


def _check_exact(
    report: Report, graph: Graph, at: FieldRef, written: str, namespace: str, host: Host
) -> None:
    declaring = declaring_namespaces(graph, host)
    wanted = [n for n in declaring if namespace in (_ALL, n)]
    seen = [n for n in wanted if _is_seen(graph, host, n, at.object.namespace)]
    if seen or report_refused_host(report, EGRESS_HOST_UNKNOWN, at, graph, host):
        return
    if wanted:
        first = next(k for k in declarations_of_host(graph, host) if k.namespace == wanted[0])
        _report_hidden(report, at, first, written)
        return
    where = "" if namespace == _ALL else f" of {namespace}"
    report.add(
        EGRESS_HOST_UNKNOWN,
        at,
        f'host "{host}" is declared by no Service and no ServiceEntry{where}, '
        f"{_consequence(written)}",
        hint=_meant(graph, written, namespace, host, declaring),
    )


def _is_seen(graph: Graph, host: Host, declaring: Namespace, client: Namespace) -> bool:
    found = service_of(graph, host, declaring)
    is_for_all = client == mesh_config(graph).root_namespace
    return found is not None and (is_for_all or found.visibility.admits(client))


def _report_hidden(report: Report, at: FieldRef, first: ObjectKey, written: str) -> None:
    own = at.object.namespace
    report.add(
        EGRESS_HOST_UNKNOWN,
        at,
        f"{first.display_name} does not export this host to {own}, {_consequence(written)}",
        hint=f'add "{own}" to exportTo of {first.display_name}',
        related=(Related(place=FieldRef(first), message="declares the host"),),
    )


def _meant(
    graph: Graph, written: str, namespace: str, host: Host, declaring: tuple[Namespace, ...]
) -> str | None:
    tilde = "~" if written.startswith("~") else ""
    if declaring:
        return f'write "{tilde}{declaring[0]}/{host}"'
    covering = [p for p in wider(host) if p != host and declarations_of_host(graph, p)]
    if covering:
        return f'write "{tilde}{written.partition("/")[0].removeprefix("~")}/{covering[0]}"'
    near = near_host(graph, host, Namespace(namespace))
    if near is None:
        return f"declare {short_name(host)} with a Service or a ServiceEntry"
    return f"write {written.partition('/')[0]}/{near}"


def _check_port(report: Report, graph: Graph, at: FieldRef, listener: EgressListener) -> None:
    """A port that none of the hosts has; not looked at where one of them is a wildcard."""
    port = listener.port
    hosts = [h for h in listener.hosts if not h.startswith("~")]
    if port is None or not port.number or port.protocol.upper() == _HTTP_PROXY:
        return
    if any(is_wildcard(host.partition("/")[2]) for host in hosts):
        return
    services = list(_services(graph, hosts, at.object.namespace))
    if not services or any(service.port(port.number) is not None for service in services):
        return
    numbers = sorted({p.number for service in services for p in service.ports})
    report.add(
        EGRESS_PORT_UNKNOWN,
        at / "port" / "number",
        f"none of the hosts has a port {port.number}, so the listener imports nothing",
        note=f"their ports are {listed(numbers)}" if numbers else None,
        hint=f"write {numbers[0]}" if len(numbers) == 1 else None,
    )


def _services(graph: Graph, hosts: list[str], own: Namespace) -> Iterator[Service]:
    for written in hosts:
        namespace, _, host = written.partition("/")
        for declaring in declaring_namespaces(graph, Host(host)):
            if namespace in (_ALL, declaring) or (namespace == _OWN and declaring == own):
                found = service_of(graph, Host(host), declaring)
                if found is not None:
                    yield found
