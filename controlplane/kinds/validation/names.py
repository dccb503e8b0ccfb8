"""What makes a host, a label, an address or a regular expression well formed.

Each function gives the fault of a text in words, or ``None`` when there is none; the words follow
the text in quotes: ``"a b" has the label "a b", which …``. Results are remembered, because a mesh
repeats the same few thousand names.
Source: Istio ``pkg/config/labels``, ``pkg/config/validation/agent``; RFC 1123.
"""

import re
from functools import lru_cache
from typing import Final

import re2  # type: ignore[import-untyped]  # google-re2 comes without types

from controlplane.base.hosts import is_ip

_LABEL: Final = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?")
_SUBDOMAIN: Final = re.compile(
    r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*"
)
_WILDCARD_LABEL: Final = re.compile(r"\*|(?:\*-?)?[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?")
_LABEL_KEY: Final = re.compile(
    r"(?:([a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?)*)/)?"
    r"((?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])"
)
_LABEL_VALUE: Final = re.compile(r"(?:(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_ALL_DIGITS: Final = re.compile(r"[+-]?[0-9]+")
_HEADER: Final = re.compile(r"[!#$%&'*+,\-.^_`|~0-9a-zA-Z]+")
_PSEUDO_HEADERS: Final = frozenset({":method", ":scheme", ":authority", ":path", ":status"})
_URL: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?([^\s/:?#@]+)(?::\d+)?(?:[/?#]\S*)?")
_CLAIM: Final = re.compile(r"@request\.auth\.claims(?:\..+|\[.+\])", re.IGNORECASE | re.DOTALL)

LABEL_LIMIT: Final = 63  # RFC 1123
NAME_LIMIT: Final = 253  # Kubernetes, of an object
DOMAIN_LIMIT: Final = 255
PREFIX_LIMIT: Final = 253
REGEX_LIMIT: Final = 1024  # bytes; Istio, validateStringRegexp
PROGRAM_LIMIT: Final = 32_768  # re2.max_program_size.error_level in the bootstrap of our proxies
UNIX: Final = "unix://"

A_LABEL: Final = "a label is at most 63 letters, digits and inner hyphens"


def is_label(text: str) -> bool:
    return len(text) <= LABEL_LIMIT and _LABEL.fullmatch(text) is not None


@lru_cache(maxsize=65_536)
def is_object_name(name: str) -> bool:
    """Whether objects of Kubernetes may have the name."""
    return len(name) <= NAME_LIMIT and _SUBDOMAIN.fullmatch(name) is not None


def is_header(name: str) -> bool:
    """Whether requests may be matched by a header of this name."""
    return _HEADER.fullmatch(name) is not None or name in _PSEUDO_HEADERS


def with_slash(path: str) -> str:
    """The path that ``path``, which begins with no slash, was meant to be."""
    return f"/{path.strip().lstrip('/*')}"


def is_claim(name: str) -> bool:
    """Whether the name asks for a claim of the request's token instead of a header."""
    return _CLAIM.fullmatch(name) is not None


@lru_cache(maxsize=65_536)
def domain_fault(name: str) -> str | None:
    """The fault of a complete host name."""
    fault = _size_fault(name) or _labels_fault(name)
    return fault and (_url_fault(name) or fault)


@lru_cache(maxsize=65_536)
def wildcard_fault(name: str) -> str | None:
    """The fault of a host name whose first label may be, or begin with, an asterisk."""
    fault = _size_fault(name)
    if fault is not None:
        return fault
    first, dot, rest = name.partition(".")
    if len(first) > LABEL_LIMIT or not _WILDCARD_LABEL.fullmatch(first):
        fault = _label_fault(first)
    else:
        fault = _labels_fault(rest) if dot else None
    return fault and (_url_fault(name) or fault)


def host_meant(written: str) -> str | None:
    """The hint for a URL, or a host with a port or a path, where a host belongs."""
    found = _URL.fullmatch(written)
    if found is None or found[1] == written or wildcard_fault(found[1]) is not None:
        return None
    return f'write "{found[1]}"'


@lru_cache(maxsize=4096)
def generated_sni_fault(name: str) -> str | None:
    """The fault of ``outbound_.PORT_.SUBSET_.HOST``, the server name that AUTO_PASSTHROUGH routes
    by.
    """
    parts = name.split("_")
    if len(parts) < 4:
        return "does not follow outbound_.PORT_.SUBSET_.HOST"
    if parts[0] != "outbound":
        return _label_fault(parts[0])
    port, host = parts[1].strip("."), parts[3].strip(".")
    if not re.search(r"[0-9]", port):
        return f'has "{port}" where outbound_.PORT_.SUBSET_.HOST has a port number'
    if not re.search(r"[a-zA-Z]", host):
        return f'has "{host}" where outbound_.PORT_.SUBSET_.HOST has a host'
    return None


def is_partial_wildcard(name: str) -> bool:
    """Whether there is an asterisk other than alone or as the whole first label."""
    return "*" in name and name != "*" and not name.startswith("*.")


@lru_cache(maxsize=16_384)
def subnet_fault(text: str) -> str | None:
    """The fault of an address or a block in CIDR notation, host bits allowed."""
    if text.count("/") != 1:
        return None if is_ip(text) else "is not an IP address"
    address, _, bits = text.partition("/")
    wide = 32 if "." in address and ":" not in address else 128
    canonical = bits.isascii() and bits.isdigit() and str(int(bits)) == bits
    if "%" in address or not is_ip(address) or not canonical or int(bits) > wide:
        return "is not an IP address range in CIDR notation"
    return None


def unix_fault(path: str) -> str | None:
    """The fault of what follows ``unix://``: a file's absolute path, or ``@`` and a name."""
    if not path:
        return "has no path after unix://"
    if path[0] == "@":
        return None
    if path[0] != "/" or path[-1] == "/":
        return "has no absolute file path after unix://"
    return None


@lru_cache(maxsize=16_384)
def label_key_fault(key: str) -> str | None:
    found = _LABEL_KEY.fullmatch(key)
    if found is None:
        return (
            "is not a valid label key (letters, digits, -, _ and ., after an optional prefix and /)"
        )
    if len(found[1] or "") > PREFIX_LIMIT:
        return f"has a prefix longer than {PREFIX_LIMIT} characters"
    if len(found[2]) > LABEL_LIMIT:
        return f"has a name longer than {LABEL_LIMIT} characters"
    return None


@lru_cache(maxsize=16_384)
def label_value_fault(value: str) -> str | None:
    """The fault of a label's value; its length is not checked, as mostly in Istio."""
    if _LABEL_VALUE.fullmatch(value):
        return None
    return "is not a valid label value (letters, digits, inner -, _ and .)"


@lru_cache(maxsize=16_384)
def regex_fault(pattern: str) -> str | None:
    """Why RE2 refuses ``pattern``, as Istio and Envoy use it; ``None`` when neither does."""
    size = len(pattern.encode())
    if size > REGEX_LIMIT:
        return f"is {size} bytes long, more than the {REGEX_LIMIT} that Istio allows"
    try:
        compiled = re2.compile(pattern, _QUIET)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode() if isinstance(reason, bytes) else str(reason)
        return f"is not a regular expression of RE2: {text}"
    if _has_byte_escape(pattern):
        return r"is not a regular expression of RE2 as Istio reads it: invalid escape sequence: \C"
    if compiled.programsize > PROGRAM_LIMIT:
        return f"needs an RE2 program of {compiled.programsize}, Envoy allows up to {PROGRAM_LIMIT}"
    return None


def _quiet() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options


_QUIET: Final = _quiet()


def _has_byte_escape(pattern: str) -> bool:
    return any(pair == r"\C" for pair in re.findall(r"\\.", pattern, re.DOTALL))


def _url_fault(name: str) -> str | None:
    """What is more than a host in a text that holds one."""
    if host_meant(name) is None:
        return None
    if "://" in name:
        return "is a URL, not a host"
    return "has a path" if "/" in name or "?" in name or "#" in name else "has a port"


def _size_fault(name: str) -> str | None:
    if not name:
        return "is empty"
    size = len(name.encode())
    return f"is {size} bytes long, more than {DOMAIN_LIMIT}" if size > DOMAIN_LIMIT else None


def _labels_fault(name: str) -> str | None:
    labels = name.split(".")
    if _ALL_DIGITS.fullmatch(labels[-1]):
        return f'ends with the label "{labels[-1]}", which is all digits'
    if labels[-1] == "":  # one dot may end a complete name
        labels.pop()
    for label in labels:
        if not is_label(label):
            return _label_fault(label)
    return None


def _label_fault(label: str) -> str:
    if not label:
        return "has an empty label"
    if "*" in label:
        return f'has an asterisk in "{label}", and only the first label may be or begin with one'
    return f'has the label "{label}" ({A_LABEL})'
