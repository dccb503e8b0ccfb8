"""Codes of single fields of objects: CP02xx."""

from typing import Final

from controlplane.base.codes.severities import dangling, info, refused, warning

UNKNOWN_FIELD: Final = refused("CP0201", "the kind has no such field")
WRONG_TYPE: Final = refused("CP0202", "the value does not have the field's type")
NOT_SUPPORTED_YET: Final = warning("CP0203", "the field is not supported yet and has no effect")
MISSING_FIELD: Final = refused("CP0204", "a required field is missing")
VALUE_OUT_OF_RANGE: Final = refused(
    "CP0205", "the value is outside the range that the field accepts"
)
VALUE_MALFORMED: Final = refused(
    "CP0206", "the value does not have the format that the field requires"
)
MUTUALLY_EXCLUSIVE: Final = refused("CP0207", "mutually exclusive fields are set together")
NOT_UNIQUE: Final = refused("CP0208", "a name or number that must be unique is used twice")
DEPRECATED: Final = warning("CP0209", "the field is deprecated")
NO_EFFECT: Final = warning("CP0210", "the value is accepted but has no effect")
BAD_NAME: Final = refused("CP0211", "the object's name or namespace is not valid in Kubernetes")
REGEX_REFUSED: Final = refused(
    "CP0212", "the regular expression is not valid RE2, or its program is too large"
)
UNKNOWN_VALUE: Final = refused("CP0213", "the value is not one of those that the field accepts")
VERSION_NOT_SERVED: Final = refused("CP0214", "the kind has no such apiVersion")
NULL_VALUE: Final = refused("CP0215", "null is not allowed in a list")
UNREACHABLE_RULE: Final = warning(
    "CP0216", "earlier rules of the object match every request of this one"
)
CANNOT_WORK: Final = warning("CP0217", "the value is accepted but can never work")
WRONG_SIZE: Final = refused("CP0218", "the text or list is too long or too short")
RESERVED: Final = refused("CP0219", "the annotation is reserved")
UNKNOWN_SETTING: Final = warning("CP0220", "MeshConfig or ProxyConfig has no such setting")
WRONG_SUM: Final = refused("CP0221", "the weights do not add up to the required sum")
NOT_ALLOWED_HERE: Final = refused(
    "CP0222", "the value is not allowed in combination with the object's other values"
)
NULL_DROPPED: Final = warning(
    "CP0223", "null is dropped, so more is matched than the rule suggests"
)
DENIES_TCP: Final = warning(
    "CP0224", "a DENY rule without ports that is about HTTP denies all TCP connections as well"
)
PROXY_CONFIG_FAULT: Final = dangling(
    "CP0225", "an annotation about a workload's proxy has a fault, so part of it has no effect"
)
PRIVATE_KEY_SHOWN: Final = warning("CP0229", "a key set for verifying tokens has a private key")

CLAIM_PRESENCE: Final = warning(
    "CP0230", "with Istio, asking for a claim alone takes down the port"
)

ENVOY_INTERNALS: Final = info(
    "CP0233", "an EnvoyFilter depends on internals of Envoy's configuration, which may change"
)
ENVOY_FIELD_UNKNOWN: Final = warning(
    "CP0234", "Envoy's message has no such field, so it is left out"
)
ENVOY_TYPE_UNKNOWN: Final = refused("CP0235", "Envoy has no such type of message")
