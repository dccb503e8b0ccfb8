"""The attributes that an expression of CEL asks Envoy for, and which of them it does not have: the
expression then has no value.

Source: https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes
"""

from collections.abc import Iterator, Mapping
from typing import Final

from controlplane.base.cel import Node, NodeKind, expression
from controlplane.base.nearest import nearest

_CERTIFICATES: Final = (
    "dns_san_local_certificate",
    "dns_san_peer_certificate",
    "sha256_peer_certificate_digest",
    "subject_local_certificate",
    "subject_peer_certificate",
    "tls_version",
    "transport_failure_reason",
    "uri_san_local_certificate",
    "uri_san_peer_certificate",
)
_ADDRESS: Final = ("address", "port")
_OPEN: Final[tuple[str, ...]] = ()
"""What is in it depends on the proxy."""
_ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "request": (
        "duration",
        "headers",
        "host",
        "id",
        "method",
        "path",
        "protocol",
        "query",
        "referer",
        "scheme",
        "size",
        "time",
        "total_size",
        "url_path",
        "useragent",
    ),
    "response": (
        "backend_latency",
        "code",
        "code_details",
        "flags",
        "grpc_status",
        "headers",
        "size",
        "total_size",
        "trailers",
    ),
    "connection": ("id", "mtls", "requested_server_name", "termination_details", *_CERTIFICATES),
    "upstream": (
        *_ADDRESS,
        "cx_pool_ready_duration",
        "local_address",
        "locality",
        "num_endpoints",
        "request_attempt_count",
        *_CERTIFICATES,
    ),
    "source": _ADDRESS,
    "destination": _ADDRESS,
    "xds": (
        "cluster_metadata",
        "cluster_name",
        "filter_chain_name",
        "listener_direction",
        "listener_metadata",
        "node",
        "route_metadata",
        "route_name",
        "upstream_host_locality_metadata",
        "upstream_host_metadata",
        "virtual_host_metadata",
        "virtual_host_name",
    ),
    "metadata": _OPEN,
    "filter_state": _OPEN,
    "upstream_filter_state": _OPEN,
}
_TYPES: Final = frozenset(
    {"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"}
)


def unknown_attributes(text: str) -> Iterator[tuple[str, str | None]]:
    """The attributes in an expression that Envoy does not have, each with the one that was most
    likely meant.
    """
    found = expression(text)
    fields = {id(node.operands[0]): node for node in found.parts() if node.kind is NodeKind.FIELD}
    seen: dict[str, str | None] = {}
    for node in found.parts():
        if node.kind is NodeKind.IDENTIFIER:
            unknown = _unknown(node, fields.get(id(node)))
            if unknown is not None:
                seen.setdefault(*unknown)
    yield from seen.items()


def _unknown(root: Node, field: Node | None) -> tuple[str, str | None] | None:
    if root.name in _TYPES or root.name == "re":
        return None
    if root.name not in _ATTRIBUTES:
        near = nearest(root.name, _ATTRIBUTES)
        return root.name, near
    known = _ATTRIBUTES[root.name]
    if field is None or not known or field.name in known:
        return None
    near = nearest(field.name, known)
    return f"{root.name}.{field.name}", f"{root.name}.{near}" if near is not None else None
