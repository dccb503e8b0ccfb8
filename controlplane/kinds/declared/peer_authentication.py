"""PeerAuthentication."""

from typing import Final

from controlplane.kinds.istio import peer_authentication as specs
from controlplane.kinds.istio.peer_authentication import PEER_AUTHENTICATION, PeerAuthentication
from controlplane.kinds.istio.selection import LabelSelector
from controlplane.kinds.istio.versions import SECURITY_VERSIONS
from controlplane.kinds.served import ServedKind, by
from controlplane.kinds.validation.peer_authentication import peer_authentication

_TRANSLATION: Final = "translate.istio.peer_authentication"

KIND: Final = ServedKind(
    kind=PEER_AUTHENTICATION,
    api_versions=SECURITY_VERSIONS,
    spec=PeerAuthentication,
    validate=peer_authentication,
    fields={
        specs.PeerAuthentication: (
            by(f"{_TRANSLATION}:mtls_level", "mtls", "port_level_mtls"),
            by(f"{_TRANSLATION}:selected_labels", "selector"),
        ),
        specs.MutualTls: (by(f"{_TRANSLATION}:mtls_level", "mode"),),
        LabelSelector: (by(f"{_TRANSLATION}:selected_labels", "match_labels"),),
    },
    custom=True,
)
