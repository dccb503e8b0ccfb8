"""Codes of who may call what: policies, tokens, and who else is asked."""

from typing import Final

from controlplane.base.codes.severities import warning

# Who may call what
PATH_SPELLED_OTHERWISE: Final = warning(
    "CP0501", "a path is refused in one spelling, and others lead to the same"
)
HOST_WITHOUT_PORT: Final = warning(
    "CP0502", "a host is refused only where the client does not write its port"
)
PROXY_ADDRESS_MEANT: Final = warning(
    "CP0503", "the rule is about addresses of connections, which are those of another proxy"
)
CALLERS_UNIDENTIFIED: Final = warning(
    "CP0504", "the rule is about identities where callers need not have one"
)
POLICY_PORT_NOT_TARGETED: Final = warning("CP0505", "no Service leads to the rule's port")
REQUESTS_NOT_READ: Final = warning("CP0506", "the rule is about requests where none are read")
TOKENS_NOT_VERIFIED: Final = warning("CP0507", "the rule is about tokens where none are verified")
VALUES_EXCLUDED: Final = warning("CP0508", "the rule excludes all that it is about")
GATEWAY_PORT_UNKNOWN: Final = warning("CP0509", "no gateway listens on the rule's port")
POLICY_VALUE_NEVER_MATCHES: Final = warning(
    "CP0550", "the value does not have the form of what it is compared with, so it never matches"
)
ASTERISK_IS_LITERAL: Final = warning(
    "CP0551", "the value has an asterisk that matches nothing but itself"
)
BLOCK_HAS_HOST_BITS: Final = warning(
    "CP0552", "the block of addresses is wider than the address that it is written with"
)
ISSUER_NOT_ACCEPTED: Final = warning(
    "CP0555", "the rule names an issuer of which no token is accepted"
)
POLICY_NAMESPACE_UNKNOWN: Final = warning(
    "CP0554", "nothing is declared in the namespace that the rule names"
)
EMPTY_LIST: Final = warning(
    "CP0553", "an empty list counts as absent, so more is matched than the rule suggests"
)

# Tokens
TOKENS_NOT_DEMANDED: Final = warning(
    "CP0520", "bad tokens are refused, but requests without a token pass"
)
CLAIMS_UNVERIFIED: Final = warning(
    "CP0521", "the route asks for claims where no RequestAuthentication verifies tokens"
)
TOKENS_ACCEPTED_ANYWAY: Final = warning(
    "CP0522", "another rule accepts the tokens that the rule is about, so it has no effect"
)
KEYS_UNAVAILABLE: Final = warning("CP0523", "the keys of an issuer cannot be fetched")

# External authorization
PROVIDER_UNUSABLE: Final = warning(
    "CP0530", "the policy's provider cannot be asked, so what its rules match is refused"
)
PROVIDERS_DIFFER: Final = warning(
    "CP0531", "two providers would decide for one workload, so what is theirs is refused"
)
CONNECTIONS_NOT_ASKED: Final = warning(
    "CP0532", "a provider over HTTP is not asked about connections, so these pass"
)
PROVIDER_PORT_UNKNOWN: Final = warning(
    "CP0533", "the provider's service does not have its port, so nobody answers"
)
PROVIDER_PROTOCOL_DIFFERS: Final = warning(
    "CP0534", "the port of the provider's service is declared for another protocol"
)
