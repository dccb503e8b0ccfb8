"""The conditions of policies for backends.

Sources: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#policyconditiontype; Istio
``pilot/pkg/config/kube/gateway/backend_policies.go`` (``BackendTLSPolicyCollection``).
"""

from typing import Final

from controlplane.model.gateway_api import Condition, Problem
from controlplane.translate.gateway_api.conditions import ACCEPTED, RESOLVED_REFS, met, unmet

IGNORED_BY_ISTIO: Final = "IgnoredByIstio"
NO_CA_CERTIFICATE: Final = "NoValidCACertificate"
_APPLIES: Final = "the policy applies"


def tls_policy_conditions(trust: Problem | None, target: Problem | None) -> tuple[Condition, ...]:
    """Those of a BackendTLSPolicy: what is wrong with its authorities, and with its target."""
    if trust is None:
        return (_accepted(target), met(RESOLVED_REFS, message="every reference leads somewhere"))
    accepted = unmet(ACCEPTED, NO_CA_CERTIFICATE, trust.message)
    return (
        accepted if target is None else _accepted(target),
        unmet(RESOLVED_REFS, trust.reason, trust.message),
    )


def traffic_policy_conditions(target: Problem | None) -> tuple[Condition, ...]:
    """Those of an XBackendTrafficPolicy, which refers to nothing but its target."""
    return (_accepted(target),)


def ignored_conditions() -> tuple[Condition, ...]:
    """Those of a policy whose annotation leaves it to others."""
    return (unmet(ACCEPTED, IGNORED_BY_ISTIO, "the annotation leaves it to others"),)


def _accepted(target: Problem | None) -> Condition:
    if target is None:
        return met(ACCEPTED, message=_APPLIES)
    return unmet(ACCEPTED, target.reason, target.message)
