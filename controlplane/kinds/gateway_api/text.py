"""The texts and numbers that the Gateway API's fields hold, each with its limits.

msgspec checks them as it decodes; a default is not checked, so an absent field may be ``""``.
Patterns end with ``\\Z``, because ``$`` also matches before a newline at the end, and none uses a
class such as ``\\d``, which is wider in Python than in Go.
Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/ and the CRDs of v1.6.1
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
DOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
"""A DNS subdomain: labels between dots, without a limit of 63 characters for each."""
LABEL_PATTERN: Final = rf"^{_LABEL}\Z"
DOMAIN_PATTERN: Final = rf"^{DOMAIN}\Z"
GROUP_PATTERN: Final = rf"^\Z|^{DOMAIN}\Z"
KIND_PATTERN: Final = r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?\Z"
HOSTNAME_PATTERN: Final = rf"^(\*\.)?{DOMAIN}\Z"
CONTROLLER_PATTERN: Final = rf"^{DOMAIN}\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+\Z"
PROTOCOL_PATTERN: Final = (
    rf"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?\Z|{_LABEL}(\.{_LABEL})*\/[A-Za-z0-9]+\Z"
)
"""As the CRD has it: the second half has no ``^``."""
ADDRESS_TYPE_PATTERN: Final = (
    rf"^Hostname|IPAddress|NamedAddress|{_LABEL}(\.{_LABEL})*\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+\Z"
)
"""As the CRD has it: of the names only the first is tied to the start, and none to the end."""
HEADER_NAME_PATTERN: Final = r"^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+\Z"
HEADER_VALUE_PATTERN: Final = r"^[!-~]+([\t ]?[!-~]+)*\Z"
LABEL_VALUE_PATTERN: Final = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?\Z"
DURATION_PATTERN: Final = r"^([0-9]{1,5}(h|m|s|ms)){1,4}\Z"
ORIGIN_PATTERN: Final = (
    r"(^\*\Z)|(^(http(s)?):\/\/(((\*\.)?([a-zA-Z0-9\-]+\.)*[a-zA-Z0-9-]+|\*)(:([0-9]{1,5}))?)\Z)"
)
PATH_PATTERN: Final = r"^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+\Z"
URI_PATTERN: Final = r"^(([^:/?#]+):)(//([^/?#]*))([^?#]*)(\?([^#]*))?(#(.*))?"
WELL_KNOWN_PATTERN: Final = (
    rf"^(System|({DOMAIN}/([A-Za-z0-9][-A-Za-z0-9_.]{{0,61}})?[A-Za-z0-9]))\Z"
)


@dataclass(frozen=True, slots=True)
class Wording:
    """What a pattern asks for: ``"x" is not NOUN``, and one step to mend it.

    ``repaired`` is what was most likely meant by a text; it is proposed where it fits the pattern.
    """

    noun: str
    hint: str
    repaired: Callable[[str], str] = str


def _host_of(text: str) -> str:
    """The hostname in a URL or ``HOST:PORT``."""
    _, _, rest = text.rpartition("://")
    return re.split(r"[/:?#]", rest, maxsplit=1)[0].strip().lower()


_SUBDOMAIN_HINT: Final = "use lower case letters, digits, - and . (begin and end with no - or .)"
PATTERNS: Final[Mapping[str, Wording]] = {
    LABEL_PATTERN: Wording("the name of a namespace", "use lower case letters, digits and -"),
    DOMAIN_PATTERN: Wording("a DNS name", _SUBDOMAIN_HINT, _host_of),
    GROUP_PATTERN: Wording(
        "an API group",
        'write the group alone, without a version; "" for Kubernetes\' own',
        lambda text: text.partition("/")[0],
    ),
    KIND_PATTERN: Wording("the name of a kind", "begin with a letter; use letters, digits and -"),
    HOSTNAME_PATTERN: Wording(
        "a hostname",
        "write a name in lower case, such as shop.example.com or *.example.com, or none for all",
        _host_of,
    ),
    CONTROLLER_PATTERN: Wording("a controller's name", "write a domain, a slash and a path"),
    PROTOCOL_PATTERN: Wording(
        "a protocol", "write HTTP, HTTPS, TLS, TCP, UDP, or DOMAIN/NAME for another"
    ),
    ADDRESS_TYPE_PATTERN: Wording(
        "a type of address", "write IPAddress, Hostname, or DOMAIN/NAME for another"
    ),
    HEADER_NAME_PATTERN: Wording(
        "a name of a header",
        "use letters, digits and any of !#$%&'*+-.^_`|~",
        lambda text: text.strip().removesuffix(":"),
    ),
    HEADER_VALUE_PATTERN: Wording(
        "a value of a header", "use visible ASCII, with single spaces or tabs between"
    ),
    LABEL_VALUE_PATTERN: Wording(
        "a label's value", "use letters, digits, -, _ and . (begin and end with a letter or digit)"
    ),
    ORIGIN_PATTERN: Wording(
        "an origin", "write *, or SCHEME://HOST with an optional port", "https://{}".format
    ),
    PATH_PATTERN: Wording("a path", "escape other characters as %XX"),
    URI_PATTERN: Wording("a URI", "begin with a scheme, as in spiffe://example.com/web"),
    WELL_KNOWN_PATTERN: Wording("a well-known set of certificates", "write System"),
}

Group = Annotated[str, Meta(max_length=253, pattern=GROUP_PATTERN)]
"""An API group; ``""`` is that of Kubernetes' own kinds, such as Service."""
KindName = Annotated[str, Meta(min_length=1, max_length=63, pattern=KIND_PATTERN)]
ObjectName = Annotated[str, Meta(min_length=1, max_length=253)]
NamespaceName = Annotated[str, Meta(min_length=1, max_length=63, pattern=LABEL_PATTERN)]
SectionName = Annotated[str, Meta(min_length=1, max_length=253, pattern=DOMAIN_PATTERN)]
Hostname = Annotated[str, Meta(min_length=1, max_length=253, pattern=HOSTNAME_PATTERN)]
PreciseHostname = Annotated[str, Meta(min_length=1, max_length=253, pattern=DOMAIN_PATTERN)]
"""A hostname without a wildcard."""
ControllerName = Annotated[str, Meta(min_length=1, max_length=253, pattern=CONTROLLER_PATTERN)]
Description = Annotated[str, Meta(max_length=64)]
ProtocolName = Annotated[str, Meta(min_length=1, max_length=255, pattern=PROTOCOL_PATTERN)]
AddressType = Annotated[str, Meta(min_length=1, max_length=253, pattern=ADDRESS_TYPE_PATTERN)]
AddressValue = Annotated[str, Meta(max_length=253)]
LabelValue = Annotated[str, Meta(max_length=63, pattern=LABEL_VALUE_PATTERN)]
AnnotationValue = Annotated[str, Meta(max_length=4096)]
HeaderName = Annotated[str, Meta(min_length=1, max_length=256, pattern=HEADER_NAME_PATTERN)]
HeaderValue = Annotated[str, Meta(min_length=1, max_length=4096)]
"""In the experimental channel also of ``HEADER_VALUE_PATTERN``, but for matches of GRPCRoutes."""
QueryValue = Annotated[str, Meta(min_length=1, max_length=1024)]
PathText = Annotated[str, Meta(max_length=1024)]
CheckedPath = Annotated[str, Meta(max_length=1024, pattern=PATH_PATTERN)]
Origin = Annotated[str, Meta(min_length=1, max_length=253, pattern=ORIGIN_PATTERN)]
SessionName = Annotated[str, Meta(max_length=128)]
Uri = Annotated[str, Meta(min_length=1, max_length=253, pattern=URI_PATTERN)]
WellKnownCertificates = Annotated[
    str, Meta(min_length=1, max_length=253, pattern=WELL_KNOWN_PATTERN)
]
PortName = Annotated[str, Meta(max_length=63)]

Port = Annotated[int, Meta(ge=1, le=65535)]
Weight = Annotated[int, Meta(ge=0, le=1_000_000)]
Percentage = Annotated[int, Meta(ge=0, le=100)]
Natural = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Positive = Annotated[int, Meta(ge=1, le=2**31 - 1)]
"""A whole number of 32 bits, 1 or more."""
Attempts = Annotated[int, Meta(ge=1)]
RetryCode = Annotated[int, Meta(ge=400, le=599)]
RequestCount = Annotated[int, Meta(ge=1, le=1_000_000)]
