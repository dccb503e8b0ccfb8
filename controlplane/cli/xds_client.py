"""A second opinion of what a proxy is sent: ask the xDS server as the proxy does, and decode it.

envoy-data-plane, which shares no code with what encodes our resources, reads the answers. Meanwhile
the control plane sees one more proxy of that name.
"""

import importlib
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import grpc
from betterproto2 import Casing, Message
from envoy.config.listener.v3.listener_pb2 import Listener as ListenerMessage
from envoy_data_plane.envoy.config.cluster.v3 import Cluster, ClusterDiscoveryType
from envoy_data_plane.envoy.config.core.v3 import Node as NodeMessage, TypedExtensionConfig
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import RouteConfiguration
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import Secret
from envoy_data_plane.envoy.service.discovery.v3 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)
from msgspec.structs import replace

from controlplane.admin.view import ConfigResource, ProxyConfig
from controlplane.base.addresses import Address
from controlplane.base.errors import AdminUnreachable
from controlplane.base.names import Namespace
from controlplane.cli import envoy_json
from controlplane.cli.inputs import state_to_issue_from
from controlplane.cli.issued_trust import issued_trust
from controlplane.cli.options import StatePlace
from controlplane.envoy.bootstrap import Node, bootstrap
from controlplane.envoy.redact import redacted
from controlplane.identity.identity import XDS_NAME
from controlplane.model.proxy import Locality, Role
from controlplane.protobuf.descriptors import message_type

METHOD: Final = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
PREFIX: Final = "type.googleapis.com/"
PARTS: Final[Mapping[str, type[Message]]] = {
    "listeners": Listener,
    "routes": RouteConfiguration,
    "clusters": Cluster,
    "endpoints": ClusterLoadAssignment,
    "secrets": Secret,
    "extensions": TypedExtensionConfig,
}
_TYPE_NAMES: Final = {
    "listeners": "envoy.config.listener.v3.Listener",
    "routes": "envoy.config.route.v3.RouteConfiguration",
    "clusters": "envoy.config.cluster.v3.Cluster",
    "endpoints": "envoy.config.endpoint.v3.ClusterLoadAssignment",
    "secrets": "envoy.extensions.transport_sockets.tls.v3.Secret",
    "extensions": "envoy.config.core.v3.TypedExtensionConfig",
}
_SILENCE: Final = 1.0  # seconds without a response after which nothing more is expected
_LIFE: Final = timedelta(minutes=10)  # of the token, which one answer needs
_PATIENCE: Final = 10.0  # seconds until the first response


def read_back(asked: ProxyConfig, part: str, xds: Address, state: StatePlace) -> ProxyConfig:
    """What the proxy of ``asked`` is sent; where a resource came from is taken from ``asked``."""
    node, token, roots = _identity(asked, xds, state)
    credentials = grpc.ssl_channel_credentials(roots.encode())
    options = (("grpc.ssl_target_name_override", XDS_NAME),)
    with grpc.secure_channel(str(xds), credentials, options=options) as channel:
        found = _received(channel, node, token, xds)
    parts = {
        name: tuple(
            _resource(known, key, _document(name, resources[key])) for key in sorted(resources)
        )
        for name, resources in found.items()
        if part in (name, "all")
        for known in (_by_name(asked, name),)
    }
    return replace(asked, **parts)


def _received(
    channel: grpc.Channel, node: NodeMessage | None, token: str, xds: Address
) -> dict[str, dict[str, Message]]:
    """The resources of every part by name, once nothing more comes."""
    found: dict[str, dict[str, Message]] = {name: {} for name in PARTS}
    subscribed: set[str] = set()
    requests: queue.Queue[DeltaDiscoveryRequest | None] = queue.Queue()
    responses: queue.Queue[DeltaDiscoveryResponse | None] = queue.Queue()
    call = channel.stream_stream(
        METHOD, request_serializer=bytes, response_deserializer=DeltaDiscoveryResponse.parse
    )(iter(requests.get, None), metadata=(("authorization", f"Bearer {token}"),))
    threading.Thread(target=_receive, args=(call, responses), daemon=True).start()
    requests.put(DeltaDiscoveryRequest(node=node, type_url=_url("clusters")))
    requests.put(DeltaDiscoveryRequest(type_url=_url("listeners")))
    for response in _until_silent(responses, xds):
        name = next(n for n in PARTS if _url(n) == response.type_url)
        for resource in response.resources:
            if resource.resource is not None:
                found[name][resource.name] = PARTS[name].parse(resource.resource.value)
        requests.put(
            DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        )
        for further, names in _named(found[name].values()):
            names -= subscribed
            subscribed |= names
            if names:
                requests.put(_subscription(further, names))
    requests.put(None)
    call.cancel()
    return found


