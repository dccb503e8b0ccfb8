"""Rules of HTTPRoutes and GRPCRoutes: matches, rules with their filters, timeouts."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from controlplane.base.codes import MISSING_FIELD, VALUE_MALFORMED
from controlplane.kinds.gateway_api.grpc_route import GrpcMethodMatch
from controlplane.kinds.gateway_api.http_filters import (
    HttpPathModifier,
    HttpPathModifierType,
    HttpRouteFilter,
)
from controlplane.kinds.gateway_api.http_route import (
    HttpHeaderMatch,
    HttpPathMatch,
    HttpRouteRule,
    HttpRouteTimeouts,
    PathMatchType,
    ValueMatchType,
)
from controlplane.kinds.gateway_api.text import HEADER_VALUE_PATTERN, PATH_PATTERN, PATTERNS
from controlplane.kinds.validation.gateway_api.rule import Channel, Fault, Rule, of_one_type, rule

_PATH: Final = re.compile(PATH_PATTERN)
_HEADER_VALUE: Final = re.compile(HEADER_VALUE_PATTERN)
_WITHIN: Final = ("//", "/./", "/../", "%2f", "%2F", "#")
_AT_END: Final = ("/..", "/.")
_METHOD: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
# Go folds the long s and the Kelvin sign to s and k, and the CRD's pattern ignores case.
_NAME: Final = r"[A-Za-z_\u017f\u212a][A-Za-z_0-9\u017f\u212a]*"
_SERVICE: Final = re.compile(rf"\.?{_NAME}(\.{_NAME})*")


def path_is_plain(path: HttpPathMatch) -> Iterator[Fault]:
    """An exact path or prefix is as Envoy sees it after normalization."""
    if path.type is PathMatchType.REGULAR_EXPRESSION:
        return
    value = path.value
    sound = True
    if not value.startswith("/"):
        sound = False
        yield _path(f'the path "{value}" does not begin with /', f"write /{value}")
    for part in _WITHIN:
        if part in value:
            sound = False
            yield _path(f'the path "{value}" has "{part}" in it, which no request matches')
    for part in _AT_END:
        if value.endswith(part):
            sound = False
            yield _path(f'the path "{value}" ends in "{part}", which no request matches')
    if sound and _PATH.search(value) is None:
        yield _path(
            f'the path "{value}" has characters that a path cannot have', "escape them as %XX"
        )


def _path(message: str, hint: str | None = None) -> Fault:
    return Fault(("value",), message, hint, VALUE_MALFORMED)


def header_value(match: HttpHeaderMatch) -> Iterator[Fault]:
    if _HEADER_VALUE.search(match.value) is None:
        hint = PATTERNS[HEADER_VALUE_PATTERN].hint
        yield Fault(
            ("value",), f"{match.value!r} is not a value of a header", hint, VALUE_MALFORMED
        )


def method_is_a_name(match: GrpcMethodMatch) -> Iterator[Fault]:
    if match.service is None and match.method is None:
        message = "the match needs a service or a method"
        yield Fault((), message, "add service: PACKAGE.SERVICE", MISSING_FIELD)
    if match.type is not ValueMatchType.EXACT:
        return
    if match.service is not None and _SERVICE.fullmatch(match.service) is None:
        hint = "write PACKAGE.SERVICE, with letters, digits, _ and single dots"
        message = f'"{match.service}" is not a name of a service'
        yield Fault(("service",), message, hint, VALUE_MALFORMED)
    if match.method is not None and _METHOD.fullmatch(match.method) is None:
        message = f'"{match.method}" is not a name of a method'
        yield Fault(("method",), message, "use letters, digits and _", VALUE_MALFORMED)


def redirect_or_backends(rule_: HttpRouteRule) -> Iterator[Fault]:
    """A backend's own filter may redirect all the same."""
    if not rule_.backend_refs:
        return
    for i, each in enumerate(rule_.filters):
        if each.request_redirect is not None:
            message = "a rule that redirects has no backendRefs"
            hint = "remove backendRefs, or the filter"
            yield Fault(("filters", i, "requestRedirect"), message, hint)


def prefix_is_matched(rule_: HttpRouteRule) -> Iterator[Fault]:
    """What replaces the matched prefix needs exactly one match, by a prefix.

    The CRD's rules look for exactly one such filter, so that two of a kind escape them; for
    backends, exactly one backend with exactly one such filter.
    """
    if len(rule_.matches) == 1 and rule_.matches[0].path.type is PathMatchType.PATH_PREFIX:
        return
    for field in ("requestRedirect", "urlRewrite"):
        found = list(_prefix_filters(rule_.filters, field))
        if len(found) == 1:
            yield _needs_prefix(("filters", found[0]), field)
        backends = [
            (j, found)
            for j, each in enumerate(rule_.backend_refs)
            if len(found := list(_prefix_filters(each.filters, field))) == 1
        ]
        if len(backends) == 1:
            ((j, found),) = backends
            yield _needs_prefix(("backendRefs", j, "filters", found[0]), field)


def _prefix_filters(filters: Iterable[HttpRouteFilter], field: str) -> Iterator[int]:
    for i, each in enumerate(filters):
        body = each.request_redirect if field == "requestRedirect" else each.url_rewrite
        path = body.path if body is not None else None
        if (
            path is not None
            and path.type is HttpPathModifierType.REPLACE_PREFIX_MATCH
            and path.replace_prefix_match is not None
        ):
            yield i


def _needs_prefix(at: tuple[str | int, ...], field: str) -> Fault:
    message = "replacePrefixMatch needs exactly one match in the rule, by a path's prefix"
    hint = "divide the rule, or use replaceFullPath"
    return Fault((*at, field, "path"), message, hint)


def path_modifier(path: HttpPathModifier) -> Iterator[Fault]:
    bodies = {
        "ReplaceFullPath": ("replaceFullPath", path.replace_full_path is not None),
        "ReplacePrefixMatch": ("replacePrefixMatch", path.replace_prefix_match is not None),
    }
    yield from of_one_type("type", path.type.value, bodies)


def timeouts_fit(timeouts: HttpRouteTimeouts) -> Iterator[Fault]:
    """``0s`` for the request is no limit."""
    whole, each = timeouts.request, timeouts.backend_request
    if whole and each is not None and each.nanoseconds > whole.nanoseconds:
        message = "backendRequest, for one try, is longer than request, for all tries together"
        yield Fault(("backendRequest",), message, "swap them, or leave one out")


RULES: Final[tuple[Rule, ...]] = (
    rule(HttpPathMatch, path_is_plain),
    rule(HttpHeaderMatch, header_value, Channel.EXPERIMENTAL),
    rule(GrpcMethodMatch, method_is_a_name),
    rule(HttpRouteRule, redirect_or_backends),
    rule(HttpRouteRule, prefix_is_matched),
    rule(HttpPathModifier, path_modifier),
    rule(HttpRouteTimeouts, timeouts_fit),
)
