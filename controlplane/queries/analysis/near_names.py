"""The declared name that a reference which leads nowhere was most likely meant to be.

Asked only where a reference is dangling. Names are found by their length, so that a slip is
compared with the few that can be near it, and an edit of one affects the references near that.
"""

from collections.abc import Iterator
from typing import Any, Final

from controlplane.base.diagnostics import Code, Related, Report
from controlplane.base.hosts import fqdn
from controlplane.base.locations import FieldRef
from controlplane.base.names import CLUSTER_DOMAIN, Host, Kind, Namespace, ObjectKey
from controlplane.base.nearest import FARTHEST, nearest
from controlplane.graph import Graph
from controlplane.kinds.core.configuration import SECRET
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY, ServiceEntry
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.kinds.object import Object
from controlplane.queries.inputs.objects import index
from controlplane.queries.inputs.refused import refused_as, refused_entry

_LOCAL: Final = f"svc.{CLUSTER_DOMAIN}"


@index(SERVICE, GATEWAY, SECRET, VIRTUAL_SERVICE, KUBERNETES_GATEWAY, LISTENER_SET)
def names_by_length(
    declared: Object[Any],
) -> Iterator[tuple[tuple[Kind, Namespace, int], str]]:
    yield (declared.kind, declared.namespace, len(declared.name)), declared.name


@index(SERVICE_ENTRY)
def hosts_by_length(declared: Object[ServiceEntry]) -> Iterator[tuple[int, str]]:
    for host in declared.spec.hosts:
        yield len(host), host


def near_object(graph: Graph, kind: Kind, namespace: Namespace, name: str) -> ObjectKey | None:
    """The object of ``kind`` in ``namespace`` whose name is near ``name``."""
    known = (
        other for size in lengths(name) for other in names_by_length(graph, (kind, namespace, size))
    )
    near = nearest(name, known)
    return ObjectKey(kind, namespace, near) if near is not None else None


def report_refused(
    report: Report, code: Code, at: FieldRef, graph: Graph, meant: ObjectKey
) -> bool:
    """Say that what is referred to is declared and refused, where it is so."""
    declared = refused_as(graph, meant)
    if declared is None:
        return False
    related = (Related(place=FieldRef(declared), message="it is refused here"),)
    message = f"this leads nowhere because {meant.display_name} is refused"
    report.add(code, at, message, related=related)
    return True


def near_host(graph: Graph, written: str, owner: Namespace) -> str | None:
    """The host near ``written``, a name in an object of ``owner``, spelled as that is.

    A Service of the namespace that is meant, or a host of a ServiceEntry.
    """
    meant = service_of_host(fqdn(written, owner))
    if meant is not None:
        service = near_object(graph, SERVICE, meant.namespace, meant.name)
        if service is not None:
            return service.name + written[len(meant.name) :]
    return nearest(written, _declared_hosts(graph, written))


def report_refused_host(report: Report, code: Code, at: FieldRef, graph: Graph, host: Host) -> bool:
    """As ``report_refused``, of the Service or ServiceEntry that declares ``host``."""
    declaring = (service_of_host(host), refused_entry(graph, host))
    return any(report_refused(report, code, at, graph, key) for key in declaring if key is not None)


def service_of_host(host: Host) -> ObjectKey | None:
    """The Service that has ``host``, whether it is declared or not."""
    name, _, rest = host.partition(".")
    namespace, _, domain = rest.partition(".")
    return ObjectKey(SERVICE, Namespace(namespace), name) if domain == _LOCAL else None


def _declared_hosts(graph: Graph, written: str) -> Iterator[Host]:
    for size in lengths(written):
        yield from (Host(host) for host in hosts_by_length(graph, size))


def lengths(word: str) -> range:
    """The lengths of the words that can be near ``word``."""
    far = min(FARTHEST, len(word) // 3)
    # Hyphens do not count, so a name with one more is as near.
    return range(max(len(word) - far - 1, 1), len(word) + far + 2)
