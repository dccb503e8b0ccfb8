"""What is wrong with a WorkloadGroup: workloads that are connected and not registered, and probes
that no Envoy makes.
"""

from collections.abc import Callable
from typing import Final

from controlplane.base.codes import (
    PROBE_NOT_MADE,
    REGISTERS_FROM_ELSEWHERE,
    REGISTERS_UNREACHABLE,
    REGISTERS_WITH_OTHER_ACCOUNT,
)
from controlplane.base.diagnostics import Code, Diagnostics, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.base.wording import counted
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.workload_group import WorkloadGroup
from controlplane.kinds.object import Object
from controlplane.model.registration import Claim, Reason
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.inputs.refused_claims import REFUSED_CLAIMS
from controlplane.translate.istio.workload_group import ANY_ADDRESS, account_of
from controlplane.translate.istio.workload_probe import probe_of

Found = tuple[Code, FieldRef, str, str]
"""What is reported of a claim: code, place, message and hint."""


@derived
def workload_group_diagnostics(graph: Graph, key: ObjectKey[WorkloadGroup]) -> Diagnostics:
    """Runs again when the group changes."""
    report = Report()
    declared = object_of(graph, key)
    probe = declared.spec.probe if declared is not None else None
    if declared is None or probe is None or probe_of(declared.spec) is not None:
        return ()
    at = FieldRef(key) / "spec" / "probe"
    if probe.exec is not None:
        why, place = "an Envoy runs no command", at / "exec"
    else:
        why, place = "an Envoy looks up no name of a host to probe", at / "httpGet" / "host"
        if probe.tcp_socket is not None:
            place = at / "tcpSocket" / "host"
    report.add(
        PROBE_NOT_MADE,
        place,
        f"{why}, so the probe is not made: a workload is ready while it is connected",
        hint="use httpGet or tcpSocket without a host: the workload is probed on loopback",
    )
    return tuple(report)


@derived
def workload_group_diagnostics_where_connected(
    graph: Graph, key: ObjectKey[WorkloadGroup]
) -> Diagnostics:
    """Runs again when the group, or which workloads are refused, changes."""
    declared, refused = object_of(graph, key), REFUSED_CLAIMS(graph, key)
    report = Report()
    for reason, described in _DESCRIBED.items():
        claims = [one.claim for one in refused if one.reason is reason]
        if declared is not None and claims:
            code, place, message, hint = described(declared, claims[0])
            more = f" (and {counted(len(claims) - 1, 'other')})" if len(claims) > 1 else ""
            report.add(code, place, f"{message}, so it is not registered{more}", hint=hint)
    return tuple(report)


def _from_elsewhere(declared: Object[WorkloadGroup], claim: Claim) -> Found:
    return (
        REGISTERS_FROM_ELSEWHERE,
        FieldRef(declared.key) / "metadata" / "name",
        f"a proxy that connects from {claim.peer or 'no address'} says that it is at "
        f"{claim.id.address}",
        "give the proxy its own address (bootstrap --ip), or annotate the group with "
        f'{ANY_ADDRESS}: "true" where its workloads are behind NAT',
    )


def _with_other_account(declared: Object[WorkloadGroup], claim: Claim) -> Found:
    wanted = account_of(declared)
    return (
        REGISTERS_WITH_OTHER_ACCOUNT,
        FieldRef(declared.key) / "spec" / "template" / "serviceAccount",
        f"the token of the proxy at {claim.id.address} is for service account "
        f'"{claim.service_account}", the group\'s workloads have "{wanted}"',
        f"issue its token for {declared.namespace}/{wanted}, or set serviceAccount: "
        f"{claim.service_account}",
    )


def _unreachable(declared: Object[WorkloadGroup], claim: Claim) -> Found:
    return (
        REGISTERS_UNREACHABLE,
        FieldRef(declared.key) / "metadata" / "name",
        f"a proxy says that it is at {claim.id.address}, where no other host reaches it",
        "give the proxy the address of its host (bootstrap --ip), and let it reach xDS there",
    )


_DESCRIBED: Final[dict[Reason, Callable[[Object[WorkloadGroup], Claim], Found]]] = {
    Reason.OTHER_ADDRESS: _from_elsewhere,
    Reason.OTHER_ACCOUNT: _with_other_account,
    Reason.NOT_AN_ADDRESS: _unreachable,
}
