"""What a control plane sends to a proxy, taken down so that a floor can send the same bytes."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import grpc
from envoy.config.core.v3.base_pb2 import Node
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as http,
)
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

METHOD: Final = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
CLUSTER: Final = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ENDPOINT: Final = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER: Final = "type.googleapis.com/envoy.config.listener.v3.Listener"
ROUTE: Final = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
SECRET: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
OWN_SECRETS: Final = ("ROOTCA", "default")  # a proxy's own certificate and its roots
PATIENCE: Final = 60.0  # seconds for a response that has to come
QUIET: Final = 0.5  # seconds after which no other response belongs to an edit


@dataclass(frozen=True, slots=True)
class Recording:
    """By type URL, in the order they were asked for, responses without their nonces, and the names
    that were asked for (none: all there are).
    """

    bodies: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Recorder:
    """A proxy that asks for everything and acknowledges all it gets."""

    def __init__(self, channel: grpc.Channel, who: Node) -> None:
        self._requests: queue.Queue[bytes] = queue.Queue()
        self._responses: queue.Queue[bytes] = queue.Queue()
        self._node: Node | None = who
        call = channel.stream_stream(METHOD)(iter(self._requests.get, None))
        threading.Thread(target=self._receive, args=(call,), daemon=True).start()

    def backends(self) -> Recording:
        """The clusters of the proxy and their endpoints."""
        recording = Recording()
        clusters = self._asked(CLUSTER, (), recording)
        self._asked(ENDPOINT, tuple(r.name for r in clusters.resources), recording)
        return recording

    def everything(self) -> Recording:
        """All that the proxy gets."""
        recording = self.without_secrets()
        self._asked(SECRET, OWN_SECRETS, recording)
        return recording

    def without_secrets(self) -> Recording:
        """All that the proxy gets, but for its own certificate and the roots."""
        recording = self.backends()
        listeners = self._asked(LISTENER, (), recording)
        tables = (name for r in listeners.resources for name in route_tables(r.resource.value))
        self._asked(ROUTE, tuple(sorted(set(tables))), recording)
        return recording

    def next(self) -> list[bytes]:
        """The responses to one edit."""
        bodies, patience = [], PATIENCE
        while True:
            try:
                response = self._response(patience)
            except queue.Empty:
                assert bodies, "an edit changes something for the proxy that is recorded"
                return bodies
            bodies.append(_without_nonce(response))
            patience = QUIET

    def _asked(
        self, type_url: str, names: tuple[str, ...], recording: Recording
    ) -> DeltaDiscoveryResponse:
        request = DeltaDiscoveryRequest(type_url=type_url, resource_names_subscribe=names)
        if self._node is not None:
            request.node.CopyFrom(self._node)
            self._node = None
        self._requests.put(request.SerializeToString())
        response = self._response(PATIENCE)
        assert response.type_url == type_url, f"{response.type_url} came instead of {type_url}"
        recording.bodies[type_url] = _without_nonce(response)
        recording.names[type_url] = names
        return response

    def _response(self, patience: float) -> DeltaDiscoveryResponse:
        response = DeltaDiscoveryResponse.FromString(self._responses.get(timeout=patience))
        ack = DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        self._requests.put(ack.SerializeToString())
        return response

    def _receive(self, call: Iterator[bytes]) -> None:
        try:
            for response in call:
                self._responses.put(response)
        except grpc.RpcError:  # the channel is closed
            return


@contextmanager
def recorder(port: int, who: Node) -> Iterator[Recorder]:
    """A proxy of the control plane on ``port``, as long as the block runs."""
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        yield Recorder(channel, who)


def route_tables(listener: bytes) -> Iterator[str]:
    """The route tables that a listener asks for."""
    found = Listener.FromString(listener)
    for chain in (*found.filter_chains, found.default_filter_chain):
        for one in chain.filters:
            if one.typed_config.Is(http.HttpConnectionManager.DESCRIPTOR):
                manager = http.HttpConnectionManager.FromString(one.typed_config.value)
                yield manager.rds.route_config_name


def _without_nonce(response: DeltaDiscoveryResponse) -> bytes:
    """Its bytes, the type first, as the control plane sends it."""
    head = DeltaDiscoveryResponse(type_url=response.type_url)
    response.ClearField("type_url")
    response.ClearField("nonce")
    return head.SerializeToString() + response.SerializeToString()
