"""Envoy's node, and the token beside it, become the proxy that the configuration is made for.

The node is a hint: its namespace, service account and role must be those of the token.
Source: Istio ``pilot/pkg/model/proxy.go``, ``pkg/model/proxy.go`` (node metadata).
"""

import ipaddress
import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

import grpc
from envoy.config.core.v3.base_pb2 import BuildVersion
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.unknown_fields import UnknownFieldSet

from controlplane.base.hosts import is_unscoped_ip
from controlplane.base.names import Namespace
from controlplane.base.peer_text import shown
from controlplane.model.proxy import NODE_CONFIG, Locality, Proxy, Role, labels_of
from controlplane.xds.peer import Network, peer_address
from controlplane.xds.wire import LimitExceeded, StreamFault
from controlplane.xds.wire_pb2 import Node

ID_LIMIT: Final = 1_024  # characters; names of Kubernetes make at most 600
METADATA_LIMIT: Final = 64 << 10  # bytes; Istio's own agents send 4 to 8 kB
TEXT_LIMIT: Final = 253  # characters of a part of the locality, as of a name in Kubernetes
ROLES: Final = {"router": Role.GATEWAY, "sidecar": Role.SIDECAR, "runner": Role.RUNNER}
GRACE: Final = timedelta(minutes=2)  # what clocks may differ by, as for certificates
SERVICE_NAME: Final = "resource.opentelemetry.io/service.name"
"""The annotation of a workload that names its service. Source: OpenTelemetry, "Specify resource
attributes using Kubernetes annotations".
"""
DEFAULT_SERVICE_ACCOUNT: Final = "default"  # Kubernetes' own
LOCALITY_LABELS: Final = ("topology.istio.io/locality", "istio-locality")
_BUILD_VERSION: Final = 8  # envoy.config.core.v3.Node.user_agent_build_version
BIND_ADDRESS: Final = "BIND_ADDRESS"
HONOURED: Final = frozenset(
    {
        BIND_ADDRESS,
        "CLUSTER_ID",
        "HTTP10",
        "HTTP_PROXY_PORT",
        "IDLE_TIMEOUT",
        "INTERCEPTION_MODE",
        "NETWORK",
        NODE_CONFIG,
        "UNPRIVILEGED_POD",
    }
)
"""The metadata that may change what a proxy gets; the rest would only distinguish equal proxies."""


class Identity(Protocol):
    """The identity that a token proves."""

    @property
    def namespace(self) -> Namespace: ...

    @property
    def service_account(self) -> str: ...

    @property
    def role(self) -> Role: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Whose token a stream bears, and until when it does."""

    identity: Identity
    expires: datetime
    token_id: str = ""
    """What revokes the token."""
    group: str | None = None
    """The WorkloadGroup that the token names, in the identity's namespace."""
    network: Network | None = None
    """Where the stream must come from; ``None``: from anywhere."""
    revoked: Container[str] = field(default=(), compare=False, repr=False)
    """The ids of tokens that are revoked, as they are at any time."""

    def fault(self, now: datetime) -> StreamFault | None:
        """Why an open stream with the token must end at ``now``.

        Clocks may differ by ``GRACE``; within it Envoy has connected anew with a new token.
        """
        if self.token_id in self.revoked:
            text = f"the token {self.token_id} of the stream is revoked"
            return StreamFault(grpc.StatusCode.UNAUTHENTICATED, text)
        return TokenExpired(self.expires) if now >= self.expires + GRACE else None


class TokenExpired(StreamFault):
    """The token of a stream is over; its client comes back with a new one, if it has one."""

    def __init__(self, expired: datetime) -> None:
        text = f"the token of the stream expired at {expired:%Y-%m-%d %H:%M:%S} UTC"
        super().__init__(grpc.StatusCode.UNAUTHENTICATED, text)


def check_peer(bearer: Bearer, peer: str) -> None:
    """``StreamFault`` where the token is for another network than that of ``peer``, which is
    gRPC's.
    """
    address = peer_address(peer)
    if bearer.network is not None and (address is None or address not in bearer.network):
        text = f"the token is for connections from {bearer.network}, this one is from {peer}"
        raise StreamFault(grpc.StatusCode.PERMISSION_DENIED, text)


