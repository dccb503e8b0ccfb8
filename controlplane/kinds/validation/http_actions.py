"""What an ``http`` rule does to a request: redirect, answer, rewrite, retry, inject faults, allow
origins.

Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/, Istio
``pkg/config/validation``
"""

import re
from http import HTTPStatus
from typing import Final

from controlplane.base.base64 import decoded
from controlplane.base.codes import (
    CANNOT_WORK,
    DEPRECATED,
    MISSING_FIELD,
    MUTUALLY_EXCLUSIVE,
    NO_EFFECT,
    NOT_ALLOWED_HERE,
    UNKNOWN_VALUE,
    VALUE_MALFORMED,
    VALUE_OUT_OF_RANGE,
    WRONG_SIZE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.nearest import nearest
from controlplane.kinds.istio.selection import StringMatch
from controlplane.kinds.istio.virtual_service import (
    Abort,
    CorsPolicy,
    Delay,
    HttpBody,
    HttpDirectResponse,
    HttpFault,
    HttpRetry,
    HttpRewrite,
    HttpRoute,
    Percent,
)
from controlplane.kinds.validation import names
from controlplane.kinds.validation.checks import (
    check_duration,
    check_one_of,
    check_port,
    check_regex,
)

RETRY_CONDITIONS: Final = (
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "envoy-ratelimited",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
)
"""Envoy's x-envoy-retry-on and x-envoy-retry-grpc-on."""
GRPC_STATUSES: Final = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
METHODS: Final = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "*",
)
REDIRECT_CODES: Final = (301, 302, 303, 307, 308)
"""Those of Envoy; the others of 3xx pass Istio's admission, and Envoy refuses the route then."""
_STATUS_CODES: Final = frozenset(status.value for status in HTTPStatus)
_NUMBER: Final = re.compile(r"\+?[0-9]{1,9}")
BODY_LIMIT: Final = 1 << 20  # bytes; Istio, validateHTTPDirectResponse
LARGE_BODY: Final = 100 << 10
SMALLEST_SHARE: Final = 0.0001  # percent: one in a million


def check_redirect(report: Report, at: FieldRef, rule: HttpRoute) -> None:
    redirect = rule.redirect
    if redirect is None:
        return
    check_one_of(report, at, port=redirect.port, derive_port=redirect.derive_port)
    if redirect.uri and redirect.prefix_rewrite:
        message = "uri and prefixRewrite exclude each other"
        report.add(MUTUALLY_EXCLUSIVE, (at / "prefixRewrite").key, message, hint="keep one of them")
    if redirect.prefix_rewrite:
        for i, match in enumerate(rule.match):
            if match.uri is not None and match.uri.prefix is None:
                place = FieldRef(at.object, (*at.path[:-1], "match", i, "uri"))
                message = "prefixRewrite in a redirect requires every uri to be matched by prefix"
                report.add(NOT_ALLOWED_HERE, place, message)
    named = (redirect.uri, redirect.prefix_rewrite, redirect.authority, redirect.scheme)
    if not any(named) and redirect.port is None and redirect.derive_port is None:
        message = "the redirect changes nothing: it has no uri, authority, port or scheme"
        report.add(MISSING_FIELD, at, message)
    code = redirect.redirect_code
    if code and not 300 <= code <= 399:
        report.add(VALUE_OUT_OF_RANGE, at / "redirectCode", f"{code} is not between 300 and 399")
    elif code and code not in REDIRECT_CODES:
        known = ", ".join(map(str, REDIRECT_CODES))
        message = f"Envoy cannot redirect with {code}, so the rule answers 500"
        report.add(CANNOT_WORK, at / "redirectCode", message, hint=f"use one of {known}")
    if redirect.scheme not in ("", "http", "https"):
        message = f'"{redirect.scheme}" is not one of http, https'
        report.add(UNKNOWN_VALUE, at / "scheme", message)
    if redirect.port:
        check_port(report, at / "port", redirect.port)


def check_direct_response(
    report: Report, at: FieldRef, response: HttpDirectResponse | None
) -> None:
    if response is None:
        return
    _check_status(report, at / "status", response.status)
    if response.body is not None:
        _check_body(report, at / "body", response.body)


