"""The catalogue: every diagnostic has one permanent code, with its severity and what it does to
its object.

CP01xx documents, CP02xx fields of objects, CP03xx references and routing, CP04xx TLS and secrets,
CP05xx who may call what and EnvoyFilters, CP06xx the control plane itself.
A code is never reused for another meaning.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from controlplane.base.diagnostics import Code, Effect, Severity


def _refused(number: str, meaning: str) -> Code:
    return Code(number, Severity.ERROR, Effect.REFUSED, meaning)


def _dangling(number: str, meaning: str) -> Code:
    return Code(number, Severity.ERROR, Effect.DANGLING, meaning)


def _warning(number: str, meaning: str) -> Code:
    return Code(number, Severity.WARNING, Effect.NONE, meaning)


# Documents
YAML_SYNTAX: Final = _refused("CP0101", "the document is not YAML")
DUPLICATE_KEY: Final = _refused("CP0102", "a mapping has the same key twice")
TOO_DEEP: Final = _refused("CP0103", "the document nests deeper than 64 levels")
TOO_MANY_ALIASES: Final = _refused("CP0104", "the document's aliases expand to too many values")
FILE_TOO_LARGE: Final = _refused("CP0105", "the file is larger than 16 MiB")
NOT_AN_OBJECT: Final = _refused(
    "CP0106", "the document is not an object with apiVersion, kind and metadata.name"
)
UNKNOWN_KIND: Final = _warning("CP0107", "Istio or the Gateway API has no such kind")
KIND_NOT_SERVED: Final = _warning("CP0108", "the kind is known but not served yet")
DUPLICATE_OBJECT: Final = _refused("CP0109", "the same object is declared twice")
UNREADABLE_FILE: Final = _refused("CP0110", "the file cannot be read as text")
CHANGE_WAITS: Final = _warning(
    "CP0111", "the change would break a reference and part of its file is refused, so it waits"
)
TOO_MANY_DOCUMENTS: Final = _refused("CP0112", "the file has more than 5,000 documents")
TOO_MANY_OBJECTS: Final = _refused("CP0113", "all files together declare more objects than allowed")
NOT_A_FILE: Final = _warning("CP0114", "what is there is no file, so it is skipped")
KIND_MISSPELLED: Final = _refused("CP0115", "the kind or apiVersion is misspelled")
NAME_IS_BOOLEAN: Final = _warning(
    "CP0116", "the object's name is a boolean in YAML 1.1, which Kubernetes refuses"
)

# Fields of objects
UNKNOWN_FIELD: Final = _refused("CP0201", "the kind has no such field")
WRONG_TYPE: Final = _refused("CP0202", "the value does not have the field's type")
NOT_SUPPORTED_YET: Final = _warning("CP0203", "the field is not supported yet and has no effect")
MISSING_FIELD: Final = _refused("CP0204", "a required field is missing")
VALUE_OUT_OF_RANGE: Final = _refused(
    "CP0205", "the value is outside the range that the field accepts"
)
VALUE_MALFORMED: Final = _refused(
    "CP0206", "the value does not have the format that the field requires"
)
MUTUALLY_EXCLUSIVE: Final = _refused("CP0207", "mutually exclusive fields are set together")
NOT_UNIQUE: Final = _refused("CP0208", "a name or number that must be unique is used twice")
DEPRECATED: Final = _warning("CP0209", "the field is deprecated")
NO_EFFECT: Final = _warning("CP0210", "the value is accepted but has no effect")
BAD_NAME: Final = _refused("CP0211", "the object's name or namespace is not valid in Kubernetes")
REGEX_REFUSED: Final = _refused(
    "CP0212", "the regular expression is not valid RE2, or its program is too large"
)
UNKNOWN_VALUE: Final = _refused("CP0213", "the value is not one of those that the field accepts")
VERSION_NOT_SERVED: Final = _refused("CP0214", "the kind has no such apiVersion")
NULL_VALUE: Final = _refused("CP0215", "null is not allowed in a list")
UNREACHABLE_RULE: Final = _warning(
    "CP0216", "earlier rules of the object match every request of this one"
)
CANNOT_WORK: Final = _warning("CP0217", "the value is accepted but can never work")
WRONG_SIZE: Final = _refused("CP0218", "the text or list is too long or too short")
RESERVED: Final = _refused("CP0219", "the annotation is reserved")
UNKNOWN_SETTING: Final = _warning("CP0220", "MeshConfig has no such setting")
WRONG_SUM: Final = _refused("CP0221", "the weights do not add up to the required sum")
NOT_ALLOWED_HERE: Final = _refused(
    "CP0222", "the value is not allowed in combination with the object's other values"
)
NULL_DROPPED: Final = _warning(
    "CP0223", "null is dropped, so more is matched than the rule suggests"
)
DENIES_TCP: Final = _warning(
    "CP0224", "a DENY rule without ports that is about HTTP denies all TCP connections as well"
)
PRIVATE_KEY_SHOWN: Final = _warning("CP0229", "a key set for verifying tokens has a private key")

CLAIM_PRESENCE: Final = _warning(
    "CP0230", "with Istio, asking for a claim alone takes down the port"
)

ENVOY_INTERNALS: Final = Code(
    "CP0233",
    Severity.INFO,
    Effect.NONE,
    "an EnvoyFilter depends on internals of Envoy's configuration, which may change",
)
ENVOY_FIELD_UNKNOWN: Final = _warning(
    "CP0234", "Envoy's message has no such field, so it is left out"
)
ENVOY_TYPE_UNKNOWN: Final = _refused("CP0235", "Envoy has no such type of message")

# References and routing
UNKNOWN_HOST: Final = _dangling(
    "CP0301", "the destination's host is declared by no Service and no ServiceEntry"
)
UNKNOWN_SUBSET: Final = _dangling("CP0302", "the destination's subset is not declared")
UNKNOWN_PORT: Final = _dangling("CP0303", "the service does not declare the destination's port")
UNKNOWN_GATEWAY: Final = _dangling(
    "CP0304", "the VirtualService names a Gateway that does not exist"
)
UNKNOWN_DELEGATE: Final = _dangling(
    "CP0305", "the rule delegates to a VirtualService that does not exist or is not visible"
)
HOST_NOT_SERVED: Final = _warning("CP0306", "no server of the Gateway serves the rule's host")
SHADOWED_RULE: Final = _warning(
    "CP0307", "rules of earlier VirtualServices match every request of this one"
)
ROUTE_REFUSED: Final = _dangling("CP0309", "Envoy would refuse the route")

# Servers of Gateways
SERVER_CONFLICT: Final = _dangling("CP0310", "an earlier server already has the port or host")
PLAINTEXT_BESIDE_TLS: Final = _warning("CP0311", "a port of TLS servers also accepts plaintext")
PROTOCOL_SPELLING: Final = _warning("CP0312", "the protocol is not spelled as documented")
SNI_TAKEN: Final = _dangling("CP0313", "an earlier server or route of the port already has the SNI")
SERVER_WITHOUT_ROUTE: Final = _warning(
    "CP0314", "no VirtualService routes the server's connections, so its port stays closed"
)
SNI_PARTIAL_WILDCARD: Final = _dangling(
    "CP0315", "an SNI wildcard stands for part of a label, which Envoy does not support"
)
LOG_FORMAT_REFUSED: Final = _warning("CP0316", "Envoy would refuse the access log format")
PORT_NOT_ON_SERVICE: Final = _warning(
    "CP0317", "no Service in front of the proxies has the server's port"
)
SELECTOR_MISSPELLED: Final = _warning(
    "CP0318", "nothing has the label that the Gateway selects, but one that is nearly the same"
)
HOST_WITHOUT_ROUTE: Final = _warning(
    "CP0319", "no VirtualService routes requests for the server's host"
)

# Services, endpoints and rules for destinations
UNKNOWN_RULE_HOST: Final = _warning(
    "CP0320", "the rule's host is declared by no Service and no ServiceEntry"
)
SUBSET_WITHOUT_ENDPOINTS: Final = _warning(
    "CP0321", "no endpoint of the rule's host has the labels of the subset"
)
UNKNOWN_TARGET_PORT: Final = _dangling(
    "CP0322", "no workload that the Service selects has a port with the targetPort's name"
)
HOST_DECLARED_TWICE: Final = _warning("CP0323", "the host is declared by several objects")
NOTHING_SELECTED: Final = _warning("CP0324", "the selector selects no workload")
RING_TOO_LARGE: Final = _warning("CP0325", "the hash ring is larger than Envoy allows")
ADDRESS_NOT_NUMERIC: Final = _warning(
    "CP0326", "the endpoint's address is a host name, but the resolution does not use DNS"
)
RULE_OVERRIDDEN: Final = _warning(
    "CP0327", "an older rule for the host already sets what this rule sets"
)
SERVICE_WITHOUT_ENDPOINTS: Final = Code(
    "CP0328", Severity.INFO, Effect.NONE, "no endpoint of the Service is declared"
)
UNREACHABLE_FROM_GATEWAYS: Final = _dangling(
    "CP0329", "a gateway has no way to find the destination's endpoints"
)
SERVICE_IN_USE_WITHOUT_ENDPOINTS: Final = _warning(
    "CP0330", "requests are sent to the Service, and no endpoint of it is declared"
)
ENDPOINT_PORTS_DIFFER: Final = _dangling(
    "CP0331", "the endpoints name no port as the Service in use does"
)
NO_USABLE_ENDPOINT: Final = _warning(
    "CP0332", "requests are sent to the service, and none of its endpoints can be used"
)
SLICE_WITHOUT_SERVICE: Final = _warning("CP0333", "the EndpointSlice belongs to no Service")
PROTOCOLS_DIFFER: Final = _warning(
    "CP0334", "two ServiceEntries give a port of one host different protocols"
)
PROTOCOL_UNNAMED: Final = Code(
    "CP0335", Severity.INFO, Effect.NONE, "the port in use names no protocol that is known"
)
UNKNOWN_ANNOTATION: Final = _warning("CP0336", "Istio has no such annotation")
PLAINTEXT_TO_TLS: Final = _warning(
    "CP0337", "requests are sent as plaintext to a port that speaks TLS"
)

# Routes
UNKNOWN_COMMAND: Final = _warning(
    "CP0340", "the header value has a percent sign that starts no command of Envoy"
)
DELEGATE_CONFLICT: Final = _warning("CP0341", "no request can match both the rule and its delegate")
UNUSED_DELEGATE: Final = _warning("CP0342", "no rule delegates to the VirtualService")
GATEWAY_NOT_BOUND: Final = _warning(
    "CP0343", "the match names a gateway that the VirtualService is not bound to"
)
NOT_EXPORTED_TO_PROXIES: Final = _warning(
    "CP0345", "the VirtualService is not exported to where the proxies of its Gateways are"
)
RULES_WITHOUT_SERVER: Final = _warning(
    "CP0346", "no server of the Gateways reads rules of this sort, or on this port"
)
ALWAYS_REDIRECTED: Final = _warning(
    "CP0347", "httpsRedirect answers every request before the rule does"
)

# Matches of requests
MATCH_IMPOSSIBLE: Final = _warning("CP0350", "no request can meet the condition")
MATCH_IS_TEXT: Final = _warning(
    "CP0351", "the condition is written like a pattern but is compared as it is"
)
CONNECTIONS_TAKEN: Final = _warning(
    "CP0380", "connections to the port reach another service, so never this one"
)

# Sidecars and mutual TLS of the mesh
SIDECAR_WITHOUT_EFFECT: Final = _warning(
    "CP0360", "an earlier Sidecar of the namespace has no workloadSelector either"
)
SIDECARS_OVERLAP: Final = _warning("CP0361", "an earlier Sidecar selects the same workload")
EGRESS_HOST_UNKNOWN: Final = _warning(
    "CP0362", "no service that the Sidecar's namespace sees has the egress host"
)
EGRESS_PORT_UNKNOWN: Final = _warning(
    "CP0363", "none of the egress listener's hosts has the listener's port"
)
PEERS_OVERLAP: Final = _warning(
    "CP0364", "an earlier PeerAuthentication decides for the same workloads"
)
ROOT_SELECTOR_IGNORED: Final = _warning(
    "CP0365", "a PeerAuthentication with a selector is ignored in the root namespace"
)
PORT_NOT_TARGETED: Final = _warning("CP0366", "no Service leads to the port of portLevelMtls")
MTLS_CONTRADICTED: Final = _warning(
    "CP0367", "the rule's TLS is not what the PeerAuthentication of the destination accepts"
)
MESH_HOST_TAKEN: Final = _warning("CP0368", "sidecars use an earlier VirtualService for the host")
MESH_HOST_UNKNOWN: Final = _warning(
    "CP0369", "the VirtualService is for sidecars only, and no service has its host"
)
RULES_WITHOUT_PORT: Final = _warning(
    "CP0370", "no port of the host's service takes rules of this sort, or has this number"
)
CREDENTIAL_AT_SIDECARS: Final = _warning(
    "CP0371", "sidecars do not get the secret of the rule, so they send plaintext"
)
TARGET_PROTOCOLS_DIFFER: Final = _warning(
    "CP0372", "two Services give one port of a workload different protocols"
)

# Patches of EnvoyFilters
PATCH_BREAKS: Final = Code(
    "CP0540",
    Severity.ERROR,
    Effect.NONE,
    "the patch makes a resource that Envoy would refuse, so it is not applied there",
)
PATCH_WITHOUT_PRIORITY: Final = _warning(
    "CP0541", "what the patch does depends on what comes before it, and there is no priority"
)
PATCH_ORDER_BY_VERSION: Final = _warning(
    "CP0542", "the patch has no priority, and another one is for some versions of proxies only"
)
PATCH_NAME_TAKEN: Final = _warning(
    "CP0543", "the patch gives a resource a name that is taken, so the resource is not sent"
)
PATCH_SECRET_NOT_SENT: Final = _warning(
    "CP0544", "the patch names a secret that the proxy is not sent"
)

# Who may call what
PATH_SPELLED_OTHERWISE: Final = _warning(
    "CP0501", "a path is refused in one spelling, and others lead to the same"
)
HOST_WITHOUT_PORT: Final = _warning(
    "CP0502", "a host is refused only where the client does not write its port"
)
PROXY_ADDRESS_MEANT: Final = _warning(
    "CP0503", "the rule is about addresses of connections, which are those of another proxy"
)
CALLERS_UNIDENTIFIED: Final = _warning(
    "CP0504", "the rule is about identities where callers need not have one"
)
POLICY_PORT_NOT_TARGETED: Final = _warning("CP0505", "no Service leads to the rule's port")
REQUESTS_NOT_READ: Final = _warning("CP0506", "the rule is about requests where none are read")
TOKENS_NOT_VERIFIED: Final = _warning("CP0507", "the rule is about tokens where none are verified")
VALUES_EXCLUDED: Final = _warning("CP0508", "the rule excludes all that it is about")
GATEWAY_PORT_UNKNOWN: Final = _warning("CP0509", "no gateway listens on the rule's port")
POLICY_VALUE_NEVER_MATCHES: Final = _warning(
    "CP0550", "the value does not have the form of what it is compared with, so it never matches"
)
ASTERISK_IS_LITERAL: Final = _warning(
    "CP0551", "the value has an asterisk that matches nothing but itself"
)
BLOCK_HAS_HOST_BITS: Final = _warning(
    "CP0552", "the block of addresses is wider than the address that it is written with"
)
ISSUER_NOT_ACCEPTED: Final = _warning(
    "CP0555", "the rule names an issuer of which no token is accepted"
)
POLICY_NAMESPACE_UNKNOWN: Final = _warning(
    "CP0554", "nothing is declared in the namespace that the rule names"
)
EMPTY_LIST: Final = _warning(
    "CP0553", "an empty list counts as absent, so more is matched than the rule suggests"
)

# Tokens
TOKENS_NOT_DEMANDED: Final = _warning(
    "CP0520", "bad tokens are refused, but requests without a token pass"
)
CLAIMS_UNVERIFIED: Final = _warning(
    "CP0521", "the route asks for claims where no RequestAuthentication verifies tokens"
)
TOKENS_ACCEPTED_ANYWAY: Final = _warning(
    "CP0522", "another rule accepts the tokens that the rule is about, so it has no effect"
)
KEYS_UNAVAILABLE: Final = _warning("CP0523", "the keys of an issuer cannot be fetched")

# TLS and secrets
UNKNOWN_SECRET: Final = _dangling("CP0401", "the secret does not exist in the proxy's namespace")
SECRET_INCOMPLETE: Final = _dangling("CP0402", "the secret lacks the entries that its use requires")
SECRET_UNREADABLE: Final = _dangling(
    "CP0403", "an entry of the secret does not hold what its name says"
)
KEY_MISMATCH: Final = _dangling("CP0404", "the private key belongs to another certificate")
CERTIFICATE_EXPIRED: Final = _dangling("CP0405", "the certificate has expired")
CERTIFICATE_NOT_YET_VALID: Final = _dangling("CP0406", "the certificate is not valid yet")
CERTIFICATE_EXPIRES: Final = _warning("CP0407", "the certificate expires soon")
CERTIFICATE_NAME_MISMATCH: Final = _warning(
    "CP0408", "the certificate is not valid for the server's host"
)
KEY_UNSUPPORTED: Final = _dangling("CP0409", "Envoy does not accept certificates with such a key")
CLIENT_NAMES_UNUSED: Final = _warning(
    "CP0410", "names or pins of client certificates are set, but none are requested"
)
OPTIONAL_BECOMES_REQUIRED: Final = _warning(
    "CP0411", "OPTIONAL_MUTUAL refuses clients without a certificate"
)
PIN_MALFORMED: Final = _dangling("CP0412", "the pin cannot match any certificate")
CIPHER_UNKNOWN: Final = _warning("CP0413", "the cipher or curve is unknown and is left out")
TLS_VERSIONS_EMPTY: Final = _warning("CP0414", "no TLS version is left")
SECRET_NAME_SUFFIX: Final = _dangling(
    "CP0415", "the suffix of the secret's name does not match its use"
)
SECRET_IN_OTHER_NAMESPACE: Final = _warning(
    "CP0416", "the secret is not in the namespace of the proxies"
)
OCSP_RESPONSE_UNUSABLE: Final = _warning(
    "CP0417", "the OCSP response is not valid for the certificate"
)
CONNECTIONS_REUSED: Final = _warning(
    "CP0418", "clients reuse connections between servers that share a certificate"
)

# External authorization
PROVIDER_UNUSABLE: Final = _warning(
    "CP0530", "the policy's provider cannot be asked, so what its rules match is refused"
)
PROVIDERS_DIFFER: Final = _warning(
    "CP0531", "two providers would decide for one workload, so what is theirs is refused"
)
CONNECTIONS_NOT_ASKED: Final = _warning(
    "CP0532", "a provider over HTTP is not asked about connections, so these pass"
)
PROVIDER_PORT_UNKNOWN: Final = _warning(
    "CP0533", "the provider's service does not have its port, so nobody answers"
)
PROVIDER_PROTOCOL_DIFFERS: Final = _warning(
    "CP0534", "the port of the provider's service is declared for another protocol"
)

# Operation
FIXED_SINCE_START: Final = _warning(
    "CP0620", "the field cannot change while the control plane runs"
)
INTERNAL_ERROR: Final = _refused("CP0601", "internal error of the control plane; please report it")

# Registration of workloads
REGISTERS_FROM_ELSEWHERE: Final = _warning(
    "CP0640", "a proxy's address is not the one that it connects from"
)
REGISTERS_WITH_OTHER_ACCOUNT: Final = _warning(
    "CP0641", "a proxy's token is for another service account than its group's"
)
REGISTERS_UNREACHABLE: Final = _warning("CP0642", "no other host reaches a proxy at its address")
PROBE_NOT_MADE: Final = _warning("CP0643", "the probe is of a kind that Envoys do not make")

BY_ID: Final[Mapping[str, Code]] = MappingProxyType(
    {code.id: code for code in tuple(globals().values()) if isinstance(code, Code)}
)
"""Every code, in the order of this module."""