def _identity(
    asked: ProxyConfig, xds: Address, state: StatePlace
) -> tuple[NodeMessage | None, str, str]:
    """The node, a token and the authority's certificate, as a bootstrap would hold them."""
    name, _, namespace = asked.proxy.partition(".")
    node = Node(
        role=Role(asked.role),
        name=name,
        namespace=Namespace(namespace),
        service_account=asked.service_account,
        addresses=asked.addresses or ("127.0.0.1",),
        labels=asked.labels,
        locality=Locality(),
        metadata={},
    )
    trust = issued_trust(state_to_issue_from(state), node, _LIFE, datetime.now(UTC))
    document = bootstrap(node, xds=xds, admin=xds, trust=trust)
    return NodeMessage.from_dict(document["node"]), str(trust.token), trust.root_certificate


def _receive(
    call: Iterator[DeltaDiscoveryResponse], responses: "queue.Queue[DeltaDiscoveryResponse | None]"
) -> None:
    with suppress(grpc.RpcError):
        for response in call:
            responses.put(response)
    responses.put(None)


def _until_silent(
    responses: "queue.Queue[DeltaDiscoveryResponse | None]", xds: Address
) -> Iterator[DeltaDiscoveryResponse]:
    patience = _PATIENCE
    while True:
        try:
            response = responses.get(timeout=patience)
        except queue.Empty:
            response = None
        if response is None:
            if patience == _PATIENCE:
                raise AdminUnreachable(
                    f"no xDS server that accepts tokens of this state directory answers at {xds}",
                    hint="name the --config paths of the control plane, or its --state directory",
                )
            return
        patience = _SILENCE
        yield response


def _named(messages: Iterable[Message]) -> Iterator[tuple[str, set[str]]]:
    """What further resources ``messages`` name, by part."""
    for message in messages:
        if isinstance(message, Cluster):
            if message.type == ClusterDiscoveryType.EDS:
                yield "endpoints", {message.name}
        elif isinstance(message, Listener):
            listener = envoy_json.message(_document("listeners", message), ListenerMessage)
            yield "extensions", set(envoy_json.extension_names(listener))
            for chain in envoy_json.chains(listener):
                table, context = envoy_json.route_table(chain), envoy_json.tls_context(chain)
                if table is not None:
                    yield "routes", {table}
                if context is not None:
                    yield "secrets", set(envoy_json.secret_names(context))


def _subscription(part: str, names: Iterable[str]) -> DeltaDiscoveryRequest:
    return DeltaDiscoveryRequest(type_url=_url(part), resource_names_subscribe=sorted(names))


def _url(part: str) -> str:
    return PREFIX + _TYPE_NAMES[part]


def _by_name(asked: ProxyConfig, part: str) -> Mapping[str, ConfigResource]:
    known: envoy_json.Part = getattr(asked, part)
    return {resource.name: resource for resource in known or ()}


def _resource(
    known: Mapping[str, ConfigResource], name: str, document: dict[str, object]
) -> ConfigResource:
    """A resource; ``known`` are those of its part that the admin interface has."""
    same = known.get(name) or ConfigResource(name=name, version="", resource={})
    return replace(same, resource=document)


def _document(part: str, message: Message) -> dict[str, object]:
    """``message`` as protobuf's JSON, without secrets; packed types are imported as they occur."""
    kind = message_type(_TYPE_NAMES[part])
    assert kind is not None, "a part is a type of Envoy's"
    while True:
        try:
            return redacted(message.to_dict(casing=Casing.SNAKE), kind)
        except TypeError as unknown:
            _, separator, name = str(unknown).partition(f"unregistered type: {PREFIX}")
            if not separator:
                raise
            importlib.import_module(f"envoy_data_plane.{name.rpartition('.')[0]}")
