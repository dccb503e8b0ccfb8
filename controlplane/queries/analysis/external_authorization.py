"""Policies of action CUSTOM whose provider cannot be asked: what they match is refused."""

from controlplane.base.codes import PROVIDER_UNUSABLE
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.nearest import nearest
from controlplane.graph import Graph
from controlplane.kinds.istio.authorization_policy import (
    Action,
    AuthorizationPolicy,
)
from controlplane.kinds.object import Object
from controlplane.model.external_authorization import Unusable, Why
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.policy.external_authorization import provider_named

_BECAUSE = {
    Why.NOT_DECLARED: "is not among the extensionProviders of MeshConfig",
    Why.FAULTY: "has a fault in MeshConfig",
    Why.OF_OTHER_KIND: "is not for external authorization",
    Why.SERVICE_UNKNOWN: "names a service that does not exist (it needs the whole host name)",
    Why.SERVICE_AMBIGUOUS: "names a service that several namespaces declare (NAMESPACE/HOST)",
    Why.INTERNAL_ERROR: "cannot be read because of an internal error",
}


def check_provider(report: Report, graph: Graph, policy: Object[AuthorizationPolicy]) -> None:
    """Report a provider that nobody can ask."""
    if policy.spec.action is not Action.CUSTOM or policy.spec.provider is None:
        return
    name = policy.spec.provider.name
    found = provider_named(graph, name)
    if not isinstance(found, Unusable):
        return
    near = None
    if found.why is Why.NOT_DECLARED:
        near = nearest(name, [each.name for each in mesh_config(graph).extension_providers])
    report.add(
        PROVIDER_UNUSABLE,
        FieldRef(policy.key) / "spec" / "provider" / "name",
        f'the provider "{name}" {_BECAUSE[found.why]}, so what the rules match is refused',
        hint=f'rename it to "{near}"' if near else None,
    )
