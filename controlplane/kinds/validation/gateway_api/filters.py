"""Rules of filters: which may repeat, what each holds."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Final

from controlplane.base.codes import (
    MUTUALLY_EXCLUSIVE,
    NOT_UNIQUE,
    UNKNOWN_VALUE,
    VALUE_MALFORMED,
    VALUE_OUT_OF_RANGE,
)
from controlplane.kinds.gateway_api.grpc_route import (
    GrpcBackendRef,
    GrpcRouteFilter,
    GrpcRouteFilterType,
    GrpcRouteRule,
)
from controlplane.kinds.gateway_api.http_filters import (
    CorsMethod,
    Fraction,
    HttpCorsFilter,
    HttpExternalAuthFilter,
    HttpHeader,
    HttpRequestMirrorFilter,
    HttpRequestRedirectFilter,
    HttpRouteFilter,
    HttpRouteFilterType,
)
from controlplane.kinds.gateway_api.http_route import HttpBackendRef, HttpRouteRule
from controlplane.kinds.gateway_api.text import HEADER_VALUE_PATTERN, PATTERNS
from controlplane.kinds.validation.gateway_api.rule import Channel, Fault, Rule, of_one_type, rule

BODIES: Final[Mapping[str, str]] = {
    "RequestHeaderModifier": "requestHeaderModifier",
    "ResponseHeaderModifier": "responseHeaderModifier",
    "RequestMirror": "requestMirror",
    "RequestRedirect": "requestRedirect",
    "URLRewrite": "urlRewrite",
    "ExtensionRef": "extensionRef",
    "CORS": "cors",
    "ExternalAuth": "externalAuth",
}
"""By type of a filter, the field with its settings."""
REDIRECT_CODES: Final = (301, 302, 303, 307, 308)
_REPEATABLE: Final = frozenset({"RequestMirror", "ExtensionRef", "ExternalAuth"})
_HEADER_VALUE: Final = re.compile(HEADER_VALUE_PATTERN)


def body_of_type(filter_: HttpRouteFilter | GrpcRouteFilter) -> Iterator[Fault]:
    fields = dict(zip(filter_.__struct_encode_fields__, filter_.__struct_fields__, strict=True))
    bodies = {
        of: (name, getattr(filter_, fields[name]) is not None)
        for of, name in BODIES.items()
        if name in fields
    }
    yield from of_one_type("type", filter_.type.value, bodies)


def http_filters(owner: HttpRouteRule | HttpBackendRef) -> Iterator[Fault]:
    yield from _repeated([each.type for each in owner.filters])
    types = [each.type for each in owner.filters]
    if HttpRouteFilterType.REQUEST_REDIRECT in types and HttpRouteFilterType.URL_REWRITE in types:
        i = max(
            types.index(HttpRouteFilterType.REQUEST_REDIRECT),
            types.index(HttpRouteFilterType.URL_REWRITE),
        )
        message = "RequestRedirect and URLRewrite exclude each other"
        hint = "a redirect's path and hostname may be rewritten in the redirect itself"
        yield Fault(("filters", i), message, hint, MUTUALLY_EXCLUSIVE)


def grpc_filters(owner: GrpcRouteRule | GrpcBackendRef) -> Iterator[Fault]:
    yield from _repeated([each.type for each in owner.filters])


def _repeated(types: Iterable[HttpRouteFilterType | GrpcRouteFilterType]) -> Iterator[Fault]:
    seen: Counter[Enum] = Counter()
    for i, each in enumerate(types):
        seen[each] += 1
        if seen[each] == 2 and each.value not in _REPEATABLE:
            message = f"there are two filters of type {each.value}"
            yield Fault(("filters", i), message, "put both into one", NOT_UNIQUE)


def status_code(redirect: HttpRequestRedirectFilter) -> Iterator[Fault]:
    if redirect.status_code not in REDIRECT_CODES:
        message = f"{redirect.status_code} is not one of {', '.join(map(str, REDIRECT_CODES))}"
        yield Fault(("statusCode",), message, None, UNKNOWN_VALUE)


def share_of_mirror(mirror: HttpRequestMirrorFilter) -> Iterator[Fault]:
    if mirror.percent is not None and mirror.fraction is not None:
        message = "percent and fraction exclude each other"
        yield Fault(("fraction",), message, "remove one of them", MUTUALLY_EXCLUSIVE)


def fraction_is_at_most_one(fraction: Fraction) -> Iterator[Fault]:
    if fraction.numerator > fraction.denominator:
        message = f"{fraction.numerator}/{fraction.denominator} is more than everything"
        hint = "the denominator is 100 where it is left out"
        yield Fault(("numerator",), message, hint, VALUE_OUT_OF_RANGE)


def any_stands_alone(cors: HttpCorsFilter) -> Iterator[Fault]:
    """``*`` in a list of CORS is its only item; exposeHeaders are free."""
    for field, values, wildcard in (
        ("allowOrigins", cors.allow_origins, "*"),
        ("allowMethods", cors.allow_methods, CorsMethod.ANY),
        ("allowHeaders", cors.allow_headers, "*"),
    ):
        if wildcard in values and len(values) > 1:
            message = f'"*" in {field} already allows all others'
            yield Fault((field, values.index(wildcard)), message, "remove it, or the others")


def external_auth(auth: HttpExternalAuthFilter) -> Iterator[Fault]:
    bodies = {"GRPC": ("grpc", auth.grpc is not None), "HTTP": ("http", auth.http is not None)}
    yield from of_one_type("protocol", auth.protocol.value, bodies)


def header_value(header: HttpHeader) -> Iterator[Fault]:
    if _HEADER_VALUE.search(header.value) is None:
        message = f"{header.value!r} is not a value of a header"
        hint = PATTERNS[HEADER_VALUE_PATTERN].hint
        yield Fault(("value",), message, hint, VALUE_MALFORMED)


RULES: Final[tuple[Rule, ...]] = (
    rule(HttpRouteFilter, body_of_type),
    rule(GrpcRouteFilter, body_of_type),
    rule(HttpRouteRule, http_filters),
    rule(HttpBackendRef, http_filters),
    rule(GrpcRouteRule, grpc_filters),
    rule(GrpcBackendRef, grpc_filters),
    rule(HttpRequestRedirectFilter, status_code),
    rule(HttpRequestMirrorFilter, share_of_mirror),
    rule(Fraction, fraction_is_at_most_one),
    rule(HttpCorsFilter, any_stands_alone),
    rule(HttpExternalAuthFilter, external_auth),
    rule(HttpHeader, header_value, Channel.EXPERIMENTAL),
)
