"""Where policies are declared that an internal error keeps from being read as they are declared."""

from typing import Final

from controlplane.base.names import Kind, Namespace
from controlplane.graph import Graph, Input
from controlplane.kinds.gateway_api.backend_tls_policy import BACKEND_TLS_POLICY
from controlplane.kinds.istio.authorization_policy import AUTHORIZATION_POLICY
from controlplane.kinds.istio.request_authentication import REQUEST_AUTHENTICATION

KINDS: Final = frozenset({AUTHORIZATION_POLICY, REQUEST_AUTHENTICATION})
"""Policies of which the last form is no substitute: calls are refused."""
OF_BACKENDS: Final = frozenset({BACKEND_TLS_POLICY})
"""Policies of which the last form will do: without one, no connection is made."""
UNREAD: Final[Input[tuple[Kind, Namespace], bool]] = Input("unread policies", default=False)


def has_unread_policies(graph: Graph, namespace: Namespace) -> bool:
    """Whether nobody knows what a policy of ``namespace`` says, nor to which of the workloads that
    it may concern.
    """
    return any(UNREAD(graph, (kind, namespace)) for kind in KINDS)


def has_unread_backend_policies(graph: Graph, namespace: Namespace) -> bool:
    """Whether nobody knows which services of ``namespace`` a new policy has connected to by TLS."""
    return any(UNREAD(graph, (kind, namespace)) for kind in OF_BACKENDS)
