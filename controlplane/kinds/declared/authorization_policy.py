"""AuthorizationPolicy."""

from typing import Final

from controlplane.kinds.istio import authorization_policy as specs
from controlplane.kinds.istio.authorization_policy import AUTHORIZATION_POLICY, AuthorizationPolicy
from controlplane.kinds.istio.selection import LabelSelector, PolicyTargetReference
from controlplane.kinds.istio.versions import SECURITY_VERSIONS
from controlplane.kinds.served import ServedKind, by, no_effect
from controlplane.kinds.validation.authorization_policy import authorization_policy

_TRANSLATION: Final = "translate.istio.authorization_policy"
_CUSTOM: Final = "queries.policy.external_authorization"
_ATTACHMENT: Final = "translate.istio.policy_attachment"

KIND: Final = ServedKind(
    kind=AUTHORIZATION_POLICY,
    api_versions=SECURITY_VERSIONS,
    spec=AuthorizationPolicy,
    validate=authorization_policy,
    fields={
        specs.AuthorizationPolicy: (
            by(f"{_ATTACHMENT}:attachment", "selector", "target_ref", "target_refs"),
            by(f"{_TRANSLATION}:rules", "action", "rules"),
            by(f"{_CUSTOM}:custom_rules", "provider"),
        ),
        PolicyTargetReference: (
            by(f"{_ATTACHMENT}:attachment", "group", "kind", "name"),
            no_effect("it must be empty: a policy is for its own namespace", "namespace"),
        ),
        LabelSelector: (by(f"{_ATTACHMENT}:attachment", "match_labels"),),
        specs.ProviderReference: (by(f"{_CUSTOM}:custom_rules", "name"),),
        specs.Rule: (by(f"{_TRANSLATION}:rule", "from_", "to", "when"),),
        specs.From: (by(f"{_TRANSLATION}:rule", "source"),),
        specs.To: (by(f"{_TRANSLATION}:rule", "operation"),),
        specs.Source: (by(f"{_TRANSLATION}:_sources", *specs.Source.__struct_fields__),),
        specs.Operation: (by(f"{_TRANSLATION}:_operations", *specs.Operation.__struct_fields__),),
        specs.Condition: (by(f"{_TRANSLATION}:_condition", "key", "values", "not_values"),),
    },
    custom=True,
)
