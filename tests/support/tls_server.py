"""A whole control plane whose xDS is TLS, and streams that bear tokens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc.aio
from envoy_data_plane.envoy.config.core.v3 import Node
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import Secret
from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryResponse

from controlplane.base.addresses import Address
from controlplane.base.names import Namespace
from controlplane.identity.authority import kept_authority
from controlplane.identity.identity import XDS_NAME
from controlplane.identity.token_keys import kept_token_keys
from controlplane.identity.tokens import Network, Tokens
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Role
from controlplane.serve.control_plane import ControlPlane
from controlplane.serve.issuer_keys import REFRESHED_AFTER
from controlplane.serve.reload import Noticed, Reload
from controlplane.serve.settings import Settings
from controlplane.sources.state import StateDirectory
from tests.support.ads import DeltaClient, delta_stream

CART = "sidecar~10.0.0.7~cart-1.shop~shop.svc.cluster.local"


@dataclass
class Server:
    """A control plane, and the ways to it."""

    plane: ControlPlane
    port: int
    tokens: Tokens
    roots: bytes
    ways: AsyncExitStack = field(default_factory=AsyncExitStack)
    ahead: timedelta = timedelta()
    """How far the control plane's clock is ahead of the real one."""

    def token(
        self,
        account: str = "shop/cart",
        *,
        network: Network | None = None,
        trust_domain: str | None = None,
    ) -> str:
        namespace, _, name = account.partition("/")
        return self.tokens.issue(
            Namespace(namespace),
            name,
            Role.SIDECAR,
            now=datetime.now(UTC),
            network=network,
            trust_domain=trust_domain,
        )

    async def stream(self, token: str | None = None) -> DeltaClient:
        """A stream that bears the token."""
        metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        stream = delta_stream(await self.channel(), metadata)
        return await self.ways.enter_async_context(stream)

    async def channel(self) -> "grpc.aio.Channel":
        """A connection by TLS that trusts the authority."""
        trust = grpc.ssl_channel_credentials(self.roots)
        options = (("grpc.ssl_target_name_override", XDS_NAME),)
        return await self.ways.enter_async_context(
            grpc.aio.secure_channel(f"127.0.0.1:{self.port}", trust, options)
        )


@asynccontextmanager
async def tls_server(
    folder: Path, *, keys_refreshed_after: timedelta = REFRESHED_AFTER
) -> AsyncIterator[Server]:
    """A control plane that serves ``folder/mesh``, with its state in ``folder/state``."""
    state, loopback = StateDirectory.opened(folder / "state"), Address("127.0.0.1", 0)
    settings = Settings(
        config=(folder / "mesh",),
        xds=loopback,
        admin=loopback,
        state=state,
        mesh=MeshConfig(),
        rotation_settles=timedelta(),
        keys_refreshed_after=keys_refreshed_after,
        environment={},
    )
    reloads: asyncio.Queue[Reload | Noticed] = asyncio.Queue()
    found: list[Server] = []

    def clock() -> datetime:
        return datetime.now(UTC) + (found[0].ahead if found else timedelta())

    plane = ControlPlane(settings, clock, reloads.put_nowait)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        port = await plane.start()
        tasks.create_task(plane.serve_until(stop))
        await asyncio.wait_for(reloads.get(), 20)
        roots = kept_authority(state.authority, datetime.now(UTC)).trust_bundle
        found.append(Server(plane, port, Tokens.of(kept_token_keys(state.authority)), roots))
        async with found[0].ways:
            yield found[0]
        stop.set()
    await plane.stop()


def node(node_id: str = CART, **metadata: object) -> Node:
    return Node.from_dict({"id": node_id, "cluster": "cart", "metadata": metadata})


def secrets_of(response: DeltaDiscoveryResponse) -> dict[str, Secret]:
    return {r.name: Secret.parse(r.resource.value) for r in response.resources if r.resource}
