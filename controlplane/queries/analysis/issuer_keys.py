"""Issuers whose keys a running control plane cannot fetch. ``check`` fetches none."""

from controlplane.base.codes import KEYS_UNAVAILABLE
from controlplane.base.diagnostics import Diagnostics, Report
from controlplane.base.locations import FieldRef
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.request_authentication import RequestAuthenticationKey
from controlplane.queries.inputs.key_sets import fetched_keys
from controlplane.queries.policy.tokens import jwt_rules
from controlplane.translate.istio.request_authentication import key_source


@derived
def issuer_key_diagnostics(graph: Graph, key: RequestAuthenticationKey) -> Diagnostics:
    """Runs again when the policy changes, or what is known of the keys of its issuers."""
    report = Report()
    for i, rule in enumerate(jwt_rules(graph, key)):
        source = key_source(rule)
        fetched = fetched_keys(graph, source) if source is not None else None
        if source is None or fetched is None or fetched.failure is None:
            continue
        failure = fetched.failure
        effect = "no token of its issuer is accepted"
        if fetched.key_set is not None:
            effect = "the keys that were fetched before stay in force"
        again = f"at {failure.next_try:%Y-%m-%d %H:%M} UTC" if failure.next_try else "at once"
        report.add(
            KEYS_UNAVAILABLE,
            FieldRef(key) / "spec" / "jwtRules" / i / ("jwksUri" if rule.jwks_uri else "issuer"),
            f"no keys are fetched from {source.uri} since {failure.since:%Y-%m-%d %H:%M} UTC: "
            f"{failure.reason}; {effect}",
            note=f"it is tried again {again}",
            hint="make the address reachable from the control plane, or write the keys into jwks",
        )
    return tuple(report)
