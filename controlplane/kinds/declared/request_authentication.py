"""RequestAuthentication."""

from typing import Final

from controlplane.kinds.istio.request_authentication import (
    REQUEST_AUTHENTICATION,
    JwtRule,
    RequestAuthentication,
)
from controlplane.kinds.istio.versions import SECURITY_VERSIONS
from controlplane.kinds.served import ServedKind, no_effect
from controlplane.kinds.validation.request_authentication import request_authentication

KIND: Final = ServedKind(
    kind=REQUEST_AUTHENTICATION,
    api_versions=SECURITY_VERSIONS,
    spec=RequestAuthentication,
    validate=request_authentication,
    fields={
        JwtRule: (no_effect("Istio's control plane does not read it", "presence"),),
    },
    custom=True,
)
