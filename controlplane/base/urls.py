"""URLs as Go reads them, which decides what Istio's admission takes and what its agents fetch.

Source: Go ``net/url`` (Parse, ParseRequestURI)
"""

import re
from dataclasses import dataclass
from typing import Final

from controlplane.base.hosts import is_ip

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST: Final = re.compile(r"[A-Za-z0-9!$&'()*+,;=:\]<>\"_.~\x80-\U0010ffff-]*")
_HOST_ESCAPE: Final = re.compile(r"%(?:25|[89A-Fa-f][0-9A-Fa-f])")
_ZONE: Final = re.compile(r"[A-Za-z0-9!$&'()*+,;=:\[\]<>\"_.~%\x80-\U0010ffff-]+")
_USER: Final = re.compile(r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*")
_PORT: Final = re.compile(r"(?::[0-9]*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """``scheme`` is in lower case, and empty where there is none; ``host`` has the port."""

    scheme: str
    host: str
    path: str

    @property
    def hostname(self) -> str:
        """The host without its port and without brackets."""
        bare = self.host.removesuffix(f":{self.port}")
        return bare[1:-1] if bare.startswith("[") else bare

    @property
    def port(self) -> str:
        """The digits behind the host; empty where there are none."""
        return self.host.rpartition("]")[2].rpartition(":")[2] if ":" in self.host else ""


def parsed(text: str) -> Url | None:
    """``url.Parse``: any reference, the fragment cut off; ``None`` for what is no URL."""
    base, _, fragment = text.partition("#")
    if _ESCAPE.search(fragment) is not None:
        return None
    return _parsed(base, is_request=False)


def parsed_request(text: str) -> Url | None:
    """``url.ParseRequestURI``: an absolute URL or an absolute path, without a fragment."""
    return _parsed(text, is_request=True) if text else None


def _parsed(text: str, *, is_request: bool) -> Url | None:
    if _CONTROL.search(text) is not None or text.startswith(":"):
        return None
    found = _SCHEME.match(text)
    scheme = found.group(1).lower() if found is not None else ""
    rest = text[found.end() :] if found is not None else text
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):
        if scheme:
            return Url(scheme=scheme, host="", path=rest)
        if text != "*" and (is_request or ":" in rest.partition("/")[0]):
            return None
    host = ""
    has_authority = bool(scheme) or not (is_request or rest.startswith("///"))
    if has_authority and rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        user, at, host = authority.rpartition("@")
        if not _is_host(scheme, host) or (at and not _is_user(user)):
            return None
    if _ESCAPE.search(rest) is not None:
        return None
    return Url(scheme=scheme, host=host, path=rest)


def _is_user(text: str) -> bool:
    return _USER.fullmatch(text) is not None and _ESCAPE.search(text) is None


def _is_host(scheme: str, text: str) -> bool:
    """Only an IPv6 address has brackets; of HTTP only such a one has several colons."""
    if "[" in text:
        return _is_bracketed(text)
    is_web = scheme in ("http", "https")
    port = text[text.find(":") if is_web else text.rfind(":") :] if ":" in text else ""
    unescaped = _HOST_ESCAPE.sub("", text)
    return _PORT.fullmatch(port) is not None and _HOST.fullmatch(unescaped) is not None


def _is_bracketed(text: str) -> bool:
    address, bracket, port = text[1:].rpartition("]")
    if text.rfind("[") > 0 or not bracket or _PORT.fullmatch(port) is None:
        return False
    plain, zoned, zone = address.partition("%25")
    has_zone = _ESCAPE.search(zone) is None and _ZONE.fullmatch(zone) is not None
    return is_ip(plain) and ":" in plain and (has_zone if zoned else "%" not in plain)
