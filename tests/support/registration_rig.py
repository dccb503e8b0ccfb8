"""A control plane's registration over real gRPC on loopback: an engine, a server, sidecars that are
streams, and a caller that is asked which endpoints it would choose. The clock stands still until a
test moves it.
"""

import asyncio
from collections.abc import AsyncIterator, Container, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from textwrap import dedent

import grpc.aio
from envoy_data_plane.envoy.config.core.v3 import HealthStatus, Node
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment
from envoy_data_plane.envoy.service.health.v3 import (
    ClusterEndpointsHealth,
    EndpointHealth,
    EndpointHealthResponse,
    HealthCheckRequest,
    HealthCheckRequestOrEndpointHealthResponse,
    HealthCheckSpecifier,
    LocalityEndpointsHealth,
)
from google.protobuf.wrappers_pb2 import StringValue

from controlplane.base.locations import FieldRef, path_text
from controlplane.base.names import Host, Namespace
from controlplane.engine.engine import Engine
from controlplane.identity.identity import Identity
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.workload_group import WORKLOAD_GROUP
from controlplane.model.proxy import Role
from controlplane.queries.registry.endpoints import endpoints_of as endpoints_of_service
from controlplane.serve.registering import Registering
from controlplane.serve.snapshot_cache import SnapshotCache
from controlplane.sources.state import StateDirectory
from controlplane.xds.node import Bearer
from controlplane.xds.server import XdsServer
from tests.support.ads import DeltaClient, delta_stream

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
WAIT = 30.0  # seconds until something that does not happen fails the test
CLUSTER = "outbound|9080||reviews.default.svc.cluster.local"
CALLER = "router~127.0.0.1~ingress.istio-system~istio-system.svc.cluster.local"
SERVICE = dedent("""\
    apiVersion: v1
    kind: Service
    metadata: {name: reviews, namespace: default}
    spec:
      selector: {app: reviews}
      ports: [{name: http, port: 9080}]
    """)


def group(
    name: str = "reviews-v1", template: str = "", more: str = "", annotated: bool = True
) -> str:
    """A WorkloadGroup of the service; where it is ``annotated``, its workloads say any address."""
    annotations = ', annotations: {controlplane/any-address: "true"}' if annotated else ""
    return dedent(f"""\
        apiVersion: networking.istio.io/v1
        kind: WorkloadGroup
        metadata: {{name: {name}, namespace: default{annotations}}}
        spec:
          metadata: {{labels: {{app: reviews, version: {name.rpartition("-")[2]}}}}}
          template: {{{template}}}
          {more}
        """)


def bearer(
    group: str | None,
    account: str = "default",
    role: Role = Role.SIDECAR,
    revoked: Container[str] = (),
) -> Bearer:
    return Bearer(
        identity=Identity(
            trust_domain="cluster.local",
            namespace=Namespace("default" if group is not None else "istio-system"),
            service_account=account,
            role=role,
        ),
        expires=datetime(2126, 11, 27, tzinfo=UTC),
        group=group,
        token_id=f"token of {group}",
        revoked=revoked,
    )


def by_token(revoked: Container[str], metadata: Mapping[str, str]) -> Bearer:
    """A token says what it is for: ``GROUP``, ``GROUP ACCOUNT`` or ``GROUP ACCOUNT ROLE``, and
    ``expired`` if it is.
    """
    words = metadata["authorization"].removeprefix("Bearer ").split()
    if words == ["caller"]:
        return bearer(None, "ingress", Role.GATEWAY)
    account = words[1] if len(words) > 1 else "default"
    role = Role(words[2]) if len(words) > 2 else Role.SIDECAR
    found = bearer(words[0], account, role, revoked)
    return replace(found, expires=NOON - timedelta(days=999)) if "expired" in words else found


@dataclass
class Sidecar:
    """A stream, until it is closed."""

    client: DeltaClient
    closing: AsyncExitStack

    async def close(self) -> None:
        await self.closing.aclose()


