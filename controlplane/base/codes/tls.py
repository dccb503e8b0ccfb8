"""Codes of TLS and secrets: CP04xx."""

from typing import Final

from controlplane.base.codes.severities import dangling, warning

UNKNOWN_SECRET: Final = dangling("CP0401", "the secret does not exist in the proxy's namespace")
SECRET_INCOMPLETE: Final = dangling("CP0402", "the secret lacks the entries that its use requires")
SECRET_UNREADABLE: Final = dangling(
    "CP0403", "an entry of the secret does not hold what its name says"
)
KEY_MISMATCH: Final = dangling("CP0404", "the private key belongs to another certificate")
CERTIFICATE_EXPIRED: Final = dangling("CP0405", "the certificate has expired")
CERTIFICATE_NOT_YET_VALID: Final = dangling("CP0406", "the certificate is not valid yet")
CERTIFICATE_EXPIRES: Final = warning("CP0407", "the certificate expires soon")
CERTIFICATE_NAME_MISMATCH: Final = warning(
    "CP0408", "the certificate is not valid for the server's host"
)
KEY_UNSUPPORTED: Final = dangling("CP0409", "Envoy does not accept certificates with such a key")
CLIENT_NAMES_UNUSED: Final = warning(
    "CP0410", "names or pins of client certificates are set, but none are requested"
)
OPTIONAL_BECOMES_REQUIRED: Final = warning(
    "CP0411", "OPTIONAL_MUTUAL refuses clients without a certificate"
)
PIN_MALFORMED: Final = dangling("CP0412", "the pin cannot match any certificate")
CIPHER_UNKNOWN: Final = warning("CP0413", "the cipher or curve is unknown and is left out")
TLS_VERSIONS_EMPTY: Final = warning("CP0414", "no TLS version is left")
SECRET_NAME_SUFFIX: Final = dangling(
    "CP0415", "the suffix of the secret's name does not match its use"
)
SECRET_IN_OTHER_NAMESPACE: Final = warning(
    "CP0416", "the secret is not in the namespace of the proxies"
)
OCSP_RESPONSE_UNUSABLE: Final = warning(
    "CP0417", "the OCSP response is not valid for the certificate"
)
CONNECTIONS_REUSED: Final = warning(
    "CP0418", "clients reuse connections between servers that share a certificate"
)
