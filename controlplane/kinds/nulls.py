"""Nulls of a custom resource, taken out as the API server does before anything else looks at it.

A field or an entry of a mapping whose value is null goes away, at any depth; a required field is
then missing. In a list null stays, and is refused by its type. An unknown field keeps its null, so
that it is still found to be unknown. Fields that the CRD calls nullable keep theirs in Kubernetes;
to all who read them null and absent are the same, so they go as well.
Built-in kinds follow another rule (null is Go's zero value), which ``walk`` applies.
Source: Kubernetes ``apiextensions-apiserver/pkg/apiserver/schema/defaulting/prunenulls.go``
"""

from collections.abc import Mapping
from typing import Final

from msgspec import inspect

from controlplane.base.codes import NULL_DROPPED
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.gateway_api.backend_tls_policy import PolicyTargetReferenceWithSection
from controlplane.kinds.gateway_api.common import ParentReference
from controlplane.kinds.gateway_api.gateway import ListenerNamespaces
from controlplane.kinds.gateway_api.grpc_route import (
    GrpcMethodMatch,
    GrpcRoute,
    GrpcRouteMatch,
    GrpcRouteRule,
)
from controlplane.kinds.gateway_api.http_route import HttpRoute, HttpRouteMatch, HttpRouteRule
from controlplane.kinds.gateway_api.listener import Listener, RouteNamespaces
from controlplane.kinds.gateway_api.reference_grant import ReferenceGrantTo
from controlplane.kinds.istio.authorization_policy import (
    AuthorizationPolicy,
    Condition,
    Operation,
    Rule,
    Source,
)
from controlplane.kinds.istio.selection import StringMatch
from controlplane.kinds.istio.service_entry import ServiceEntry
from controlplane.kinds.spec import Spec, struct_type
from controlplane.kinds.walk import ALIASES

_NARROWED: Final = frozenset(
    {
        StringMatch,
        Rule,
        Source,
        Operation,
        Condition,
        HttpRouteMatch,
        GrpcRouteMatch,
        GrpcMethodMatch,
    }
)
"""Mappings that match more with every field that is left out."""
_WIDER: Final[Mapping[tuple[type, str], str]] = {
    (AuthorizationPolicy, "rules"): "every call is refused",
    (HttpRoute, "hostnames"): "every host of the parents is matched",
    (GrpcRoute, "hostnames"): "every host of the parents is matched",
    (HttpRouteRule, "matches"): "every request is matched",
    (GrpcRouteRule, "matches"): "every call is matched",
    (Listener, "hostname"): "every host is served",
    (ParentReference, "sectionName"): "every listener is meant",
    (ParentReference, "port"): "every port is meant",
    (ReferenceGrantTo, "name"): "every object of the kind is granted",
    (PolicyTargetReferenceWithSection, "sectionName"): "every port is meant",
}
"""What becomes of a field that is left out, by struct."""
_SELECTING_NOTHING: Final = frozenset({ServiceEntry, RouteNamespaces, ListenerNamespaces})
"""Structs that select nothing without a selector."""
_SELECTORS: Final = frozenset({"selector", "workloadSelector", "matchLabels"})


def pruned(
    report: Report, at: FieldRef, struct: type[Spec], body: Mapping[str, object]
) -> Mapping[str, object]:
    """``body`` without the nulls that go away; what then matches more than it says is reported."""
    return _struct(report, at, struct_type(struct), body)


def _struct(
    report: Report, at: FieldRef, wanted: inspect.StructType, value: Mapping[str, object]
) -> Mapping[str, object]:
    types = {field.encode_name: field.type for field in wanted.fields}
    kept: dict[str, object] = {}
    for name, item in value.items():
        known = ALIASES.get(name, name)
        if known not in types:
            kept[name] = item
        elif item is not None:
            kept[name] = _value(report, at / name, types[known], item)
        elif (effect := _effect_of_null(wanted.cls, known)) is not None:
            message = f"{name} is null and is dropped, so {effect}"
            report.add(NULL_DROPPED, at / name, message, hint=f"give {name} a value")
    return kept


def _effect_of_null(struct: type, name: str) -> str | None:
    """What becomes of a field that is left out, where that is other than it looks."""
    if struct in _NARROWED:
        return "any value matches"
    if name in _SELECTORS and struct not in _SELECTING_NOTHING:
        return "everything is selected"
    return _WIDER.get((struct, name), None)


def _value(report: Report, at: FieldRef, wanted: inspect.Type, value: object) -> object:
    for each in wanted.types if isinstance(wanted, inspect.UnionType) else (wanted,):
        match each, value:
            case inspect.StructType(), Mapping():
                return _struct(report, at, each, value)
            case inspect.DictType(), Mapping():
                return _mapping(report, at, each.value_type, value)
            case inspect.VarTupleType(), list():
                return [_value(report, at / i, each.item_type, v) for i, v in enumerate(value)]
    return value


def _mapping(
    report: Report, at: FieldRef, wanted: inspect.Type, value: Mapping[str, object]
) -> Mapping[str, object]:
    """A selector or match without entries matches everything; where any value may be, null may be
    too.
    """
    if isinstance(wanted, inspect.CustomType) and wanted.cls is object:
        return value
    kept: dict[str, object] = {}
    for key, item in value.items():
        if item is not None:
            kept[key] = _value(report, at / key, wanted, item)
        else:
            message = f'"{key}" is null and is dropped, as if it were not written'
            report.add(NULL_DROPPED, at / key, message, hint=f'give "{key}" a value, or remove it')
    return kept
