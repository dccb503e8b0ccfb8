"""What a value means that is written where a mapping or a list of such values belongs.

``destination: web`` means ``{host: web}``, ``gateways: shop`` means ``[shop]``: what people write
from memory. A mapping that needs more than one field has no such form.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import inspect

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
    ClientTls: "mode",
    Delay: "fixedDelay",
    Delegate: "name",
    Destination: "host",
    HttpDirectResponse: "status",
    HttpRedirect: "uri",
    HttpRetry: "attempts",
    HttpRewrite: "uri",
    LoadBalancer: "simple",
    MutualTls: "mode",
    OutboundTrafficPolicy: "mode",
    Percent: "value",
    PortSelector: "number",
    SidecarPort: "number",
    StringMatch: "exact",
}
"""The field that a plain value stands for, of mappings that need no other."""
_PLAIN: Final = re.compile(r"[A-Za-z/][\w./-]*")
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
_PAIR: Final = re.compile(r"([A-Za-z][\w./-]*) ?= ?([\w./-]+)")


def field_of_value(of: inspect.StructType) -> tuple[str, inspect.Type] | None:
    """The field, and its type, that a plain value in place of the mapping ``of`` is meant for."""
    name = _FIELDS.get(of.cls, None)
    return next(((f.encode_name, f.type) for f in of.fields if f.encode_name == name), None)


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
