"""AuthorizationPolicies of the tests, and what becomes of them."""

from typing import Any

from controlplane.kinds.istio.authorization_policy import AuthorizationPolicy
from controlplane.kinds.object import Object
from controlplane.model.authorization import Rule, Rules, Transport
from controlplane.translate.istio.authorization_policy import rules
from controlplane.translate.istio.trust_domains import TrustDomains
from tests.unit.kinds.given import body_of, decoded_body


def policy(spec: dict[str, Any], **metadata: Any) -> Object[AuthorizationPolicy]:
    """A policy ``reviews`` of namespace ``default`` that admission takes."""
    found, diagnostics = decoded_body(body_of("AuthorizationPolicy", spec, **metadata))
    assert found is not None, diagnostics
    return found


def rules_of(
    spec: dict[str, Any],
    transport: Transport = Transport.HTTP,
    trust_domains: TrustDomains = ("cluster.local",),
) -> Rules:
    return rules(policy(spec), transport, trust_domains)


def rule_of(rule: dict[str, Any], **options: Any) -> Rule:
    """The one rule that an ALLOW policy with ``rule`` alone has."""
    (found,) = rules_of({"rules": [rule]}, **options)
    return found
