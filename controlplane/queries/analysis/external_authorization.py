"""Policies of action CUSTOM of which calls are refused, or let through, that nobody is asked about:
the provider cannot be asked, another policy asks another, or calls are not requests.

Source: Istio ``pilot/pkg/security/authz/builder``
"""

from collections.abc import Iterator

from controlplane.base.codes import CONNECTIONS_NOT_ASKED, PROVIDER_UNUSABLE, PROVIDERS_DIFFER
from controlplane.base.diagnostics import Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, ObjectKey
from controlplane.base.nearest import nearest
from controlplane.base.wording import listed
from controlplane.graph import Graph
from controlplane.kinds.istio.authorization_policy import (
    AUTHORIZATION_POLICY,
    Action,
    AuthorizationPolicy,
)
from controlplane.kinds.object import Object
from controlplane.model.external_authorization import BECAUSE, HttpCheck, Provider, Unusable, Why
from controlplane.queries.analysis.asked_services import check_service
from controlplane.queries.analysis.policy_overlap import PlacedPolicy, overlap
from controlplane.queries.analysis.policy_ports import concerned, stream_ports
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.policy.attachment import policies_of_namespace, reaching_namespaces
from controlplane.queries.policy.external_authorization import provider_named, provider_names
from controlplane.translate.istio.policy_attachment import attachment


def is_asked_of_connections(graph: Graph, policy: Object[AuthorizationPolicy]) -> bool:
    """Whether the policy's provider, if it has one, decides about connections too."""
    if policy.spec.action is not Action.CUSTOM or policy.spec.provider is None:
        return True
    found = provider_named(graph, policy.spec.provider.name)
    return isinstance(found, Unusable) or not isinstance(found.check, HttpCheck)


def check_provider(report: Report, graph: Graph, policy: Object[AuthorizationPolicy]) -> None:
    """Report what keeps the provider from being asked about what the rules match."""
    if policy.spec.action is not Action.CUSTOM or policy.spec.provider is None:
        return
    name = policy.spec.provider.name
    at = FieldRef(policy.key) / "spec" / "provider" / "name"
    _check_others(report, graph, policy, at, name)
    found = provider_named(graph, name)
    if isinstance(found, Unusable):
        _report_unusable(report, graph, at, name, found)
        return
    check_service(report, graph, at, found)
    _check_connections(report, graph, policy, at, found)


def _report_unusable(
    report: Report, graph: Graph, at: FieldRef, name: str, found: Unusable
) -> None:
    hint = None
    if found.why is Why.NOT_DECLARED:
        declared = [each.name for each in mesh_config(graph).extension_providers]
        near = nearest(name, declared)
        hint = f'rename it to "{near}"' if near else "declare it there"
        if declared and near is None:
            hint += f" (declared are {', '.join(declared)})"
    report.add(
        PROVIDER_UNUSABLE,
        at,
        f'the provider "{name}" {BECAUSE[found.why]}, so what the rules match is refused',
        hint=hint,
    )


def _check_others(
    report: Report,
    graph: Graph,
    policy: Object[AuthorizationPolicy],
    at: FieldRef,
    name: str,
) -> None:
    """Report the first policy that is attached to a workload of this one and asks another."""
    own = PlacedPolicy(policy.namespace, attachment(policy.spec))
    for found, key in _attached_with(graph, policy.namespace):
        others = provider_names(graph, (key,)) - {name}
        if others and overlap(graph, own, found):
            (other,) = others
            report.add(
                PROVIDERS_DIFFER,
                at,
                f'{key.display_name} asks the provider "{other}" at a workload of this policy, and '
                "a workload has one, so what the rules of either match is refused",
                hint="name one provider in both, or let the selectors exclude each other",
                related=(Related(place=FieldRef(key), message="asks another"),),
            )
            return


def _attached_with(graph: Graph, namespace: Namespace) -> Iterator[tuple[PlacedPolicy, ObjectKey]]:
    """The policies that may be attached to workloads of a namespace."""
    for of in reaching_namespaces(graph, namespace):
        for _, found, key in policies_of_namespace(graph, (AUTHORIZATION_POLICY, of)):
            yield PlacedPolicy(of, found), key


def _check_connections(
    report: Report,
    graph: Graph,
    policy: Object[AuthorizationPolicy],
    at: FieldRef,
    provider: Provider,
) -> None:
    """Report a provider over HTTP at ports of which no requests are read."""
    if not isinstance(provider.check, HttpCheck):
        return
    found = stream_ports(graph, policy)
    ports = [port for rule in policy.spec.rules for port in concerned(found, rule)]
    if ports:
        report.add(
            CONNECTIONS_NOT_ASKED,
            at,
            f'the provider "{provider.name}" is asked over HTTP, so nobody is asked about '
            f"connections to port {listed(dict.fromkeys(ports))} of these workloads: they pass",
            hint="name a provider over gRPC (envoyExtAuthzGrpc), or refuse them with a policy of "
            "action DENY",
        )
