"""What of a rule cannot be served at all, whatever else is declared, and which of its matches.

With Istio such a rule takes all others of its route away; by the specification it answers 500.
Source: Istio ``pilot/pkg/config/kube/gateway/conversion.go`` (errors of ``convertHTTPRoute`` that
are not of an invalid backend).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind
from controlplane.kinds.gateway_api.common import BackendObjectReference
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_filters import (
    HttpHeaderFilter,
    HttpRouteFilter,
    HttpRouteFilterType as Type,
)
from controlplane.kinds.validation.names import regex_fault
from controlplane.model.gateway_api import Conformance, Problem
from controlplane.model.http_match import Regex
from controlplane.translate.gateway_api.backend_ref import HOSTNAME, SERVICE, kind_of
from controlplane.translate.gateway_api.route_rule import LocatedMatch, RouteRule

INVALID_FILTER: Final = "InvalidFilter"
INVALID_DESTINATION: Final = "InvalidDestination"
INVALID_KIND: Final = "InvalidKind"
UNSUPPORTED_VALUE: Final = "UnsupportedValue"
OF_RULES: Final[Mapping[Conformance, frozenset[Type]]] = {
    Conformance.ISTIO: frozenset(Type) - {Type.EXTENSION_REF, Type.EXTERNAL_AUTH},
    Conformance.SPECIFICATION: frozenset(Type) - {Type.EXTENSION_REF},
}
OF_BACKENDS: Final[Mapping[Conformance, frozenset[Type]]] = {
    Conformance.ISTIO: frozenset({Type.REQUEST_HEADER_MODIFIER, Type.RESPONSE_HEADER_MODIFIER}),
    Conformance.SPECIFICATION: frozenset(Type) - {Type.EXTENSION_REF, Type.EXTERNAL_AUTH},
}


def route_faults(rules: Iterable[RouteRule], conformance: Conformance) -> tuple[Problem, ...]:
    """The faults of a route in the order of its rules."""
    return tuple(fault for rule in rules for fault in rule_faults(rule, conformance))


def demanded_mirrors(
    rules: Iterable[RouteRule], kind: Kind, conformance: Conformance
) -> Iterator[BackendObjectReference]:
    """The mirrors without whose backend Istio serves no rule of a GRPCRoute."""
    if kind == GRPC_ROUTE and conformance is Conformance.ISTIO:
        for rule in rules:
            for each in rule.rule.filters:
                if each.request_mirror is not None:
                    yield each.request_mirror.backend_ref


def rule_faults(located: RouteRule, conformance: Conformance) -> Iterator[Problem]:
    """The reasons are those of the condition ResolvedRefs."""
    rule, at = located.rule, located.place
    for i, each in enumerate(rule.filters):
        yield from _of_filter(each, at / "filters" / i, OF_RULES[conformance], conformance)
    for i, ref in enumerate(rule.backend_refs):
        if ref.weight:
            if conformance is Conformance.ISTIO:
                yield from _of_backend(ref, at / "backendRefs" / i)
            for k, each in enumerate(ref.filters):
                place = at / "backendRefs" / i / "filters" / k
                yield from _of_filter(each, place, OF_BACKENDS[conformance], conformance)


def served_matches(located: RouteRule) -> tuple[LocatedMatch, ...]:
    """The matches of a rule that Envoy can compare: of others it would refuse the whole table."""
    return tuple(each for each in located.matches if not any(_bad_expressions(each)))


def dropped_matches(located: RouteRule) -> Iterator[Problem]:
    """Why the other matches are left out."""
    for match in located.matches:
        for message in _bad_expressions(match):
            yield Problem(UNSUPPORTED_VALUE, message, match.place, "correct the expression")


def _bad_expressions(located: LocatedMatch) -> Iterator[str]:
    match = located.ranked.match
    values = (match.path, *(h.value for h in match.headers), *(q.value for q in match.query))
    for value in values:
        fault = regex_fault(value.pattern) if isinstance(value, Regex) else None
        if isinstance(value, Regex) and fault is not None:
            yield f'"{value.pattern}" {fault}'


def _of_filter(
    spec: HttpRouteFilter, at: FieldRef, known: frozenset[Type], conformance: Conformance
) -> Iterator[Problem]:
    reason = INVALID_FILTER if conformance is Conformance.ISTIO else INVALID_KIND
    if spec.type not in known:
        message = f"a filter of type {spec.type.value} is not supported here"
        yield Problem(reason, message, at, "remove it: without it the route is served")
    changes = (
        ("requestHeaderModifier", spec.request_header_modifier),
        ("responseHeaderModifier", spec.response_header_modifier),
    )
    for name, change in changes:
        if change is not None:
            yield from _of_headers(change, at / name)


def _of_headers(spec: HttpHeaderFilter, at: FieldRef) -> Iterator[Problem]:
    for name, headers in (("set", spec.set), ("add", spec.add)):
        for i, header in enumerate(headers):
            if not _is_sendable(header.value):
                message = f'the value of header "{header.name}" holds a control character'
                yield Problem(INVALID_FILTER, message, at / name / i / "value", "remove it")


def _is_sendable(value: str) -> bool:
    return all(each == "\t" or (each >= " " and each != "\x7f") for each in value)


def _of_backend(ref: BackendObjectReference, at: FieldRef) -> Iterator[Problem]:
    kind = kind_of(ref)
    if kind == SERVICE and "." in ref.name:
        message = f'"{ref.name}" is a hostname, not the name of a Service'
        name, _, rest = ref.name.partition(".")
        hint = f'write "{name}", or name kind Hostname of networking.istio.io'
        if ".svc" not in f".{rest}":
            hint = "declare a ServiceEntry, and name it by kind Hostname of networking.istio.io"
        yield Problem(INVALID_DESTINATION, message, at / "name", hint)
    if kind == HOSTNAME and ref.namespace == at.object.namespace:
        message = "a backend of kind Hostname has no namespace"
        yield Problem(INVALID_DESTINATION, message, at / "namespace", "remove it")
    if kind in (SERVICE, HOSTNAME) and ref.port is None:
        message = f'backend "{ref.name}" is named without a port'
        yield Problem(INVALID_DESTINATION, message, at, "add port")
