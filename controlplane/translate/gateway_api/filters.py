"""Filters of routes and of their backends: header changes, redirects, rewrites, CORS.

Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#httproutefilter; Istio
``pilot/pkg/config/kube/gateway/conversion.go`` (``createRedirectFilter`` and others).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final, assert_never

from controlplane.kinds.gateway_api.http_filters import (
    HttpCorsFilter,
    HttpHeader,
    HttpHeaderFilter,
    HttpPathModifier,
    HttpPathModifierType,
    HttpRequestRedirectFilter,
    HttpUrlRewriteFilter,
)
from controlplane.model.gateway_api import Conformance
from controlplane.model.http_match import Exact, PathMatch, Prefix, Regex, Segments, TextMatch
from controlplane.model.http_policy import NO_CHANGES, Cors, HeaderChanges
from controlplane.model.routing import (
    PathRewrite,
    RedirectTo,
    ReplacePath,
    ReplacePrefix,
    ReplaceRegex,
)
from controlplane.translate import header_changes as headers
from controlplane.translate.gateway_api.backend_ref import ListenerPort

DEFAULT_PORTS: Final = (("http", 80), ("https", 443))
ANY_ORIGIN: Final = Regex(r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s?#]+$")
"""``*`` is every origin that is one: a scheme and an authority (RFC 6454)."""


def header_changes(filters: Iterable[HttpHeaderFilter]) -> HeaderChanges:
    """The changes of one kind of filter; the authority is not among them."""
    changes = NO_CHANGES
    for each in filters:
        changes = changes.then(
            headers.header_changes(
                overwritten=_values(each.set), appended=_values(each.add), removed=each.remove
            )
        )
    return changes


def authority(filters: Iterable[HttpHeaderFilter]) -> str | None:
    """The Host header that a request's filters set."""
    found = (
        headers.authority(overwritten=_values(each.set), appended=_values(each.add))
        for each in filters
    )
    return next((each for each in found if each is not None), None)


def _values(listed: Iterable[HttpHeader]) -> Mapping[str, str]:
    """Values by lower-case name; of several with one name only the first is used."""
    values: dict[str, str] = {}
    for header in listed:
        values.setdefault(header.name.lower(), header.value)
    return values


def redirect(
    spec: HttpRequestRedirectFilter, listener: ListenerPort, matched: PathMatch
) -> RedirectTo:
    """The redirect of requests that ``matched`` took, as seen at a listener's port."""
    return RedirectTo(
        status=spec.status_code,
        scheme=spec.scheme.value if spec.scheme else None,
        host=spec.hostname or None,
        port=_redirect_port(spec, listener),
        path=_redirect_path(spec.path, matched, listener.conformance) if spec.path else None,
    )


def _redirect_port(spec: HttpRequestRedirectFilter, listener: ListenerPort) -> int | None:
    """The port to name in the location: the one that is written, else the listener's where the
    scheme stays; none where it is the scheme's own.

    Where the host stays, Envoy keeps the port of the request. With Istio it remains so; by the
    specification the scheme's own port is named instead, unless requests have none.
    """
    requested = "https" if listener.https else "http"
    scheme = spec.scheme.value if spec.scheme else requested
    default = dict(DEFAULT_PORTS)[scheme]
    wanted = spec.port or (default if spec.scheme else listener.port)
    if wanted != default:
        return wanted
    keeps_port = not spec.hostname and (requested, listener.port) not in DEFAULT_PORTS
    if keeps_port and listener.conformance is Conformance.SPECIFICATION:
        return wanted
    return None


def _redirect_path(
    path: HttpPathModifier, matched: PathMatch, conformance: Conformance
) -> ReplacePath | PathRewrite | None:
    """With Istio an empty text leaves the path as it is, and a prefix is replaced as written."""
    match path.type:
        case HttpPathModifierType.REPLACE_FULL_PATH:
            return ReplacePath(text=path.replace_full_path) if path.replace_full_path else None
        case HttpPathModifierType.REPLACE_PREFIX_MATCH:
            prefix = path.replace_prefix_match or ""
            if conformance is Conformance.SPECIFICATION:
                return _prefix_rewrite(prefix, matched, conformance)
            return ReplacePrefix(text=prefix) if prefix else None
    assert_never(path.type)


def path_rewrite(
    spec: HttpUrlRewriteFilter, matched: PathMatch, conformance: Conformance
) -> PathRewrite | None:
    """What becomes of the path of a request that ``matched`` took. Its query stays."""
    path = spec.path
    if path is None:
        return None
    match path.type:
        case HttpPathModifierType.REPLACE_FULL_PATH:
            text = path.replace_full_path or ""
            return ReplaceRegex(pattern="/.*", substitution=_literal(text))
        case HttpPathModifierType.REPLACE_PREFIX_MATCH:
            return _prefix_rewrite(path.replace_prefix_match or "", matched, conformance)
    assert_never(path.type)


def _prefix_rewrite(replacement: str, matched: PathMatch, conformance: Conformance) -> PathRewrite:
    """A slash at the end of the replacement does not count; an empty one removes the prefix.

    Where ``/`` is matched, Envoy joins what is left without a slash, and Istio leaves it so.
    """
    text = replacement.removesuffix("/")
    if text and not isinstance(matched, Segments) and conformance is Conformance.SPECIFICATION:
        return ReplaceRegex(pattern="^/", substitution=f"{_literal(text)}/")
    if text:
        return ReplacePrefix(text=text)
    prefix = matched.text if isinstance(matched, Segments) else ""
    return ReplaceRegex(pattern=f"^{re2_quoted(prefix)}(/?)(.*)", substitution=r"/\2")


def _literal(text: str) -> str:
    """``text`` as a substitution that refers to no group."""
    return text.replace("\\", r"\\")


def re2_quoted(text: str) -> str:
    """``text`` as RE2 reads it literally."""
    return re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text)


def cors(spec: HttpCorsFilter) -> Cors:
    return Cors(
        origins=tuple(_origin(text) for text in spec.allow_origins),
        methods=tuple(method.value for method in spec.allow_methods),
        headers=spec.allow_headers,
        exposed_headers=spec.expose_headers,
        max_age=timedelta(seconds=spec.max_age),
        credentials=True if spec.allow_credentials else None,
        forwards_unmatched_preflights=False,
    )


def _origin(text: str) -> TextMatch:
    """A star in a host spans dots, and stops at nothing else either, as in Istio."""
    if text == "*":
        return ANY_ORIGIN
    if "*" not in text:
        return Exact(text)
    if text.count("*") == 1 and text.endswith("*"):
        return Prefix(text.removesuffix("*"))
    return Regex(f"^{'.*'.join(re2_quoted(part) for part in text.split('*'))}$")