def _check_body(report: Report, at: FieldRef, body: HttpBody) -> None:
    check_one_of(report, at, string=body.string, bytes=body.bytes)
    field, size = "string", len((body.string or "").encode())
    if body.bytes is not None:
        field = "bytes"
        content = decoded(body.bytes)
        if content is None:
            report.add(VALUE_MALFORMED, at / "bytes", "the text is not base64")
            return
        size = len(content)
    if size > BODY_LIMIT:
        report.add(WRONG_SIZE, at / field, f"the body is {size} bytes (at most {BODY_LIMIT})")
    elif size > LARGE_BODY:
        message = (
            f"the body is {size} bytes, and is sent to every proxy again with each change of routes"
        )
        report.add(CANNOT_WORK, at / field, message, hint="serve it from a backend")


def check_rewrite(report: Report, at: FieldRef, rewrite: HttpRewrite | None) -> None:
    if rewrite is None:
        return
    regex = rewrite.uri_regex_rewrite
    if rewrite.uri and regex is not None:
        message = "uri and uriRegexRewrite exclude each other"
        report.add(
            MUTUALLY_EXCLUSIVE, (at / "uriRegexRewrite").key, message, hint="keep one of them"
        )
    if not rewrite.uri and regex is None and not rewrite.authority:
        report.add(MISSING_FIELD, at, "the rewrite has no uri, no uriRegexRewrite and no authority")
    if rewrite.uri and not rewrite.uri.startswith("/"):
        message = f'"{rewrite.uri}" does not start with a slash, so neither does the resulting path'
        hint = f'write "{names.with_slash(rewrite.uri)}"'
        report.add(CANNOT_WORK, at / "uri", message, hint=hint)
    if regex is not None:
        for name, value in (("match", regex.match), ("rewrite", regex.rewrite)):
            if not value:
                report.add(MISSING_FIELD, at / "uriRegexRewrite", f"{name} is empty")
        if regex.match:
            check_regex(report, at / "uriRegexRewrite" / "match", regex.match)


def check_retries(report: Report, at: FieldRef, retries: HttpRetry | None) -> None:
    if retries is None:
        return
    if retries.attempts < 0:
        report.add(VALUE_OUT_OF_RANGE, at / "attempts", f"{retries.attempts} is below 0")
    if retries.attempts == 0:
        settings = {
            "perTryTimeout": retries.per_try_timeout,
            "retryOn": retries.retry_on or None,
            "retryRemoteLocalities": retries.retry_remote_localities,
        }
        for name, value in settings.items():
            if value is not None:
                message = f"{name} is set although 0 attempts disable retries"
                report.add(NOT_ALLOWED_HERE, (at / name).key, message, hint="set attempts above 0")
    check_duration(report, at / "perTryTimeout", retries.per_try_timeout)
    check_duration(report, at / "backoff", retries.backoff)
    for condition in retries.retry_on.split(",") if retries.retry_on else ():
        if not _is_retry_condition(condition):
            _report_condition(report, at / "retryOn", condition)


def _is_retry_condition(text: str) -> bool:
    return text in RETRY_CONDITIONS or (
        _NUMBER.fullmatch(text) is not None and int(text) in _STATUS_CODES
    )


def _report_condition(report: Report, at: FieldRef, condition: str) -> None:
    close = nearest(condition, list(RETRY_CONDITIONS))
    hint = f"write {close}" if close else f"Envoy knows {', '.join(RETRY_CONDITIONS)}"
    if _is_retry_condition(condition.strip()):
        hint = "leave out the spaces"
    message = f'"{condition}" is neither a retry condition of Envoy nor an HTTP status'
    report.add(UNKNOWN_VALUE, at, message, hint=hint)


def check_fault(report: Report, at: FieldRef, fault: HttpFault | None) -> None:
    if fault is None:
        return
    if fault.abort is None and fault.delay is None:
        report.add(MISSING_FIELD, at, "the fault has neither a delay nor an abort")
    if fault.abort is not None:
        _check_abort(report, at / "abort", fault.abort)
    if fault.delay is not None:
        _check_delay(report, at / "delay", fault.delay)