def proxy_of(node: Node, identity: Identity | None) -> Proxy:
    """The proxy behind ``node``; ``StreamFault`` when the node is not one or is not ``identity``.

    Without an identity (plaintext on loopback) the node is trusted. A runner, which is no proxy, is
    known by its role.
    """
    _limit_size(node)
    role, address, name, domain = _id_parts(node.id)
    metadata = _metadata(node.metadata)
    namespace = Namespace(_text(metadata.get("NAMESPACE")) or _first_label(domain))
    if not namespace:
        raise _unusable(
            f'node "{shown(node.id)}" has no namespace, neither in NAMESPACE nor in its id'
        )
    account = _text(metadata.get("SERVICE_ACCOUNT"))
    if identity is not None:
        _check(identity, role, namespace, account or identity.service_account)
        account = identity.service_account
    labels = _strings(metadata.get("STATIC_LABELS")) | _strings(metadata.get("LABELS"))
    honoured = {key: _text(metadata[key]) for key in HONOURED & metadata.keys()}
    if NODE_CONFIG in metadata:
        honoured |= _proxy_config(metadata[NODE_CONFIG])
    bound = honoured.get(BIND_ADDRESS, "")
    if bound and not is_unscoped_ip(bound):
        raise _unusable(f'the node says {BIND_ADDRESS} "{shown(bound)}", which is no IP address')
    _check_printable((node.id, namespace, account, node.locality.region, node.locality.zone))
    service_name = _strings(metadata.get("ANNOTATIONS")).get(SERVICE_NAME, "")
    _check_printable((node.cluster, service_name))
    _check_printable((*labels, *labels.values(), *honoured.values()))
    return Proxy(
        name=name.removesuffix(f".{namespace}"),
        role=role,
        namespace=namespace,
        service_account=account or DEFAULT_SERVICE_ACCOUNT,
        labels=labels_of(labels),
        addresses=_addresses(node.id, _text(metadata.get("INSTANCE_IPS")) or address),
        locality=_locality(node, labels),
        metadata=labels_of(honoured),
        node_metadata=labels_of(_texts(metadata)),
        cluster=node.cluster,
        service_name=service_name,
    )


def envoy_version(node: Node) -> str:
    """``1.40.0``, as Envoy says itself; empty where it does not.

    The envelope's node has no such field, so it is among the unknown ones.
    """
    fields = UnknownFieldSet(node)
    for unknown in (fields[i] for i in range(len(fields))):
        if unknown.field_number == _BUILD_VERSION and isinstance(unknown.data, bytes):
            try:
                found = BuildVersion.FromString(unknown.data).version
            except DecodeError:
                return ""
            return f"{found.major_number}.{found.minor_number}.{found.patch}"
    return ""


def _id_parts(node_id: str) -> tuple[Role, str, str, str]:
    """``router~10.0.0.1~ingress.istio-system~istio-system.svc.cluster.local`` in its parts."""
    parts = node_id.split("~")
    if len(parts) != 4:
        text = f'node id "{shown(node_id)}" is not TYPE~IP~NAME.NAMESPACE~DOMAIN'
        raise _unusable(text)
    role = ROLES.get(parts[0])
    if role is None:
        said = f'node id "{shown(node_id)}" has the type "{shown(parts[0])}"'
        text = f"{said}, router and sidecar are served"
        raise _unusable(text)
    return role, parts[1], parts[2], parts[3]


def _check(identity: Identity, role: Role, namespace: Namespace, account: str) -> None:
    said = (role.value, namespace, account)
    proven = (identity.role.value, identity.namespace, identity.service_account)
    for what, here, there in zip(
        ("role", "namespace", "service account"), said, proven, strict=True
    ):
        if here != there:
            said_here = f'the node says {what} "{shown(here)}"'
            text = f'{said_here}, its token is for {what} "{there}"'
            raise StreamFault(grpc.StatusCode.PERMISSION_DENIED, text)


