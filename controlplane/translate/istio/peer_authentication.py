"""PeerAuthentication becomes what one level says of mutual TLS."""

from typing import Final

from controlplane.base.names import PortNumber
from controlplane.kinds.istio.peer_authentication import MutualTls, PeerAuthentication, PeerMode
from controlplane.model.mtls import MtlsLevel, MtlsMode
from controlplane.model.proxy import Labels, labels_of

_MODES: Final[dict[PeerMode, MtlsMode | None]] = {
    PeerMode.UNSET: None,
    PeerMode.DISABLE: MtlsMode.DISABLE,
    PeerMode.PERMISSIVE: MtlsMode.PERMISSIVE,
    PeerMode.STRICT: MtlsMode.STRICT,
}


def mtls_level(spec: PeerAuthentication) -> MtlsLevel:
    ports = ((PortNumber(int(port)), _mode(tls)) for port, tls in spec.port_level_mtls.items())
    return MtlsLevel(mode=_mode(spec.mtls), ports=tuple(sorted(ports, key=lambda entry: entry[0])))


def selected_labels(spec: PeerAuthentication) -> Labels:
    """What the policy selects by; empty for a whole namespace, or the mesh."""
    return labels_of(dict(spec.selector.match_labels)) if spec.selector is not None else ()


def _mode(tls: MutualTls | None) -> MtlsMode | None:
    return _MODES[tls.mode] if tls is not None else None
