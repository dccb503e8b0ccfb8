"""Filters of single backends that Envoy has for whole routes only, and preflights.

A rule with such filters becomes a route for each backend, each for its share of the requests:
Envoy draws one number for a request, and the first route whose share it is within takes it.
Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#httpbackendref;
envoy/config/route/v3/route_components.proto (``RouteMatch.runtime_fraction``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from msgspec import structs

from controlplane.kinds.gateway_api.http_filters import HttpRouteFilterType as Type
from controlplane.kinds.gateway_api.http_route import HttpBackendRef, HttpMethod, HttpRouteRule
from controlplane.model.gateway_api import Conformance
from controlplane.model.http_match import Exact, HeaderMatch, Present, RouteMatch
from controlplane.translate.gateway_api.route_match import METHOD
from controlplane.translate.gateway_api.route_rule import RouteRule

OF_HEADERS = frozenset({Type.REQUEST_HEADER_MODIFIER, Type.RESPONSE_HEADER_MODIFIER})
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class RuleVariant:
    """A rule for a share of its requests: those whose number is below ``share`` of a million, and
    not taken by an earlier variant; ``None`` is all that are left.
    """

    rule: RouteRule
    share: int | None = None


def rule_variants(located: RouteRule) -> tuple[RuleVariant, ...]:
    refs = [ref for ref in located.rule.backend_refs if ref.weight]
    if all(each.type in OF_HEADERS for ref in refs for each in ref.filters):
        return (RuleVariant(located),)
    return tuple(_shares(located, refs))


def _shares(located: RouteRule, refs: list[HttpBackendRef]) -> Iterator[RuleVariant]:
    total, taken = sum(ref.weight for ref in refs), 0
    for ref in refs:
        taken += ref.weight
        share = taken * MILLION // total if taken < total else None
        yield RuleVariant(replace(located, rule=_with_filters(located.rule, ref)), share)


def _with_filters(rule: HttpRouteRule, ref: HttpBackendRef) -> HttpRouteRule:
    """A rule of one backend, whose filters come after those of the rule."""
    alone = structs.replace(ref, filters=())
    return structs.replace(rule, backend_refs=(alone,), filters=(*rule.filters, *ref.filters))


def preflight(
    match: RouteMatch, rule: HttpRouteRule, conformance: Conformance
) -> RouteMatch | None:
    """The match of preflights for the requests of ``match``, where that would not take them: a
    preflight has a method of its own. With Istio they are left to other routes.
    """
    if conformance is Conformance.ISTIO or not any(each.cors for each in rule.filters):
        return None
    asked = next((each.value for each in match.headers if each.name == METHOD), None)
    if not isinstance(asked, Exact) or asked.text == HttpMethod.OPTIONS.value:
        return None
    kept = (each for each in match.headers if each.name != METHOD)
    return replace(
        match,
        headers=(
            *kept,
            HeaderMatch(name=METHOD, value=Exact(HttpMethod.OPTIONS.value)),
            HeaderMatch(name="origin", value=Present()),
            HeaderMatch(name="access-control-request-method", value=asked),
        ),
    )
