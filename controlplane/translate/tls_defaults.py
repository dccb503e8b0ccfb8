"""What MeshConfig says of TLS that gateways end (``tlsDefaults``).

Source: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-TLSConfig
"""

from typing import Final

from controlplane.kinds.istio.gateway import TlsProtocol
from controlplane.kinds.istio.mesh_config import MeshTls
from controlplane.model.tls import TlsParameters, TlsVersion
from controlplane.translate.ciphers import usable_ciphers

CURVES: Final = frozenset({"P-256", "P-384", "P-521", "X25519", "X25519MLKEM768"})
"""Istio's list without P-224 and the draft of Kyber, which Envoy 1.40 refuses."""
VERSIONS: Final = {
    TlsProtocol.TLSV1_0: TlsVersion.TLSV1_0,
    TlsProtocol.TLSV1_1: TlsVersion.TLSV1_1,
    TlsProtocol.TLSV1_2: TlsVersion.TLSV1_2,
    TlsProtocol.TLSV1_3: TlsVersion.TLSV1_3,
}


def usual_parameters(defaults: MeshTls | None) -> TlsParameters:
    """Versions, ciphers and curves of a server that says nothing of them."""
    if defaults is None:
        return TlsParameters()
    name = defaults.min_protocol_version
    return TlsParameters(
        minimum=VERSIONS.get(TlsProtocol[name]) if name in TlsProtocol.__members__ else None,
        cipher_suites=usable_ciphers(defaults.cipher_suites),
        curves=tuple(curve for curve in defaults.ecdh_curves if curve in CURVES),
    )
