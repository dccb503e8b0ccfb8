"""Policies of the Gateway API for a backend become one rule for its host; what a DestinationRule of
the user's says comes before it.

Sources: https://gateway-api.sigs.k8s.io/api-types/backendtlspolicy/,
https://gateway-api.sigs.k8s.io/geps/gep-3388/, and Istio
``pilot/pkg/config/kube/gateway/backend_policies.go``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from controlplane.base.names import Host
from controlplane.kinds.gateway_api.backend_tls_policy import (
    BackendTlsValidation,
    SubjectAltName,
    SubjectAltNameType,
)
from controlplane.kinds.gateway_api.backend_traffic_policy import XBackendTrafficPolicy
from controlplane.kinds.istio.destination_rule import DestinationRuleKey
from controlplane.model.service import ServicePort
from controlplane.model.tls import SYSTEM_TRUST_PATH, SecretName, never_served, trust_file_name
from controlplane.model.tls_upstream import Originate
from controlplane.model.traffic_policy import NO_POLICY, RetryBudget, TrafficPolicy
from controlplane.model.visibility import visibility
from controlplane.translate.destination_rules import DestinationRule, PolicyByPort

SYSTEM_TRUST: Final = trust_file_name(SYSTEM_TRUST_PATH)
NO_TRUST: Final = never_served("")
"""Authorities that never come: no connection is made, least of all in plaintext."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendPolicy:
    """What one policy says about one target. ``section`` is the name of a port, ``""`` for all."""

    section: str = ""
    tls: Originate | None = None
    retry_budget: RetryBudget | None = None


NO_CONNECTION: Final = BackendPolicy(tls=Originate(trust=NO_TRUST))
"""What a policy that nobody can read says for all that anybody knows."""


def client_tls(validation: BackendTlsValidation, trust: SecretName) -> Originate:
    """TLS whose server must be one of the alternative names; the hostname where there are none.

    Istio sends the hostname and does not verify it; the specification demands that it is verified.
    """
    names = tuple(_name(each) for each in validation.subject_alt_names)
    return Originate(
        trust=trust,
        names=names or (validation.hostname,),
        sni=validation.hostname,
    )


def retry_budget(policy: XBackendTrafficPolicy) -> RetryBudget | None:
    """The budget of retries. Envoy's is a share of the requests under way, so an interval does not
    matter.
    """
    constraint = policy.retry_constraint
    if constraint is None:
        return None
    return RetryBudget(
        percent=float(constraint.budget.percent),
        min_concurrency=constraint.min_retry_rate.count,
    )


def backend_rule(
    key: DestinationRuleKey,
    host: Host,
    policies: Iterable[BackendPolicy],
    ports: Iterable[ServicePort],
    *,
    default_export_to: tuple[str, ...] = (),
) -> DestinationRule | None:
    """The rule that ``policies`` make together, each setting what none before it does; ``None``
    where they say nothing.

    For a port, a policy for its name comes before one for the whole service.
    """
    whole, named = NO_POLICY, dict[str, Originate]()
    for policy in policies:
        if policy.section and policy.tls is not None:
            named.setdefault(policy.section, policy.tls)
        whole = replace(
            whole,
            tls=whole.tls or (None if policy.section else policy.tls),
            retry_budget=whole.retry_budget or policy.retry_budget,
        )
    by_port = _by_port(whole, named, ports)
    if whole == NO_POLICY and not by_port:
        return None
    return DestinationRule(
        key=key,
        host=host,
        policy=PolicyByPort(policy=whole, ports=by_port),
        visibility=visibility(default_export_to, key.namespace),
        is_generated=True,
    )


def _name(alternative: SubjectAltName) -> str:
    is_hostname = alternative.type is SubjectAltNameType.HOSTNAME
    return alternative.hostname if is_hostname else alternative.uri


def _by_port(
    whole: TrafficPolicy, named: dict[str, Originate], ports: Iterable[ServicePort]
) -> tuple[tuple[int, TrafficPolicy], ...]:
    found = {
        int(port.number): replace(whole, tls=named[port.name])
        for port in ports
        if port.name in named
    }
    return tuple(sorted(found.items(), key=lambda each: each[0]))
