"""Codes of services, their endpoints, and rules for destinations."""

from typing import Final

from controlplane.base.codes.severities import dangling, info, warning

UNKNOWN_RULE_HOST: Final = warning(
    "CP0320", "the rule's host is declared by no Service and no ServiceEntry"
)
SUBSET_WITHOUT_ENDPOINTS: Final = warning(
    "CP0321", "no endpoint of the rule's host has the labels of the subset"
)
UNKNOWN_TARGET_PORT: Final = dangling(
    "CP0322", "no workload that the Service selects has a port with the targetPort's name"
)
HOST_DECLARED_TWICE: Final = warning("CP0323", "the host is declared by several objects")
NOTHING_SELECTED: Final = warning("CP0324", "the selector selects no workload")
RING_TOO_LARGE: Final = warning("CP0325", "the hash ring is larger than Envoy allows")
ADDRESS_NOT_NUMERIC: Final = warning(
    "CP0326", "the endpoint's address is a host name, but the resolution does not use DNS"
)
RULE_OVERRIDDEN: Final = warning(
    "CP0327", "an older rule for the host already sets what this rule sets"
)
SERVICE_WITHOUT_ENDPOINTS: Final = info("CP0328", "no endpoint of the Service is declared")
UNREACHABLE_FROM_GATEWAYS: Final = dangling(
    "CP0329", "a gateway has no way to find the destination's endpoints"
)
SERVICE_IN_USE_WITHOUT_ENDPOINTS: Final = warning(
    "CP0330", "requests are sent to the Service, and no endpoint of it is declared"
)
ENDPOINT_PORTS_DIFFER: Final = dangling(
    "CP0331", "the endpoints name no port as the Service in use does"
)
NO_USABLE_ENDPOINT: Final = warning(
    "CP0332", "requests are sent to the service, and none of its endpoints can be used"
)
SLICE_WITHOUT_SERVICE: Final = warning("CP0333", "the EndpointSlice belongs to no Service")
PROTOCOLS_DIFFER: Final = warning(
    "CP0334", "two ServiceEntries give a port of one host different protocols"
)
PROTOCOL_UNNAMED: Final = info("CP0335", "the port in use names no protocol that is known")
UNKNOWN_ANNOTATION: Final = warning("CP0336", "Istio has no such annotation")
PLAINTEXT_TO_TLS: Final = warning(
    "CP0337", "requests are sent as plaintext to a port that speaks TLS"
)
