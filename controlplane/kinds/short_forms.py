"""What a value means that is written where a mapping or a list of such values belongs.

``destination: web`` means ``{host: web}``, ``gateways: shop`` means ``[shop]``: what people write
from memory. A mapping that needs more than one field has no such form.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import inspect

from controlplane.kinds.gateway_api.backend import BackendPort, ExternalHostname
from controlplane.kinds.gateway_api.common import (
    BackendObjectReference,
    ParentReference,
    SecretObjectReference,
    SessionCookie,
    SessionHeader,
)
from controlplane.kinds.gateway_api.gateway import (
    AllowedListeners,
    GatewayAddress,
    ListenerNamespaces,
)
from controlplane.kinds.gateway_api.grpc_route import GrpcMethodMatch
from controlplane.kinds.gateway_api.http_filters import HttpPathModifier
from controlplane.kinds.gateway_api.http_route import (
    HttpPathMatch,
    HttpRouteRetry,
    HttpRouteTimeouts,
    PathMatchType,
)
from controlplane.kinds.gateway_api.listener import (
    AllowedRoutes,
    ListenerTls,
    RouteGroupKind,
    RouteNamespaces,
)
from controlplane.kinds.gateway_api.listener_set import ParentGatewayReference
from controlplane.kinds.istio.peer_authentication import MutualTls
from controlplane.kinds.istio.selection import PortSelector, StringMatch
from controlplane.kinds.istio.sidecar import OutboundTrafficPolicy, SidecarPort
from controlplane.kinds.istio.traffic_policy import ClientTls, LoadBalancer
from controlplane.kinds.istio.virtual_service import (
    Abort,
    Delay,
    Delegate,
    Destination,
    HttpDirectResponse,
    HttpRedirect,
    HttpRetry,
    HttpRewrite,
    Percent,
)

_FIELDS: Final[Mapping[type, str]] = {
    Abort: "httpStatus",
    AllowedListeners: "namespaces",
    AllowedRoutes: "namespaces",
    BackendPort: "port",
    ClientTls: "mode",
    Delay: "fixedDelay",
    Delegate: "name",
    Destination: "host",
    ExternalHostname: "hostname",
    GatewayAddress: "value",
    GrpcMethodMatch: "service",
    HttpDirectResponse: "status",
    HttpPathMatch: "value",
    HttpRedirect: "uri",
    HttpRetry: "attempts",
    HttpRewrite: "uri",
    HttpRouteRetry: "attempts",
    HttpRouteTimeouts: "request",
    ListenerNamespaces: "from",
    ListenerTls: "mode",
    LoadBalancer: "simple",
    MutualTls: "mode",
    OutboundTrafficPolicy: "mode",
    ParentGatewayReference: "name",
    ParentReference: "name",
    Percent: "value",
    PortSelector: "number",
    RouteGroupKind: "kind",
    RouteNamespaces: "from",
    SecretObjectReference: "name",
    SessionCookie: "name",
    SessionHeader: "name",
    SidecarPort: "number",
    StringMatch: "exact",
}
"""The field that a plain value stands for, of mappings that need no other."""
_ISTIO_WORDS: Final[Mapping[str, str]] = {
    "SIMPLE": "Terminate",
    "regex": "RegularExpression",
    "Regex": "RegularExpression",
}
"""Words of Istio's for values of the Gateway API."""
_PLAIN: Final = re.compile(r"[A-Za-z/][\w./-]*")
_GRPC_PATH: Final = re.compile(r"/?([\w.]+)/(\w+)")
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
_PAIR: Final = re.compile(r"([A-Za-z][\w./-]*) ?= ?([\w./-]+)")


def field_of_value(of: inspect.StructType) -> tuple[str, inspect.Type] | None:
    """The field, and its type, that a plain value in place of the mapping ``of`` is meant for."""
    name = _FIELDS.get(of.cls, None)
    return next(((f.encode_name, f.type) for f in of.fields if f.encode_name == name), None)


def mapping_meant(of: inspect.StructType, value: object) -> dict[str, object] | None:
    """The mapping ``of`` that a plain value stands for."""
    if of.cls is GrpcMethodMatch and isinstance(value, str):
        path = _GRPC_PATH.fullmatch(value)
        if path is not None:
            return {"service": path[1], "method": path[2]}
    if of.cls is HttpPathModifier and isinstance(value, str):
        return {"type": "ReplaceFullPath", "replaceFullPath": value}
    if of.cls in (RouteNamespaces, ListenerNamespaces) and isinstance(value, list):
        return _of_names(value)
    field = field_of_value(of)
    if field is None:
        return None
    name, wanted = field
    inner = mapping_meant(wanted, value) if isinstance(wanted, inspect.StructType) else value
    return {name: inner} if inner is not None else None


def _of_names(namespaces: Sequence[object]) -> dict[str, object] | None:
    """The selection of namespaces by their names."""
    if not namespaces or not all(isinstance(each, str) for each in namespaces):
        return None
    named = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(namespaces)}
    return {"from": "Selector", "selector": {"matchExpressions": [named]}}


