"""An xDS server with resources made by hand, a real Envoy that takes them, and two upstreams."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.http.router.v3 import router_pb2 as router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as http_connection_manager_pb2,
)
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from controlplane.admin.view import ProxyStatus
from controlplane.envoy.resource import Resource, TypeUrl, resource_of_parts
from controlplane.model.proxy import Proxy
from controlplane.xds.server import XdsServer
from controlplane.xds.snapshot import Snapshot, snapshot
from tests.support.ads import INGRESS
from tests.support.envoy import Envoy, free_port, running_envoy

ADS = {"ads": {}, "resourceApiVersion": "V3", "initialFetchTimeout": "0s"}
HCM = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
    "HttpConnectionManager"
)
FILTERS = [
    "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
    "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
]
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
WAIT = 10.0  # seconds


def cluster(name: str, connect_timeout: str = "1s") -> Resource:
    message = {
        "name": name,
        "type": "EDS",
        "connectTimeout": connect_timeout,
        "edsClusterConfig": {"edsConfig": ADS},
    }
    return resource(TypeUrl.CLUSTER, name, message, Cluster())


def endpoints(name: str, port: int) -> Resource:
    address = {"socketAddress": {"address": "127.0.0.1", "portValue": port}}
    endpoint = {"lbEndpoints": [{"endpoint": {"address": address}}]}
    message = {"clusterName": name, "endpoints": [endpoint]}
    return resource(TypeUrl.ENDPOINT, name, message, ClusterLoadAssignment())


def listener(
    name: str, port: int, prefix: str = "http", *, extensions: tuple[str, ...] = ()
) -> Resource:
    """``extensions`` are the configurations of filters that it asks for."""
    discovered = [
        {"name": each, "configDiscovery": {"configSource": ADS, "typeUrls": FILTERS}}
        for each in extensions
    ]
    manager = {
        "@type": HCM,
        "statPrefix": prefix,
        "rds": {"routeConfigName": "main", "configSource": ADS},
        "httpFilters": [*discovered, {"name": "router", "typedConfig": {"@type": ROUTER}}],
    }
    message = {
        "name": name,
        "address": {"socketAddress": {"address": "127.0.0.1", "portValue": port}},
        "filterChains": [{"filters": [{"name": "hcm", "typedConfig": manager}]}],
    }
    return resource(TypeUrl.LISTENER, name, message, Listener())


def routes(*clusters: str, regex: str = "/never") -> Resource:
    """``/NAME`` goes to the cluster of that name."""
    found = [{"match": {"prefix": f"/{name}"}, "route": {"cluster": name}} for name in clusters]
    never = {"match": {"safeRegex": {"regex": regex}}, "directResponse": {"status": 500}}
    host = {"name": "all", "domains": ["*"], "routes": [never, *found]}
    message = {"name": "main", "virtualHosts": [host], "validateClusters": False}
    return resource(TypeUrl.ROUTE, "main", message, RouteConfiguration())


def all_to(name: str) -> Resource:
    route = {"match": {"prefix": "/"}, "route": {"cluster": name}}
    host = {"name": "all", "domains": ["*"], "routes": [route]}
    message = {"name": "main", "virtualHosts": [host], "validateClusters": False}
    return resource(TypeUrl.ROUTE, "main", message, RouteConfiguration())


def resource(
    type_url: TypeUrl, name: str, message: Mapping[str, object], empty: Message
) -> Resource:
    # Not ``resource``, which refuses what these tests want Envoy to refuse.
    return resource_of_parts(type_url, name, (ParseDict(dict(message), empty).SerializeToString(),))


def bootstrap(xds: int, admin: int, api_type: str) -> str:
    loopback = {"address": "127.0.0.1"}
    h2: dict[str, object] = {"explicit_http_config": {"http2_protocol_options": {}}}
    options = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        **h2,
    }
    endpoint = {"address": {"socket_address": {**loopback, "port_value": xds}}}
    server = {
        "name": "xds",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options
        },
        "load_assignment": {
            "cluster_name": "xds",
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
    }
    ads = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
    back_off = {"retry_back_off": {"base_interval": "0.1s", "max_interval": "0.2s"}}
    service = {"envoy_grpc": {"cluster_name": "xds", "retry_policy": back_off}}
    return json.dumps(
        {
            "node": {"id": INGRESS, "cluster": "ingress"},
            "admin": {"address": {"socket_address": {**loopback, "port_value": admin}}},
            "static_resources": {"clusters": [server]},
            "dynamic_resources": {
                "lds_config": ads,
                "cds_config": ads,
                "ads_config": {
                    "api_type": api_type,
                    "transport_api_version": "V3",
                    "set_node_on_first_message_only": True,
                    "grpc_services": [service],
                },
            },
        }
    )


@dataclass
class FixedEngine:
    """An engine that gives every proxy the same snapshot, set by hand."""

    now: Snapshot
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[Proxy] = field(default_factory=list)

    def snapshot(self, proxy: Proxy) -> Snapshot:
        self.asked.append(proxy)
        return self.now

    def changed(self) -> list[Proxy]:
        return list(dict.fromkeys(self.asked))


class Rig:
    """A server, an Envoy that it configures, and two upstreams ``a`` and ``b``."""

    def __init__(self, folder: Path, api_type: str, *, wait_limit: float = 1.0) -> None:
        self._wait_limit = wait_limit
        self.engine = FixedEngine(Snapshot(0, {}))
        self.engine.ready.set()
        self.revision = 0
        self.port = free_port()
        self.xds_port = free_port()
        self.upstreams: dict[str, int] = {}
        self.server = self._server()
        self._folder = folder
        self.api_type = api_type
        self._admin = free_port()

    @property
    def status(self) -> ProxyStatus:
        (status,) = self.server.connections.states()
        return status

    def _server(self) -> XdsServer:
        return XdsServer(
            self.engine,
            authenticate=lambda _: None,
            own_secrets=lambda *_: {},
            clock=lambda: datetime.now(UTC),
            wait_limit=self._wait_limit,
        )

    async def give(self, *resources: Resource) -> None:
        """Make this the world and wait until Envoy has answered."""
        self.publish(*resources)
        await asyncio.wait_for(self.server.connections.acknowledged(self.revision), WAIT)

    def publish(self, *resources: Resource) -> None:
        """Make this the world."""
        self.revision += 1
        world: dict[TypeUrl, list[Resource]] = {kind: [] for kind in TypeUrl}
        for some in resources:
            for kind in TypeUrl:
                if kind.value.encode() + b"\x12" in some.framed:
                    world[kind].append(some)
                    break
        self.engine.now = snapshot(self.revision, world)
        self.server.publish(self.revision)

    async def restart_server(self) -> None:
        await self.server.stop()
        self.server = self._server()
        await self.server.start(f"127.0.0.1:{self.xds_port}", None)
        self.server.publish(self.revision)

    async def ask(self, path: str) -> str:
        """The status of ``path``, and the body when it is 200."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
        except OSError:  # a listener that goes resets what it has just taken
            return "refused"
        if not head:
            return "refused"
        status = head.split()[1].decode()
        return f"200 {body.decode()}" if status == "200" else status

    async def until(self, path: str, answer: str) -> None:
        async with asyncio.timeout(WAIT):
            while await self.ask(path) != answer:
                await asyncio.sleep(0.005)

    def world(self, *, upstream: str = "a", timeout: str = "1s") -> tuple[Resource, ...]:
        return (
            cluster("shop", timeout),
            endpoints("shop", self.upstreams[upstream]),
            listener("l", self.port),
            routes("shop"),
        )

    async def switch_to(self, name: str, upstream: str) -> None:
        """Everything goes to a new cluster, the only one there is then."""
        assignment = endpoints(name, self.upstreams[upstream])
        front = listener("l", self.port)
        await self.give(cluster(name), assignment, front, all_to(name))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Envoy]:
        await self.server.start(f"127.0.0.1:{self.xds_port}", None)
        self.server.publish(0)
        config = bootstrap(self.xds_port, self._admin, self.api_type)
        async with AsyncExitStack() as stack:
            for name in ("a", "b"):
                self.upstreams[name] = await stack.enter_async_context(upstream(name))
            envoys = ExitStack()
            process = running_envoy(config, self._folder, admin_port=self._admin)
            envoy = await asyncio.to_thread(envoys.enter_context, process)
            try:
                yield envoy
            finally:
                await asyncio.to_thread(envoys.close)
                await self.server.stop()


@asynccontextmanager
async def upstream(name: str, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that answers every request with ``name``; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{name}".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    yield server.sockets[0].getsockname()[1]
    server.close()
