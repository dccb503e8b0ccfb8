"""Rules of MeshConfig ``extensionProviders``.

Istio only logs what breaks them, and does not use the provider; what asks a provider of external
authorization that is not used is refused.
Source: Istio ``pkg/config/validation/agent/extensionprovider.go``,
``pilot/pkg/security/authz/builder/extauthz.go``; the rules of Envoy's messages.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from controlplane.base.codes import (
    MISSING_FIELD,
    MUTUALLY_EXCLUSIVE,
    NO_EFFECT,
    UNKNOWN_VALUE,
    VALUE_MALFORMED,
    VALUE_OUT_OF_RANGE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.hosts import is_ip
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.extension_providers import (
    ExtensionProvider,
    GrpcAuthorization,
    HttpAuthorization,
    HttpHeader,
    RequestBody,
)
from controlplane.kinds.validation import names
from controlplane.kinds.validation.checks import check_port

STATUS_CODES: Final = frozenset(
    {100, *range(200, 209), 226, *range(300, 306), 307, 308, *range(400, 418), *range(421, 425)}
    | {426, 428, 429, 431, *range(500, 509), 510, 511}
)
"""envoy/type/v3/http_status.proto (StatusCode), without ``Empty``, which no response may have."""
TYPES: Final = tuple(
    (name, written)
    for name, written in zip(
        ExtensionProvider.__struct_fields__,
        ExtensionProvider.__struct_encode_fields__,
        strict=True,
    )
    if name != "name"
)
"""The types of providers: names in Python and as they are written."""
_NAME: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_PATH_FAULT: Final = re.compile(r"[\x00-\x20\x7f]|%(?![0-9A-Fa-f]{2})")  # Go's url.Parse
_VALUE_LIMIT: Final = 16_384  # bytes; envoy/config/core/v3/base.proto, HeaderValue
_UNSENDABLE: Final = frozenset("\0\r\n")


def check_extension_provider(report: Report, at: FieldRef, provider: ExtensionProvider) -> None:
    """Every fault of one provider."""
    _check_name(report, at, provider)
    written = [name for field, name in TYPES if getattr(provider, field) is not None]
    if not written:
        message = f"no type of provider is given (one of {', '.join(name for _, name in TYPES)})"
        report.add(MISSING_FIELD, at, message)
    elif len(written) > 1:
        message = f"{' and '.join(written)} exclude each other"
        report.add(MUTUALLY_EXCLUSIVE, (at / written[-1]).key, message, hint="keep one of them")
    for field, name in TYPES:
        found = getattr(provider, field)
        if found is not None and "service" in found.__struct_fields__:
            _check_service(report, at / name / "service", found.service)
            check_port(report, at / name / "port", found.port)
    if provider.envoy_ext_authz_http is not None:
        _check_http(report, at / "envoyExtAuthzHttp", provider.envoy_ext_authz_http)
    if provider.envoy_ext_authz_grpc is not None:
        _check_authorization(report, at / "envoyExtAuthzGrpc", provider.envoy_ext_authz_grpc)
    for place, sent in _sent_headers(at, provider):
        for i, header in enumerate(sent):
            if header.env_name is None:
                _check_sent(report, place / i, header)


def _sent_headers(
    at: FieldRef, provider: ExtensionProvider
) -> Iterator[tuple[FieldRef, tuple[HttpHeader, ...]]]:
    """The headers of requests to a collector, and to what a sampler asks."""
    if provider.zipkin is not None:
        yield at / "zipkin" / "headers", provider.zipkin.headers
    tracing, place = provider.opentelemetry, at / "opentelemetry"
    if tracing is None:
        return
    if tracing.http is not None:
        yield place / "http" / "headers", tracing.http.headers
    elif tracing.grpc is not None:
        yield place / "grpc" / "initialMetadata", tracing.grpc.initial_metadata
    sampler = tracing.dynatrace_sampler
    if sampler is not None and sampler.http_service is not None and sampler.http_service.http:
        place = place / "dynatraceSampler" / "httpService" / "http" / "headers"
        yield place, sampler.http_service.http.headers


def _check_sent(report: Report, at: FieldRef, header: HttpHeader) -> None:
    if not header.name:
        report.add(MISSING_FIELD, at / "name", "the header has no name")
        return
    _check_header(report, at / "name", at / "value", header.name, header.value or "")


def _check_name(report: Report, at: FieldRef, provider: ExtensionProvider) -> None:
    """Only names of what authorizes are limited: they are part of the names of rules."""
    name = provider.name
    authorizes = provider.envoy_ext_authz_http or provider.envoy_ext_authz_grpc
    if not name:
        report.add(MISSING_FIELD, at, "the provider has no name")
    elif authorizes and (len(name) > names.LABEL_LIMIT or not _NAME.fullmatch(name)):
        message = (
            f'"{name}" is not a provider\'s name '
            f"(at most {names.LABEL_LIMIT} lower-case letters, digits and inner hyphens)"
        )
        report.add(VALUE_MALFORMED, at / "name", message)


def _check_service(report: Report, at: FieldRef, service: str) -> None:
    """``HOST`` or ``NAMESPACE/HOST``."""
    if not service:
        report.add(MISSING_FIELD, at, "the provider's service is missing")
        return
    namespace, slash, host = service.rpartition("/")
    if slash and not names.is_label(namespace):
        message = f'"{service}" has "{namespace}" as its namespace, which is not a DNS label'
        report.add(VALUE_MALFORMED, at, message, hint="write NAMESPACE/HOST")
    elif not is_ip(host) and (fault := names.domain_fault(host)) is not None:
        report.add(VALUE_MALFORMED, at, f'"{host}" {fault}', hint=names.host_meant(host))


def _check_http(report: Report, at: FieldRef, provider: HttpAuthorization) -> None:
    _check_authorization(report, at, provider)
    prefix = provider.path_prefix
    if prefix and not prefix.startswith("/"):
        message = f'the prefix "{prefix}" does not begin with a slash'
        report.add(VALUE_MALFORMED, at / "pathPrefix", message, hint=f'write "/{prefix}"')
    elif _PATH_FAULT.search(prefix):
        report.add(VALUE_MALFORMED, at / "pathPrefix", f'"{prefix}" is not the path of a URL')
    for name, headers in (
        ("includeRequestHeadersInCheck", provider.include_request_headers_in_check),
        ("includeHeadersInCheck", provider.include_headers_in_check),
        ("headersToUpstreamOnAllow", provider.headers_to_upstream_on_allow),
        ("headersToDownstreamOnDeny", provider.headers_to_downstream_on_deny),
        ("headersToDownstreamOnAllow", provider.headers_to_downstream_on_allow),
    ):
        _check_headers(report, at / name, headers)
    _check_added(
        report, at / "includeAdditionalHeadersInCheck", provider.include_additional_headers_in_check
    )


def _check_authorization(
    report: Report, at: FieldRef, provider: HttpAuthorization | GrpcAuthorization
) -> None:
    _check_status(report, at / "statusOnError", provider.status_on_error)
    _check_body(report, at / "includeRequestBodyInCheck", provider.include_request_body_in_check)
    if provider.clear_route_cache:
        message = "the route is kept: Istio passes clearRouteCache to no proxy"
        report.add(NO_EFFECT, at / "clearRouteCache", message)


def _check_status(report: Report, at: FieldRef, status: str) -> None:
    if not status:
        return
    if not re.fullmatch(r"[+-]?[0-9]+", status):
        report.add(VALUE_MALFORMED, at, f'"{status}" is not the number of an HTTP status')
    elif len(status) > 10 or int(status) not in STATUS_CODES:
        report.add(UNKNOWN_VALUE, at, f"Envoy has no HTTP status {status}")


def _check_body(report: Report, at: FieldRef, body: RequestBody | None) -> None:
    if body is not None and not body.max_request_bytes:
        message = "maxRequestBytes is 0 or left out; Envoy wants at least 1"
        report.add(VALUE_OUT_OF_RANGE, at / "maxRequestBytes", message)


def _check_headers(report: Report, at: FieldRef, headers: Iterable[str]) -> None:
    for i, header in enumerate(headers):
        if header == "*":
            message = '"*" alone is not supported; only "prefix*" and "*suffix" are'
            report.add(VALUE_MALFORMED, at / i, message)


def _check_added(report: Report, at: FieldRef, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        _check_header(report, (at / name).key, at / name, name, value)


def _check_header(
    report: Report, name_at: FieldRef, value_at: FieldRef, name: str, value: str
) -> None:
    if not names.is_header(name):
        report.add(VALUE_MALFORMED, name_at, f'"{name}" is not the name of a header')
    if len(value.encode()) > _VALUE_LIMIT or not _UNSENDABLE.isdisjoint(value):
        message = f"a header's value has at most {_VALUE_LIMIT} bytes and no line break or NUL"
        report.add(VALUE_MALFORMED, value_at, message)
