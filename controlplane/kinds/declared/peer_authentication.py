"""PeerAuthentication: validated, and without effect until sidecars have listeners."""

from typing import Final

from controlplane.kinds.istio.peer_authentication import PEER_AUTHENTICATION, PeerAuthentication
from controlplane.kinds.istio.versions import SECURITY_VERSIONS
from controlplane.kinds.served import ServedKind
from controlplane.kinds.validation.peer_authentication import peer_authentication

KIND: Final = ServedKind(
    kind=PEER_AUTHENTICATION,
    api_versions=SECURITY_VERSIONS,
    spec=PeerAuthentication,
    validate=peer_authentication,
    fields={},
    custom=True,
)