@dataclass
class Prober:
    """A stream of health discovery, until it is closed."""

    call: "grpc.aio.StreamStreamCall[bytes, bytes]"

    async def specifier(self) -> HealthCheckSpecifier:
        body = await asyncio.wait_for(self.call.read(), WAIT)
        assert isinstance(body, bytes), f"the stream ended: {await self.call.details()}"
        return HealthCheckSpecifier.parse(body)

    async def report(self, status: HealthStatus) -> None:
        health = EndpointHealth(health_status=status)
        locality = LocalityEndpointsHealth(endpoints_health=[health])
        cluster = ClusterEndpointsHealth(
            cluster_name="workload", locality_endpoints_health=[locality]
        )
        response = EndpointHealthResponse(cluster_endpoints_health=[cluster])
        await self.send(
            HealthCheckRequestOrEndpointHealthResponse(endpoint_health_response=response)
        )

    async def send(self, message: HealthCheckRequestOrEndpointHealthResponse) -> None:
        await self.call.write(bytes(message))


@dataclass
class RegistrationRig:
    """``running`` starts it over a folder, in which what was registered before is found."""

    state: StateDirectory
    on_loopback: bool = True
    now: float = 1_000.0
    engine: Engine = field(default_factory=lambda: Engine(MeshConfig(), now=NOON))
    target: str = ""
    revoked: set[str] = field(default_factory=set)
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.snapshots = SnapshotCache(self.engine)
        self.registering = Registering(
            self.engine,
            self.state,
            on_loopback=self.on_loopback,
            clock=lambda: NOON + timedelta(seconds=self.now - 1_000),
            monotonic=lambda: self.now,
            publish=lambda revision: self.server.publish(revision),
        )
        self.server = XdsServer(
            self.snapshots,
            authenticate=partial(by_token, self.revoked),
            own_secrets=lambda *_: {},
            clock=lambda: datetime.now(UTC),
            registrar=self.registering.workloads,
            services=self.registering.services(self.snapshots.ready),
        )
        self._versions: dict[str, bool] = {}
        self.caller: DeltaClient | None = None

    def edit(self, **files: str | None) -> None:
        """Apply files, as the control plane does."""
        edit = self.engine.apply([(Path(f"/{name}.yaml"), text) for name, text in files.items()])
        self.registering.workloads.edited(edit)
        self.registering.settle()
        self.server.publish(self.engine.revision)

    async def leave(self, token: str, address: str = "") -> grpc.StatusCode:
        """Announce a leave; the status of the answer."""
        async with grpc.aio.insecure_channel(self.target) as channel:
            leave: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                "/controlplane.v1.Registration/Leave"
            )
            call = leave(
                StringValue(value=address).SerializeToString(),
                metadata=(("authorization", token),),
            )
            return await call.code()

    @asynccontextmanager
    async def probing(self, token: str, address: str) -> AsyncIterator["Prober"]:
        """The stream of health discovery of a sidecar."""
        async with grpc.aio.insecure_channel(self.target) as channel:
            method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
                "/envoy.service.health.v3.HealthDiscoveryService/StreamHealthCheck"
            )
            prober = Prober(method(metadata=(("authorization", token),)))
            id_ = f"sidecar~{address}~pod.default~default.svc.cluster.local"
            request = HealthCheckRequest(node=Node(id=id_))
            await prober.send(
                HealthCheckRequestOrEndpointHealthResponse(health_check_request=request)
            )
            yield prober
            prober.call.cancel()

    def wait(self, seconds: float) -> None:
        """Let time pass, and what follows from it happen."""
        self.now += seconds
        self.registering.workloads.happened.set()

    async def connect(self, token: str, address: str, **said: object) -> Sidecar:
        """A sidecar that has had its first answer; ``said`` is what else its node says, as JSON."""
        stack = AsyncExitStack()
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(self.target))
        stream = delta_stream(channel, (("authorization", token),))
        client = await stack.enter_async_context(stream)
        kind = "router" if token.endswith("gateway") else "sidecar"
        id_ = f"{kind}~{address}~pod.default~default.svc.cluster.local"
        node = Node.from_dict({"id": id_, **said})
        await client.ask("CDS", node=node)
        await client.response()
        self.closing.push_async_callback(stack.aclose)
        return Sidecar(client, stack)

    async def watch(self) -> None:
        """Connect the caller."""
        channel = await self.closing.enter_async_context(grpc.aio.insecure_channel(self.target))
        stream = delta_stream(channel, (("authorization", "caller"),))
        self.caller = await self.closing.enter_async_context(stream)
        await self.caller.ask("EDS", CLUSTER, node=Node(id=CALLER))

    async def endpoints(self, expected: Mapping[str, bool]) -> None:
        """Return once the caller has these endpoints: ``ADDRESS:PORT`` to whether it is healthy.

        Fails where it gets anything else than these in the end.
        """
        assert self.caller is not None, "the caller watches"
        try:
            async with asyncio.timeout(WAIT):
                while self._versions != expected:
                    response = await self.caller.response()
                    self._versions = {}
                    for resource in response.resources:
                        assert resource.resource is not None
                        self._versions = endpoints_of(resource.resource.value)
                    await self.caller.ask("EDS", nonce=response.nonce)
        except (TimeoutError, AssertionError):
            assert self._versions == expected  # says what there is instead
            raise

    async def left(self, sidecars: int, callers: int = 1) -> None:
        """Return once no more streams than these are open."""
        async with asyncio.timeout(WAIT):
            while len(self.server.connections) > sidecars + callers:
                await asyncio.sleep(0)

    async def happened(self) -> None:
        """Return once what happened is served."""
        async with asyncio.timeout(WAIT):
            while self.registering.workloads.happened.is_set():
                await asyncio.sleep(0)

    @property
    def refused(self) -> list[str]:
        """Why workloads are not registered."""
        return [one.reason.value for one in self.registering.workloads.refused()]

    @property
    def healthy(self) -> dict[str, bool | None]:
        """By address, what proxies found last."""
        found = self.registering.workloads.registered()
        return {one.claim.id.address: one.is_healthy for one in found}

    @property
    def diagnosed(self) -> list[str]:
        """The codes and places of what is reported at WorkloadGroups."""
        while self.engine.analyse():
            pass
        return [
            f"{found.code} {path_text(found.place.path)[1:]}"
            for found in self.engine.diagnostics()
            if isinstance(found.place, FieldRef) and found.place.object.kind == WORKLOAD_GROUP
        ]

    @property
    def takes_mutual_tls(self) -> dict[str, bool]:
        """By address, as the engine knows the endpoints."""
        host, namespace = Host("reviews.default.svc.cluster.local"), Namespace("default")
        found = endpoints_of_service(self.engine.graph, host, namespace, 9080)
        return {one.address: one.takes_mutual_tls for one in found}

    @property
    def registered(self) -> list[str]:
        """The names of the entries that are in force."""
        return [key.name for key, _ in self.registering.workloads.entries()]


def endpoints_of(assignment: bytes) -> dict[str, bool]:
    found = {}
    for locality in ClusterLoadAssignment.parse(assignment).endpoints:
        for one in locality.lb_endpoints:
            assert one.endpoint is not None
            assert one.endpoint.address is not None
            assert one.endpoint.address.socket_address is not None
            where = one.endpoint.address.socket_address
            is_healthy = one.health_status is HealthStatus.HEALTHY
            found[f"{where.address}:{where.port_value}"] = is_healthy
    return found


@asynccontextmanager
async def running(rig: RegistrationRig, **files: str) -> AsyncIterator[RegistrationRig]:
    """``rig`` with its server and caller."""
    rig.edit(**files)
    rig.snapshots.ready.set()
    rig.target = f"127.0.0.1:{await rig.server.start('127.0.0.1:0', None)}"
    task = asyncio.create_task(rig.registering.run(rig.snapshots.ready))
    try:
        await rig.watch()
        yield rig
    finally:
        rig.registering.end()
        await rig.closing.aclose()
        task.cancel()
        await rig.server.stop()