def _check_abort(report: Report, at: FieldRef, abort: Abort) -> None:
    check_one_of(
        report,
        at,
        http_status=abort.http_status,
        grpc_status=abort.grpc_status,
        http2_error=abort.http2_error,
    )
    _check_percentage(report, at / "percentage", abort.percentage)
    if abort.percentage is None:
        _report_never(report, at)
    if abort.http_status is not None:
        _check_status(report, at / "httpStatus", abort.http_status)
    if abort.grpc_status is not None and abort.grpc_status not in GRPC_STATUSES:
        near = nearest(abort.grpc_status, list(GRPC_STATUSES))
        message = f'"{abort.grpc_status}" is not a gRPC status name'
        hint = f"write {near}" if near else "write a name such as UNAVAILABLE"
        report.add(UNKNOWN_VALUE, at / "grpcStatus", message, hint=hint)
    if abort.http2_error is not None:
        message = "Istio cannot abort with an HTTP/2 error"
        report.add(NOT_ALLOWED_HERE, (at / "http2Error").key, message, hint="use httpStatus")
    if abort.http_status is None and abort.grpc_status is None and abort.http2_error is None:
        message = "the abort has no httpStatus and no grpcStatus, so nothing is aborted"
        report.add(NO_EFFECT, at, message)


def _check_delay(report: Report, at: FieldRef, delay: Delay) -> None:
    check_one_of(
        report, at, fixed_delay=delay.fixed_delay, exponential_delay=delay.exponential_delay
    )
    _check_percentage(report, at / "percentage", delay.percentage)
    if delay.percent:
        hint = "use percentage"
        report.add(DEPRECATED, (at / "percent").key, "percent is deprecated", hint=hint)
        if not 0 <= delay.percent <= 100:
            message = f"{delay.percent} is not between 0 and 100 percent"
            report.add(CANNOT_WORK, at / "percent", message)
    elif delay.percentage is None:
        _report_never(report, at)
    check_duration(report, at / "fixedDelay", delay.fixed_delay)
    if delay.exponential_delay is not None:
        message = "Istio has no exponential delays"
        hint = "use fixedDelay"
        report.add(NOT_ALLOWED_HERE, (at / "exponentialDelay").key, message, hint=hint)


def _report_never(report: Report, at: FieldRef) -> None:
    message = "without a percentage the fault applies to no request"
    report.add(NO_EFFECT, at, message, hint="add percentage: {value: 100}")


def _check_percentage(report: Report, at: FieldRef, percentage: Percent | None) -> None:
    if percentage is None:
        return
    value = percentage.value
    if not (value == 0 or SMALLEST_SHARE <= value <= 100):
        message = f"{value:g} is neither 0 nor between {SMALLEST_SHARE} and 100"
        report.add(VALUE_OUT_OF_RANGE, at / "value", message)


def _check_status(report: Report, at: FieldRef, status: int) -> None:
    if not 200 <= status <= 600:
        report.add(VALUE_OUT_OF_RANGE, at, f"HTTP status {status} is not between 200 and 599")
    elif status == 600:
        message = "600 is not an HTTP status, and Envoy does not send it"
        report.add(CANNOT_WORK, at, message)


def check_cors(report: Report, at: FieldRef, cors: CorsPolicy | None) -> None:
    if cors is None:
        return
    for i, origin in enumerate(cors.allow_origins):
        _check_origin(report, at / "allowOrigins" / i, origin)
    if cors.allow_origin:
        hint = "use allowOrigins"
        report.add(DEPRECATED, (at / "allowOrigin").key, "allowOrigin is deprecated", hint=hint)
    for i, method in enumerate(cors.allow_methods):
        if method not in METHODS:
            proper = f"write {method.upper()}" if method.upper() in METHODS else None
            message = f'"{method}" is not one of {", ".join(METHODS)}'
            report.add(UNKNOWN_VALUE, at / "allowMethods" / i, message, hint=proper)
    for field, headers in (
        ("allowHeaders", cors.allow_headers),
        ("exposeHeaders", cors.expose_headers),
    ):
        for i, name in enumerate(headers):
            if not names.is_header(name):
                message = f'"{name}" is not a valid header name'
                report.add(VALUE_MALFORMED, at / field / i, message)
    if cors.max_age is not None:
        check_duration(report, at / "maxAge", cors.max_age)
        if cors.max_age.nanoseconds % 1_000_000_000:
            report.add(VALUE_MALFORMED, at / "maxAge", "maxAge must be whole seconds")


def _check_origin(report: Report, at: FieldRef, origin: StringMatch) -> None:
    check_one_of(report, at, exact=origin.exact, prefix=origin.prefix, regex=origin.regex)
    if not (origin.exact or origin.prefix or origin.regex):
        report.add(MISSING_FIELD, at, "the origin has no exact, prefix or regex, or it is empty")
    elif origin.regex:
        check_regex(report, at / "regex", origin.regex)
