"""Where policies are declared that an internal error keeps from being read as they are declared."""

from typing import Final

from controlplane.base.names import Kind, Namespace
from controlplane.graph import Graph, Input
from controlplane.kinds.istio.authorization_policy import AUTHORIZATION_POLICY
from controlplane.kinds.istio.request_authentication import REQUEST_AUTHENTICATION

KINDS: Final = frozenset({AUTHORIZATION_POLICY, REQUEST_AUTHENTICATION})
UNREAD: Final[Input[tuple[Kind, Namespace], bool]] = Input("unread policies", default=False)


def has_unread_policies(graph: Graph, namespace: Namespace) -> bool:
    """Whether nobody knows what a policy of ``namespace`` says, nor to which of the workloads that
    it may concern.
    """
    return any(UNREAD(graph, (kind, namespace)) for kind in KINDS)
