"""ReferenceGrants that permit nothing: of kinds that nobody has, or of their own namespace.

Source: https://gateway-api.sigs.k8s.io/api-types/referencegrant/
"""

from collections.abc import Collection
from typing import Final

from controlplane.base.codes import NO_EFFECT
from controlplane.base.diagnostics import Diagnostics, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind
from controlplane.graph import Graph, derived
from controlplane.kinds.core.configuration import CONFIG_MAP, SECRET
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET
from controlplane.kinds.gateway_api.near_kind import field_at_fault, kind_hint, near_kind
from controlplane.kinds.gateway_api.reference_grant import ReferenceGrantKey
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE
from controlplane.kinds.gateway_api.udp_route import UDP_ROUTE
from controlplane.queries.inputs.objects import object_of

_REFERRERS: Final = (
    KUBERNETES_GATEWAY,
    LISTENER_SET,
    HTTP_ROUTE,
    GRPC_ROUTE,
    TLS_ROUTE,
    TCP_ROUTE,
    UDP_ROUTE,
)
_REFERRED: Final = (SERVICE, SECRET, CONFIG_MAP)


@derived
def reference_grant_diagnostics(graph: Graph, key: ReferenceGrantKey) -> Diagnostics:
    """What of one grant permits nothing; kinds that have no likeness here are others' business.

    Runs again when the grant changes.
    """
    grant, report = object_of(graph, key), Report()
    if grant is None:
        return ()
    at = FieldRef(key) / "spec"
    for i, from_ in enumerate(grant.spec.from_):
        place = at / "from" / i
        _check_kind(report, place, Kind(from_.group, from_.kind), _REFERRERS)
        if from_.namespace == key.namespace:
            message = f"references within namespace {key.namespace} need no grant"
            hint = "write the namespace of the objects that refer to those here"
            report.add(NO_EFFECT, place / "namespace", message, hint=hint)
    for i, to in enumerate(grant.spec.to):
        _check_kind(report, at / "to" / i, Kind(to.group, to.kind), _REFERRED)
    return tuple(report)


def _check_kind(report: Report, at: FieldRef, named: Kind, known: Collection[Kind]) -> None:
    meant = near_kind(named.name, known)
    if meant is None or named == meant:
        return
    of = f"group {named.group}" if named.group else 'group ""'
    message = f'{of} has no kind "{named.name}", so nothing is permitted by it'
    hint = kind_hint(named.group, named.name, meant)
    report.add(NO_EFFECT, at / field_at_fault(named.name, meant), message, hint=hint)