def _metadata(body: bytes) -> Mapping[str, Value]:
    try:
        return dict(Struct.FromString(body).fields)
    except DecodeError as error:
        raise _unusable("the node's metadata is not a google.protobuf.Struct") from error


def _text(value: Value | None) -> str:
    """A scalar as the text Istio's metadata has; anything else as nothing."""
    match value.WhichOneof("kind") if value is not None else None:
        case "string_value":
            return value.string_value if value is not None else ""
        case "bool_value":
            return str(value.bool_value).lower() if value is not None else ""
        case "number_value":
            return f"{value.number_value:g}" if value is not None else ""
        case _:
            return ""


def _proxy_config(value: Value) -> dict[str, str]:
    """The node's ProxyConfig as JSON, be it a structure or JSON in a text."""
    said = _plain(value)
    if isinstance(said, str):
        try:
            said = json.loads(said)
        except (ValueError, RecursionError):
            said = None
    return {NODE_CONFIG: json.dumps(said, sort_keys=True) if isinstance(said, dict) else "{}"}


def _plain(value: Value) -> object:
    """As JSON has it; a number without a fraction is a whole one."""
    match value.WhichOneof("kind"):
        case "struct_value":
            return {key: _plain(each) for key, each in value.struct_value.fields.items()}
        case "list_value":
            return [_plain(each) for each in value.list_value.values]
        case "number_value" if value.number_value.is_integer():
            return int(value.number_value)
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case "string_value":
            return value.string_value
        case _:
            return None


def _texts(metadata: Mapping[str, Value]) -> dict[str, str]:
    """What is text; only that is compared with what patches ask for."""
    texts = (
        (key, value.string_value)
        for key, value in metadata.items()
        if value.WhichOneof("kind") == "string_value"
    )
    return dict(texts)


def _strings(value: Value | None) -> dict[str, str]:
    if value is None or value.WhichOneof("kind") != "struct_value":
        return {}
    return {key: _text(field) for key, field in value.struct_value.fields.items()}


def _addresses(node_id: str, text: str) -> tuple[str, ...]:
    """The proxy's addresses, the first one first; a proxy without any is refused, as Istio does."""
    addresses = []
    for part in text.split(","):
        try:
            addresses.append(str(ipaddress.ip_address(part.strip())))
        except ValueError:
            continue
    if not addresses:
        raise _unusable(
            f'node "{shown(node_id)}" has no IP address, neither in INSTANCE_IPS nor in its id'
        )
    return tuple(addresses)


def _locality(node: Node, labels: Mapping[str, str]) -> Locality:
    where = node.locality
    if where.region or where.zone or where.sub_zone:
        return Locality(where.region, where.zone, where.sub_zone)
    text = next((labels[label] for label in LOCALITY_LABELS if labels.get(label)), "")
    parts = (text if "/" in text else text.replace(".", "/")).split("/", 2)
    return Locality(*parts)


def _first_label(domain: str) -> str:
    return domain.split(".")[0] if "." in domain else ""


def _limit_size(node: Node) -> None:
    where = node.locality
    for what, size, most in (
        ("id has", len(node.id), ID_LIMIT),
        ("metadata has", len(node.metadata), METADATA_LIMIT),
        *(
            ("locality has a part of", len(part), TEXT_LIMIT)
            for part in (where.region, where.zone, where.sub_zone)
        ),
    ):
        if size > most:
            unit = "bytes" if most == METADATA_LIMIT else "characters"
            text = f"the node's {what} {size} {unit}, at most {most} are accepted"
            raise LimitExceeded("node_size", text, grpc.StatusCode.INVALID_ARGUMENT)


def _check_printable(texts: Iterable[str]) -> None:
    """What the node says of itself is shown by ``status`` and the log."""
    for text in texts:
        if not text.isprintable():
            raise _unusable(f'the node says "{shown(text)}", which cannot be printed')


def _unusable(text: str) -> StreamFault:
    return StreamFault(grpc.StatusCode.INVALID_ARGUMENT, text)
