"""Issuers of tokens that rules of AuthorizationPolicies name and of which none is accepted."""

from collections.abc import Iterator

from controlplane.base.codes import ISSUER_NOT_ACCEPTED
from controlplane.base.diagnostics import Report
from controlplane.base.names import Namespace
from controlplane.base.nearest import nearest
from controlplane.base.wording import listed
from controlplane.graph import Graph
from controlplane.kinds.istio.authorization_policy import AuthorizationPolicy
from controlplane.kinds.istio.request_authentication import (
    REQUEST_AUTHENTICATION,
    RequestAuthentication,
)
from controlplane.kinds.object import Object
from controlplane.queries.analysis.policy_values import compared_values, request_principal_mistake
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index

_WHOLE_MESH = Namespace("")


@index(REQUEST_AUTHENTICATION)
def issuers_of_namespace(
    declared: Object[RequestAuthentication],
) -> Iterator[tuple[Namespace, str]]:
    """The issuers of the rules of a namespace; an empty one stands for any."""
    for rule in declared.spec.jwt_rules:
        yield declared.namespace, rule.issuer or ""
        yield _WHOLE_MESH, rule.issuer or ""


def check_issuers(report: Report, graph: Graph, policy: Object[AuthorizationPolicy]) -> None:
    """Report an issuer that no RequestAuthentication has that may be for the policy's workloads."""
    root = Namespace(mesh_config(graph).root_namespace)
    namespaces = (_WHOLE_MESH,) if policy.namespace == root else (policy.namespace, root)
    for at, compared, values in compared_values(policy):
        if compared != "request_principals":
            continue
        accepted = {i for of in namespaces for i in issuers_of_namespace(graph, of)}
        for i, value in enumerate(values):
            issuer, slash, subject = value.rpartition("/")
            if request_principal_mistake(value) is not None or not slash or "*" in issuer:
                continue
            if "" in accepted or issuer in accepted:
                continue
            near = next((known for known in sorted(accepted) if known == f"{issuer}/"), None)
            near = near or nearest(issuer, sorted(accepted))
            of = "the mesh" if policy.namespace == root else listed(dict.fromkeys(namespaces))
            report.add(
                ISSUER_NOT_ACCEPTED,
                at / i,
                f'"{value}" never matches: no RequestAuthentication of {of} has the issuer '
                f'"{issuer}"',
                hint=f'write "{near}/{subject}"' if near is not None else None,
            )
