"""Codes of Gateways, ListenerSets and GatewayClasses of the Gateway API: CP0710 to CP0729."""

from typing import Final

from controlplane.base.codes.severities import dangling, warning

LISTENER_CONFLICT: Final = dangling(
    "CP0710", "another listener of the Gateway has the port, or the port and hostname"
)
LISTENER_PROTOCOL: Final = dangling("CP0711", "the protocol of the listener is not served")
LISTENER_ROUTE_KINDS: Final = dangling(
    "CP0712", "routes of the kind cannot attach to a listener of its protocol"
)
LISTENER_CERTIFICATE: Final = dangling("CP0713", "the reference leads to no certificate")
REFERENCE_NOT_GRANTED: Final = dangling(
    "CP0714", "no ReferenceGrant permits the reference to another namespace"
)
LISTENER_AUTHORITIES: Final = dangling(
    "CP0715", "the reference leads to no authorities that verify clients"
)
GATEWAY_ADDRESS: Final = dangling("CP0716", "the Gateway cannot have the address")
GATEWAY_PARAMETERS: Final = dangling("CP0717", "the parameters of the Gateway cannot be read")
LISTENER_SET_NOT_ALLOWED: Final = dangling(
    "CP0718", "the Gateway does not allow ListenerSets of the namespace"
)
GATEWAY_CLIENT_CERTIFICATE: Final = dangling(
    "CP0719", "the reference leads to no certificate to show to backends"
)
GATEWAY_CLASS_UNKNOWN: Final = warning(
    "CP0720", "nothing declares the class, so nobody may serve the Gateway"
)
HOST_OF_BOTH_APIS: Final = warning(
    "CP0721", "a Gateway of Istio and one of the Gateway API serve the host on one port"
)
