"""RequestAuthentication.

Source: https://istio.io/latest/docs/reference/config/security/request_authentication/, its CRD
"""

from enum import Enum
from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.istio.selection import LabelSelector, PolicyTargetReference
from controlplane.kinds.spec import Duration, Spec


class JwtHeader(Spec, frozen=True):
    """A header with a token after ``prefix``."""

    name: str = ""
    prefix: str = ""


class ClaimToHeader(Spec, frozen=True):
    header: str = ""
    claim: str = ""


class Presence(Enum):
    OPTIONAL = "OPTIONAL"
    REQUIRED = "REQUIRED"


class JwtRule(Spec, frozen=True):
    """Which tokens of an issuer are good, and where they are. The keys are ``jwks``, or else those
    at ``jwks_uri``, or else those that OpenID discovery finds for the issuer.
    """

    issuer: str | None = None
    audiences: tuple[str, ...] = ()
    jwks_uri: str | None = None
    jwks: str | None = None
    from_headers: tuple[JwtHeader, ...] = ()
    from_params: tuple[str, ...] = ()
    from_cookies: tuple[str, ...] = ()
    output_payload_to_header: str = ""
    output_claim_to_headers: tuple[ClaimToHeader, ...] = ()
    forward_original_token: bool = False
    timeout: Duration | None = None
    space_delimited_claims: tuple[str, ...] = ()
    presence: Presence | None = None


class RequestAuthentication(Spec, frozen=True):
    selector: LabelSelector | None = None
    target_ref: PolicyTargetReference | None = None
    """Used only where ``target_refs`` is empty."""
    target_refs: tuple[PolicyTargetReference, ...] = ()
    jwt_rules: tuple[JwtRule, ...] = ()


REQUEST_AUTHENTICATION: Final[Kind[RequestAuthentication]] = Kind(
    "security.istio.io", "RequestAuthentication"
)
RequestAuthenticationKey = ObjectKey[RequestAuthentication]
