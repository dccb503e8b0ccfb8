"""What is wrong with policies of the Gateway API for backends: each condition of theirs that is not
as wanted, at the field that is at fault, and what keeps them from their effect.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from controlplane.base.codes import (
    AUTHORITIES_NOT_USED,
    BACKEND_AUTHORITIES,
    POLICY_CONFLICT,
    POLICY_TARGET_UNKNOWN,
    POLICY_TLS_LOST,
)
from controlplane.base.diagnostics import Code, Diagnostics, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host
from controlplane.graph import Graph, derived
from controlplane.kinds.gateway_api.backend_tls_policy import (
    BackendTlsPolicy,
    BackendTlsPolicyKey,
)
from controlplane.kinds.gateway_api.backend_traffic_policy import XBackendTrafficPolicyKey
from controlplane.kinds.object import Object
from controlplane.model.gateway_api import Problem
from controlplane.model.outbound_view import RuleScope
from controlplane.model.service import ServicePort
from controlplane.model.tls_upstream import Plaintext
from controlplane.model.traffic_policy import NO_POLICY
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.backend_policies import (
    CONFLICTED,
    TARGET_NOT_FOUND,
    AnyPolicy,
    declaring_target,
    is_ignored,
    target_problem,
    targets_of,
    trust_problem,
)
from controlplane.queries.policy.backend_rules import is_generated
from controlplane.queries.policy.rules import governing_rules, merged_rule
from controlplane.queries.registry.services import DeclarationKey, hosts_of, service_declared
from controlplane.translate.destination_rules import DestinationRule, effective_policy

CODES: Final[Mapping[str, Code]] = {
    TARGET_NOT_FOUND: POLICY_TARGET_UNKNOWN,
    CONFLICTED: POLICY_CONFLICT,
}
"""By the reason of a condition."""


@derived
def backend_tls_policy_diagnostics(graph: Graph, key: BackendTlsPolicyKey) -> Diagnostics:
    """Runs again when the policy changes, its targets, authorities, or rules for their hosts."""
    policy, report = object_of(graph, key), Report()
    if policy is None or is_ignored(policy):
        return ()
    trust = trust_problem(graph, key)
    if trust is not None:
        message = f"{trust.message}, so nothing is sent to the backend"
        report.add(BACKEND_AUTHORITIES, trust.place, message, hint=trust.hint)
    _check_number_of_authorities(report, policy)
    for i, problem in _checked_targets(graph, report, policy):
        if problem is None:
            _check_rules(graph, report, policy, i)
    return tuple(report)


@derived
def backend_traffic_policy_diagnostics(graph: Graph, key: XBackendTrafficPolicyKey) -> Diagnostics:
    """Runs again when the policy or one of its targets changes."""
    policy, report = object_of(graph, key), Report()
    if policy is None or is_ignored(policy):
        return ()
    for _ in _checked_targets(graph, report, policy):
        pass
    return tuple(report)


def _checked_targets(
    graph: Graph, report: Report, policy: Object[AnyPolicy]
) -> Iterator[tuple[int, Problem | None]]:
    """Each target by its position; what is wrong with it is reported."""
    for i in range(len(policy.spec.target_refs)):
        problem = target_problem(graph, policy.key, i)
        if problem is not None:
            report.add(CODES[problem.reason], problem.place, problem.message, hint=problem.hint)
        yield i, problem


def _check_number_of_authorities(report: Report, policy: Object[BackendTlsPolicy]) -> None:
    refs = policy.spec.validation.ca_certificate_refs
    if len(refs) > 1:
        at = FieldRef(policy.key) / "spec" / "validation" / "caCertificateRefs"
        report.add(
            AUTHORITIES_NOT_USED,
            at / 1,
            f"only the first of the {len(refs)} references is used",
            hint=f"put every certificate into ca.crt of {refs[0].kind} {refs[0].name}",
        )


def _check_rules(
    graph: Graph, report: Report, policy: Object[BackendTlsPolicy], position: int
) -> None:
    """A rule that governs the target's host without TLS, which the policy cannot fill in."""
    target, section = targets_of(policy)[position]
    declaring = declaring_target(target)
    declared = object_of(graph, declaring) if declaring is not None else None
    if declaring is None or declared is None:
        return
    for host in hosts_of(declared):
        keys = governing_rules(graph, host, policy.namespace, RuleScope(policy.namespace))
        rule = merged_rule(graph, keys)
        written = next((key for key in keys if not is_generated(key)), None)
        port = _plain_port(graph, declaring, host, section, rule) if rule is not None else None
        if written is not None and port is not None:
            report.add(
                POLICY_TLS_LOST,
                FieldRef(policy.key) / "spec" / "targetRefs" / position,
                f"{written.display_name} sends requests to port {port.number} in plaintext, "
                "which comes before this policy",
                hint=f"set tls there, or remove what {written.display_name} says of the port",
                related=(
                    Related(place=FieldRef(written) / "spec" / "trafficPolicy", message="the rule"),
                ),
            )


def _plain_port(
    graph: Graph, target: DeclarationKey, host: Host, section: str, rule: DestinationRule
) -> ServicePort | None:
    service = service_declared(graph, target, host)
    for port in service.ports if service is not None else ():
        if section not in ("", port.name):
            continue
        tls = effective_policy(rule, port.number, None, NO_POLICY).tls
        if tls is None or isinstance(tls, Plaintext):
            return port
    return None
