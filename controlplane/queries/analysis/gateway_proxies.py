"""Whether what is declared besides a Gateway fits its proxies: the Services in front of them, and
the labels by which it selects them.

Source: istioctl's IST0162 and IST0101 (``IngressGatewayPortAnalyzer``)
"""

from collections.abc import Iterator
from typing import Any, Final

from controlplane.base.codes import PORT_NOT_ON_SERVICE, SELECTOR_MISSPELLED
from controlplane.base.diagnostics import Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.base.nearest import nearest
from controlplane.base.wording import listed
from controlplane.graph import Graph
from controlplane.kinds.core.pod import POD
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.istio.gateway import GATEWAY, Gateway
from controlplane.kinds.object import Object, is_of
from controlplane.model.proxy import labels_of
from controlplane.queries.analysis.homes import services_in_front
from controlplane.queries.inputs.objects import index, object_of

_LABEL: Final = "istio"  # the label of gateways in Istio's charts and documentation
_USUAL: Final = frozenset({"ingressgateway", "egressgateway", "eastwestgateway"})


@index(GATEWAY, POD, SERVICE)
def values_of_istio_label(declared: Object[Any]) -> Iterator[tuple[str, tuple[str, ObjectKey]]]:
    """The values of the label by which gateways are selected, and who has or selects them."""
    labels = declared.labels if is_of(declared, POD) else declared.spec.selector
    if _LABEL in labels:
        yield _LABEL, (labels[_LABEL], declared.key)


def check_selector(report: Report, graph: Graph, gateway: Object[Gateway]) -> None:
    """Report a value that only this Gateway has, where others have one that it may have meant."""
    value = gateway.spec.selector.get(_LABEL)
    if value is None or value in _USUAL:
        return
    others = {v: key for v, key in values_of_istio_label(graph, _LABEL) if key != gateway.key}
    meant = nearest(value, sorted(others))
    if meant is None:
        return
    key = others[meant]
    report.add(
        SELECTOR_MISSPELLED,
        FieldRef(gateway.key) / "spec" / "selector" / _LABEL,
        f"no Pod, no Service and no other Gateway has the label {_LABEL}: {value}, but "
        f"{key.display_name} has {_LABEL}: {meant}",
        hint=f"write {meant}",
        related=(Related(place=FieldRef(key), message=f"has {_LABEL}: {meant}"),),
    )


def check_service_ports(report: Report, graph: Graph, gateway: Object[Gateway]) -> None:
    """Report the ports that clients cannot reach through the Services in front of the proxies."""
    keys = services_in_front(graph, labels_of(dict(gateway.spec.selector)))
    ports: set[int] = set()
    for key in keys:
        service = object_of(graph, key)
        for port in service.spec.ports if service is not None else ():
            target = port.target_port or port.port
            ports |= {port.port, *({target} if isinstance(target, int) else ())}
    if not ports:
        return
    at = FieldRef(gateway.key) / "spec" / "servers"
    for i, server in enumerate(gateway.spec.servers):
        if server.port is not None and server.port.number not in ports and not server.bind:
            number = server.port.number
            report.add(
                PORT_NOT_ON_SERVICE,
                at / i / "port" / "number",
                f"no Service in front of the proxies has port {number}, so clients that come "
                "through one do not reach this server",
                note=f"{listed(k.display_name for k in keys[:2])} has {listed(sorted(ports))}",
                hint=f"add port {number} to {keys[0].display_name}",
            )
