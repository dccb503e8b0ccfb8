"""What the ``targetRefs`` of Istio's policies lead to: Gateways of the Gateway API that are served
here, by proxies that have the policies.

Source: Istio ``pilot/pkg/model/policyattachment.go``
"""

from typing import Final

from controlplane.base.codes import POLICY_GATEWAY_UNKNOWN, POLICY_OUT_OF_REACH
from controlplane.base.diagnostics import Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind, ObjectKey
from controlplane.graph import Graph
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY, KubernetesGatewayKey
from controlplane.kinds.istio.selection import PolicyTargetReference
from controlplane.queries.gateway_api.classes import gateway_conformance
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.declared_workloads import declared_workloads
from controlplane.translate.gateway_api.addresses import is_managed
from controlplane.translate.istio.policy_attachment import GATEWAY_NAME_LABEL

_NOT_HERE: Final = "so the policy is not attached to anything by this reference"


def check_targets(
    report: Report,
    graph: Graph,
    policy: ObjectKey,
    references: tuple[PolicyTargetReference, ...],
    single: PolicyTargetReference | None = None,
) -> None:
    """Report each reference that leads to no proxy of ours."""
    at = FieldRef(policy) / "spec"
    if references:
        for i, reference in enumerate(references):
            _check(report, graph, at / "targetRefs" / i, reference)
    elif single is not None:
        _check(report, graph, at / "targetRef", single)


def _check(report: Report, graph: Graph, at: FieldRef, reference: PolicyTargetReference) -> None:
    if Kind(reference.group, reference.kind) != KUBERNETES_GATEWAY:
        report.add(
            POLICY_OUT_OF_REACH,
            at / "kind",
            f"policies for a {reference.kind} are for waypoints, which are not served here, "
            f"{_NOT_HERE}",
            hint="name a Gateway, or select workloads with selector",
        )
        return
    key = ObjectKey(KUBERNETES_GATEWAY, at.object.namespace, reference.name)
    if object_of(graph, key) is None:
        report.add(
            POLICY_GATEWAY_UNKNOWN,
            at / "name",
            f"{key.display_name} is not declared, {_NOT_HERE}",
            hint=f"declare it in namespace {key.namespace}, or name one that is there",
        )
    elif gateway_conformance(graph, key) is None:
        report.add(
            POLICY_GATEWAY_UNKNOWN,
            at / "name",
            f"{key.display_name} is of a class that is not served here, {_NOT_HERE}",
            related=(
                Related(place=FieldRef(key) / "spec" / "gatewayClassName", message="its class"),
            ),
        )
    else:
        _check_label(report, graph, at, key)


def _check_label(report: Report, graph: Graph, at: FieldRef, key: KubernetesGatewayKey) -> None:
    """Proxies that serve a Gateway because a Service selects them have its policies only where they
    are labelled with its name, as in Istio.
    """
    gateway = object_of(graph, key)
    labels = ((GATEWAY_NAME_LABEL, key.name),)
    if gateway is None or is_managed(gateway.spec):
        return
    if declared_workloads(graph, key.namespace, labels):
        return
    report.add(
        POLICY_OUT_OF_REACH,
        at / "name",
        f"{key.display_name} is served by the proxies of a Service, which have the policy only if "
        f"they are labelled {GATEWAY_NAME_LABEL}: {key.name}",
        hint="give the proxies the label",
        related=(Related(place=FieldRef(key) / "spec" / "addresses", message="the Service"),),
    )
