"""Codes of Gateways, of routes, and of what routes refer to."""

from typing import Final

from controlplane.base.codes.severities import dangling, warning

# References and routing
UNKNOWN_HOST: Final = dangling(
    "CP0301", "the destination's host is declared by no Service and no ServiceEntry"
)
UNKNOWN_SUBSET: Final = dangling("CP0302", "the destination's subset is not declared")
UNKNOWN_PORT: Final = dangling("CP0303", "the service does not declare the destination's port")
UNKNOWN_GATEWAY: Final = dangling(
    "CP0304", "the VirtualService names a Gateway that does not exist"
)
UNKNOWN_DELEGATE: Final = dangling(
    "CP0305", "the rule delegates to a VirtualService that does not exist or is not visible"
)
HOST_NOT_SERVED: Final = warning("CP0306", "no server of the Gateway serves the rule's host")
SHADOWED_RULE: Final = warning(
    "CP0307", "rules of earlier VirtualServices match every request of this one"
)
ROUTE_REFUSED: Final = dangling("CP0309", "Envoy would refuse the route")

# Servers of Gateways
SERVER_CONFLICT: Final = dangling("CP0310", "an earlier server already has the port or host")
PLAINTEXT_BESIDE_TLS: Final = warning("CP0311", "a port of TLS servers also accepts plaintext")
PROTOCOL_SPELLING: Final = warning("CP0312", "the protocol is not spelled as documented")
SNI_TAKEN: Final = dangling("CP0313", "an earlier server or route of the port already has the SNI")
SERVER_WITHOUT_ROUTE: Final = warning(
    "CP0314", "no VirtualService routes the server's connections, so its port stays closed"
)
SNI_PARTIAL_WILDCARD: Final = dangling(
    "CP0315", "an SNI wildcard stands for part of a label, which Envoy does not support"
)
LOG_FORMAT_REFUSED: Final = warning("CP0316", "Envoy would refuse the access log format")
PORT_NOT_ON_SERVICE: Final = warning(
    "CP0317", "no Service in front of the proxies has the server's port"
)
SELECTOR_MISSPELLED: Final = warning(
    "CP0318", "nothing has the label that the Gateway selects, but one that is nearly the same"
)
HOST_WITHOUT_ROUTE: Final = warning(
    "CP0319", "no VirtualService routes requests for the server's host"
)

# Routes
UNKNOWN_COMMAND: Final = warning(
    "CP0340", "the header value has a percent sign that starts no command of Envoy"
)
DELEGATE_CONFLICT: Final = warning("CP0341", "no request can match both the rule and its delegate")
UNUSED_DELEGATE: Final = warning("CP0342", "no rule delegates to the VirtualService")
GATEWAY_NOT_BOUND: Final = warning(
    "CP0343", "the match names a gateway that the VirtualService is not bound to"
)
NOT_EXPORTED_TO_PROXIES: Final = warning(
    "CP0345", "the VirtualService is not exported to where the proxies of its Gateways are"
)
RULES_WITHOUT_SERVER: Final = warning(
    "CP0346", "no server of the Gateways reads rules of this sort, or on this port"
)
ALWAYS_REDIRECTED: Final = warning(
    "CP0347", "httpsRedirect answers every request before the rule does"
)

# Matches of requests
MATCH_IMPOSSIBLE: Final = warning("CP0350", "no request can meet the condition")
MATCH_IS_TEXT: Final = warning(
    "CP0351", "the condition is written like a pattern but is compared as it is"
)
CONNECTIONS_TAKEN: Final = warning(
    "CP0380", "connections to the port reach another service, so never this one"
)
