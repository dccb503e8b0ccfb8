"""RequestAuthentication."""

from typing import Final

from controlplane.kinds.istio import request_authentication as specs
from controlplane.kinds.istio.request_authentication import (
    REQUEST_AUTHENTICATION,
    RequestAuthentication,
)
from controlplane.kinds.istio.selection import LabelSelector, PolicyTargetReference
from controlplane.kinds.istio.versions import SECURITY_VERSIONS
from controlplane.kinds.served import ServedKind, by, no_effect
from controlplane.kinds.validation.request_authentication import request_authentication

_TRANSLATION: Final = "translate.istio.request_authentication"
_ATTACHMENT: Final = "translate.istio.policy_attachment"

KIND: Final = ServedKind(
    kind=REQUEST_AUTHENTICATION,
    api_versions=SECURITY_VERSIONS,
    spec=RequestAuthentication,
    validate=request_authentication,
    fields={
        specs.RequestAuthentication: (
            by(f"{_ATTACHMENT}:attachment", "selector", "target_ref", "target_refs"),
            by("queries.policy.tokens:jwt_rules", "jwt_rules"),
        ),
        PolicyTargetReference: (
            by(f"{_ATTACHMENT}:attachment", "group", "kind", "name"),
            no_effect("it must be empty: a policy is for its own namespace", "namespace"),
        ),
        LabelSelector: (by(f"{_ATTACHMENT}:attachment", "match_labels"),),
        specs.JwtRule: (
            by(
                f"{_TRANSLATION}:jwt_provider",
                "issuer",
                "audiences",
                "jwks",
                "from_headers",
                "from_params",
                "from_cookies",
                "output_payload_to_header",
                "output_claim_to_headers",
                "forward_original_token",
                "space_delimited_claims",
            ),
            by(f"{_TRANSLATION}:key_source", "jwks_uri"),
            by(f"{_TRANSLATION}:fetch_timeout", "timeout"),
            no_effect("Istio's control plane does not read it", "presence"),
        ),
        specs.JwtHeader: (by(f"{_TRANSLATION}:_token_header", "name", "prefix"),),
        specs.ClaimToHeader: (by(f"{_TRANSLATION}:jwt_provider", "header", "claim"),),
    },
    custom=True,
)
