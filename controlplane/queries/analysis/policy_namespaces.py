"""Namespaces that rules of AuthorizationPolicies name and that nothing is declared in.

Source: Istio ``pkg/config/analysis/analyzers/authz/authorizationpolicies.go``, which asks for the
Namespace. Here few declare those, so an object in the namespace is enough; where no Namespace is
declared at all, only what looks like a slip is reported.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from controlplane.base.codes import POLICY_NAMESPACE_UNKNOWN
from controlplane.base.diagnostics import Report
from controlplane.base.nearest import nearest
from controlplane.graph import Graph
from controlplane.kinds.core.configuration import NAMESPACE
from controlplane.kinds.core.pod import POD
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.core.workload_template import DAEMON_SET, DEPLOYMENT, STATEFUL_SET
from controlplane.kinds.istio.authorization_policy import AuthorizationPolicy
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY
from controlplane.kinds.istio.workload_group import WORKLOAD_GROUP
from controlplane.kinds.object import Object, is_of
from controlplane.queries.analysis.near_names import lengths
from controlplane.queries.analysis.policy_values import compared_values
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index

_DECLARED: Final = 0  # in place of a length: the Namespaces that are objects themselves


@index(
    NAMESPACE,
    *(SERVICE, POD, DEPLOYMENT, STATEFUL_SET, DAEMON_SET),
    *(GATEWAY, SERVICE_ENTRY, WORKLOAD_ENTRY, WORKLOAD_GROUP),
)
def namespaces_by_length(declared: Object[Any]) -> Iterator[tuple[int, str]]:
    """Any: each of these kinds has its own struct."""
    if is_of(declared, NAMESPACE):
        yield _DECLARED, declared.name
        yield len(declared.name), declared.name
    else:
        yield len(declared.namespace), declared.namespace


def check_namespaces(report: Report, graph: Graph, policy: Object[AuthorizationPolicy]) -> None:
    """Report the namespaces of callers in which nothing is declared."""
    for at, compared, values in compared_values(policy):
        for i, value in enumerate(values):
            namespace = _namespace(compared, value)
            if not namespace or namespace in (
                policy.namespace,
                mesh_config(graph).root_namespace,
                *namespaces_by_length(graph, len(namespace)),
            ):
                continue
            known = chain.from_iterable(
                namespaces_by_length(graph, length) for length in lengths(namespace)
            )
            near = nearest(namespace, known)
            if near is not None or namespaces_by_length(graph, _DECLARED):
                message = f'nothing is declared in the namespace "{namespace}"'
                hint = f'write "{near}"' if near is not None else None
                report.add(POLICY_NAMESPACE_UNKNOWN, at / i, message, hint=hint)


def _namespace(compared: str, value: str) -> str | None:
    """The namespace that a value of a source names, if it names one."""
    if "*" in value:
        return None
    match compared, value.split("/"):
        case ("namespaces", [namespace]):
            return namespace
        case ("service_accounts", [namespace, _]):
            return namespace
        case ("principals", [_, "ns", namespace, "sa", _]):
            return namespace
    return None
