"""Codes of Sidecars and of mutual TLS between them."""

from typing import Final

from controlplane.base.codes.severities import warning

SIDECAR_WITHOUT_EFFECT: Final = warning(
    "CP0360", "an earlier Sidecar of the namespace has no workloadSelector either"
)
SIDECARS_OVERLAP: Final = warning("CP0361", "an earlier Sidecar selects the same workload")
EGRESS_HOST_UNKNOWN: Final = warning(
    "CP0362", "no service that the Sidecar's namespace sees has the egress host"
)
EGRESS_PORT_UNKNOWN: Final = warning(
    "CP0363", "none of the egress listener's hosts has the listener's port"
)
PEERS_OVERLAP: Final = warning(
    "CP0364", "an earlier PeerAuthentication decides for the same workloads"
)
ROOT_SELECTOR_IGNORED: Final = warning(
    "CP0365", "a PeerAuthentication with a selector is ignored in the root namespace"
)
PORT_NOT_TARGETED: Final = warning("CP0366", "no Service leads to the port of portLevelMtls")
MTLS_CONTRADICTED: Final = warning(
    "CP0367", "the rule's TLS is not what the PeerAuthentication of the destination accepts"
)
MESH_HOST_TAKEN: Final = warning("CP0368", "sidecars use an earlier VirtualService for the host")
MESH_HOST_UNKNOWN: Final = warning(
    "CP0369", "the VirtualService is for sidecars only, and no service has its host"
)
RULES_WITHOUT_PORT: Final = warning(
    "CP0370", "no port of the host's service takes rules of this sort, or has this number"
)
CREDENTIAL_AT_SIDECARS: Final = warning(
    "CP0371", "sidecars do not get the secret of the rule, so they send plaintext"
)
TARGET_PROTOCOLS_DIFFER: Final = warning(
    "CP0372", "two Services give one port of a workload different protocols"
)
PROXY_CONFIGS_OVERLAP: Final = warning(
    "CP0373", "an earlier ProxyConfig decides for the same workloads"
)