def form_meant(of: inspect.Type, value: object) -> object | None:
    """``value`` in the form of ``of``, where it has another one; ``None`` where it has it, or where
    nothing is known.
    """
    match of:
        case inspect.StructType() if isinstance(value, str | int):
            return mapping_meant(of, value)
        case inspect.StructType():
            return only_mapping(value)
        case inspect.VarTupleType() if isinstance(value, Mapping):
            return [value]
        case inspect.VarTupleType(item_type=inspect.StructType() as item) if isinstance(value, str):
            meant = mapping_meant(item, value)
            return [meant] if meant is not None else None
        case inspect.VarTupleType() if isinstance(value, str):
            return items_of_text(value)
    return None


def istio_meant(of: inspect.Type, value: object) -> object | None:
    """What Istio's ``{prefix: /a}``, ``[{destination: {host: web}}]`` and ``[edge]`` mean in the
    Gateway API; ``None`` where one of several cannot be said.
    """
    match of:
        case inspect.StructType() if of.cls is HttpPathMatch:
            return _path_meant(value)
        case inspect.VarTupleType(item_type=inspect.StructType() as item) if (
            isinstance(value, list) and value
        ):
            items = [_item_meant(item, each) for each in value]
            return items if all(items) else None
    return None


def _item_meant(of: inspect.StructType, value: object) -> dict[str, object] | None:
    match value:
        case {
            "destination": {"host": str(host), "port": {"number": int(port)}, **more},
            **rest,
        } if issubclass(of.cls, BackendObjectReference) and "." not in host and not more:
            weight = {"weight": rest["weight"]} if "weight" in rest else {}
            return {"name": host, "port": port, **weight} if rest.keys() == weight.keys() else None
        case str() if of.cls is ParentReference:
            namespace, _, name = value.rpartition("/")
            return {"name": name, "namespace": namespace} if namespace else {"name": name}
    return None


def _path_meant(value: object) -> dict[str, object] | None:
    match value:
        case {**only} if len(only) == 1:
            ((word, text),) = only.items()
            type_ = word_meant(str(word), [member.value for member in PathMatchType])
            return {"type": type_, "value": text} if type_ is not None else None
    return None


def items_of_text(value: object) -> list[object]:
    """The list that ``value`` stands for: of a text its parts between commas."""
    if isinstance(value, str) and "," in value:
        return [part.strip() for part in value.split(",") if part.strip()]
    return [value]


def pairs_meant(value: object) -> dict[str, object] | None:
    """The keys and values that ``value`` writes as ``kubectl`` takes them (``app=web``), or as
    Kubernetes lists them (``[{name: app, value: web}]``).
    """
    match value:
        case str():
            found = _PAIR.fullmatch(value)
            return {found[1]: found[2]} if found is not None else None
        case [_, *_]:
            pairs = [_pair(item) for item in value]
            return dict(pair for pair in pairs if pair is not None) if all(pairs) else None
    return None


def _pair(item: object) -> tuple[str, object] | None:
    match item:
        case {"name": str(name), "value": value, **rest} if not rest:
            return name, value
        case {"name": str(name), **rest} if rest and "value" not in rest:
            return name, rest
    return None


def entries_meant(of: inspect.Type, value: object) -> list[Mapping[str, object] | None] | None:
    """The list of names and values that a mapping of them stands for: ``{x-a: b}``."""
    if not isinstance(of, inspect.StructType) or not isinstance(value, Mapping):
        return None
    fields = {f.encode_name for f in of.fields}
    if not {"name", "value"} <= fields or value.keys() & fields:
        return None
    types = next((f.type for f in of.fields if f.encode_name == "type"), None)
    return [_entry(name, item, types) for name, item in value.items()]


def _entry(name: str, item: object, types: inspect.Type | None) -> Mapping[str, object]:
    """``{x-a: {exact: b}}``: the word says the type."""
    match item:
        case {**only} if len(only) == 1 and isinstance(types, inspect.EnumType):
            ((word, value),) = only.items()
            type_ = word_meant(str(word), [str(member.value) for member in types.cls])
            if type_ is not None:
                return {"name": name, "type": type_, "value": value}
    return {"name": name, "value": item}


def word_meant(value: str, names: Sequence[str]) -> str | None:
    """The only one of ``names`` that ends or begins with ``value``, or Istio's word for it."""
    if _ISTIO_WORDS.get(value) in names:
        return _ISTIO_WORDS[value]
    word = value.lower()
    found = [name for name in names if word and name.lower().endswith(word)]
    found = found or [name for name in names if word and name.lower().startswith(word)]
    return found[0] if len(found) == 1 else None


def only_mapping(value: object) -> Mapping[str, object] | None:
    """The mapping that is the only item of a list."""
    match value:
        case [Mapping() as only]:
            return only
    return None


def flow(value: object) -> str:
    """Plain data as YAML on one line, quotes only where they are needed."""
    match value:
        case str() if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        case Mapping():
            return "{" + ", ".join(_pairs(value)) + "}"
        case list():
            return "[" + ", ".join(map(flow, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _pairs(value: Mapping[str, object]) -> Iterator[str]:
    return (f"{flow(key)}: {flow(item)}" for key, item in value.items())
