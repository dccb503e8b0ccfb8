"""Which policies are attached to a proxy: of its namespace and of the root namespace those whose
selector fits or that refer to it.

Source: Istio ``pilot/pkg/model/authorization.go``, ``policyattachment.go``
"""

from collections.abc import Iterator
from typing import Any

from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.graph import Graph, guarded_by
from controlplane.kinds.istio.authorization_policy import AUTHORIZATION_POLICY
from controlplane.kinds.istio.request_authentication import REQUEST_AUTHENTICATION
from controlplane.kinds.istio.telemetry import TELEMETRY
from controlplane.kinds.object import Object
from controlplane.model.policy_keys import UNKNOWN_POLICIES, PolicyKeys
from controlplane.model.proxy import Labels
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index
from controlplane.queries.inputs.unread_policies import has_unread_policies
from controlplane.translate.istio.policy_attachment import Attachment, attachment, is_attached

_Age = tuple[str, str, Namespace]


@index(AUTHORIZATION_POLICY, REQUEST_AUTHENTICATION, TELEMETRY)
def policies_of_namespace(
    policy: Object[Any],
) -> Iterator[tuple[tuple[Kind, Namespace], tuple[_Age, Attachment, ObjectKey]]]:
    """The policies of a kind and namespace with what they are attached by, oldest first.

    Any: each of these kinds has its own struct.
    """
    yield (policy.kind, policy.namespace), (policy.age, attachment(policy.spec), policy.key)


def _unknown(*_: object) -> PolicyKeys:
    return UNKNOWN_POLICIES


@guarded_by(_unknown)
def policy_keys(graph: Graph, namespace: Namespace, labels: Labels) -> PolicyKeys:
    """The policies that are attached to a proxy of ``namespace`` with these labels.

    Runs again when a policy of the namespace or of the root namespace comes, goes or is attached
    otherwise, or an internal error keeps one from being read.
    """
    reaching = reaching_namespaces(graph, namespace)
    if any(has_unread_policies(graph, of) for of in reaching):
        return UNKNOWN_POLICIES
    return PolicyKeys(
        authorization=tuple(_attached(graph, AUTHORIZATION_POLICY, reaching, namespace, labels)),
        tokens=tuple(_attached(graph, REQUEST_AUTHENTICATION, reaching, namespace, labels)),
    )


def reaching_namespaces(graph: Graph, namespace: Namespace) -> tuple[Namespace, ...]:
    """The namespaces whose policies may be attached to proxies of ``namespace``."""
    return tuple(dict.fromkeys((Namespace(mesh_config(graph).root_namespace), namespace)))


def _attached(
    graph: Graph,
    kind: Kind,
    reaching: tuple[Namespace, ...],
    namespace: Namespace,
    labels: Labels,
) -> Iterator[ObjectKey]:
    for of in reaching:
        for _, found, key in policies_of_namespace(graph, (kind, of)):
            if is_attached(found, of, namespace, labels):
                yield key
