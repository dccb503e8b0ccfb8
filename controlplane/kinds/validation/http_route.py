"""What one ``http`` rule of a VirtualService must be: one action, sound matches, sound settings.

Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute, Istio
``pkg/config/validation/virtualservice.go``
"""

from controlplane.base.codes import (
    CANNOT_WORK,
    DEPRECATED,
    MISSING_FIELD,
    MUTUALLY_EXCLUSIVE,
    NO_EFFECT,
    NOT_ALLOWED_HERE,
    VALUE_MALFORMED,
    VALUE_OUT_OF_RANGE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.selection import StringMatch
from controlplane.kinds.istio.virtual_service import HttpMatch, HttpRoute, Percent
from controlplane.kinds.validation import names
from controlplane.kinds.validation.checks import (
    check_destination,
    check_duration,
    check_gateway_names,
    check_labels,
    check_match,
    check_path_match,
    check_port,
)
from controlplane.kinds.validation.headers import check_authority_once, check_headers
from controlplane.kinds.validation.http_actions import (
    check_cors,
    check_direct_response,
    check_fault,
    check_redirect,
    check_retries,
    check_rewrite,
)
from controlplane.kinds.validation.match_mistakes import check_match_mistakes


def check_http_route(report: Report, at: FieldRef, rule: HttpRoute, *, delegate: bool) -> None:
    """``delegate``: the rule is in a VirtualService without hosts."""
    _check_action(report, at, rule, delegate=delegate)
    for i, match in enumerate(rule.match):
        _check_match(report, at / "match" / i, match)
    check_headers(report, at, rule.headers)
    for i, destination in enumerate(rule.route):
        check_headers(report, at / "route" / i, destination.headers)
    check_cors(report, at / "corsPolicy", rule.cors_policy)
    check_fault(report, at / "fault", rule.fault)
    _check_mirrors(report, at, rule)
    check_redirect(report, at / "redirect", rule)
    check_direct_response(report, at / "directResponse", rule.direct_response)
    check_retries(report, at / "retries", rule.retries)
    check_rewrite(report, at / "rewrite", rule.rewrite)
    check_authority_once(report, at, rule.rewrite, rule.headers)
    check_duration(report, at / "timeout", rule.timeout)


def _check_action(report: Report, at: FieldRef, rule: HttpRoute, *, delegate: bool) -> None:
    """Exactly one of route, redirect and directResponse; a rule that delegates has none of the
    first two.
    """
    if rule.delegate is not None and not delegate:
        if rule.redirect is not None:
            _exclude(report, at, "redirect", "delegate")
        if rule.route:
            _exclude(report, at, "route", "delegate")
        return
    if rule.delegate is not None:
        message = "a delegate (a VirtualService without hosts) cannot delegate further"
        report.add(NOT_ALLOWED_HERE, (at / "delegate").key, message)
    excluded: dict[str, object] = {
        "route": rule.route or None,
        "fault": rule.fault,
        "rewrite": rule.rewrite,
    }
    if rule.redirect is not None:
        excluded["directResponse"] = rule.direct_response
        action = "redirect"
    elif rule.direct_response is not None:
        action = "directResponse"
    elif not rule.route:
        message = "the rule does nothing: it has no route, no redirect and no directResponse"
        report.add(MISSING_FIELD, at, message)
        return
    else:
        return
    for name, value in excluded.items():
        if value is not None:
            _exclude(report, at, name, action)
    if rule.cors_policy is not None:
        message = f"corsPolicy has no effect next to {action}"
        report.add(NO_EFFECT, (at / "corsPolicy").key, message)


def _exclude(report: Report, at: FieldRef, name: str, action: str) -> None:
    message = f"a rule cannot have both {name} and {action}"
    report.add(MUTUALLY_EXCLUSIVE, (at / name).key, message, hint="keep one of them")


def _check_match(report: Report, at: FieldRef, match: HttpMatch) -> None:
    for name, header in match.headers.items():
        _check_header_name(report, at / "headers" / name, name)
        check_match(report, at / "headers" / name, header)
    for name, header in match.without_headers.items():
        _check_header_name(report, at / "withoutHeaders" / name, name)
        if header.regex != "*":  # Istio's word for presence
            check_match(report, at / "withoutHeaders" / name, header)
            _warn_of_empty_match(report, at / "withoutHeaders" / name, name, header)
    check_path_match(report, at / "uri", match.uri)
    check_match(report, at / "scheme", match.scheme)
    check_match(report, at / "method", match.method)
    check_match(report, at / "authority", match.authority)
    for name, parameter in match.query_params.items():
        check_match(report, at / "queryParams" / name, parameter)
    if match.port:
        check_port(report, at / "port", match.port)
    check_labels(report, at / "sourceLabels", match.source_labels)
    check_gateway_names(report, at / "gateways", match.gateways)
    namespace = match.source_namespace
    if namespace and not names.is_label(namespace):
        message = f'"{namespace}" is not a namespace ({names.A_LABEL})'
        report.add(VALUE_MALFORMED, at / "sourceNamespace", message)
    check_match_mistakes(report, at, match)


def _check_header_name(report: Report, at: FieldRef, name: str) -> None:
    if not name:
        report.add(VALUE_MALFORMED, at.key, "the header's name is empty")
    elif not names.is_claim(name) and not names.is_header(name):
        report.add(VALUE_MALFORMED, at.key, f'"{name}" is not a valid header name')
    elif "," in name:
        message = f'no request has a header named "{name}": header names contain no comma'
        report.add(CANNOT_WORK, at.key, message)


def _warn_of_empty_match(report: Report, at: FieldRef, name: str, match: StringMatch) -> None:
    if match.exact == "":
        message = f'requests without "{name}" are treated as if it were empty, and do not match'
        report.add(NO_EFFECT, at, message, hint=f"to match requests without it write {name}: {{}}")


def _check_mirrors(report: Report, at: FieldRef, rule: HttpRoute) -> None:
    if rule.mirror is not None and rule.mirrors and rule.delegate is None:
        _exclude(report, at, "mirrors", "mirror")
    if rule.mirror is not None:
        check_destination(report, at / "mirror", rule.mirror)
    if rule.mirror_percent is not None:
        place = at / "mirrorPercent"
        report.add(
            DEPRECATED, place.key, "mirrorPercent is deprecated", hint="use mirrorPercentage"
        )
        if rule.mirror_percent > 100:
            report.add(VALUE_OUT_OF_RANGE, place, f"{rule.mirror_percent} is above 100 percent")
    _check_share(report, at / "mirrorPercentage", rule.mirror_percentage)
    for i, mirror in enumerate(rule.mirrors):
        place = at / "mirrors" / i
        check_destination(report, place / "destination", mirror.destination)
        _check_share(report, place / "percentage", mirror.percentage)


def _check_share(report: Report, at: FieldRef, share: Percent | None) -> None:
    if share is not None and not 0 <= share.value <= 100:
        report.add(VALUE_OUT_OF_RANGE, at / "value", f"{share.value:g} is not between 0 and 100")
