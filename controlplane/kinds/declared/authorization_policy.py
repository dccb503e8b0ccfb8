"""AuthorizationPolicy."""

from typing import Final

from controlplane.kinds.istio.authorization_policy import AUTHORIZATION_POLICY, AuthorizationPolicy
from controlplane.kinds.istio.versions import SECURITY_VERSIONS
from controlplane.kinds.served import ServedKind
from controlplane.kinds.validation.authorization_policy import authorization_policy

KIND: Final = ServedKind(
    kind=AUTHORIZATION_POLICY,
    api_versions=SECURITY_VERSIONS,
    spec=AuthorizationPolicy,
    validate=authorization_policy,
    fields={},
    custom=True,
)
