"""What an attacker tries at the xDS server, and gets. The control plane is whole, its xDS is TLS.

Further attacks: ``test_limits`` (10,000 streams, handshakes that stall), ``test_registration``
(labels and addresses of others), ``unit/identity/test_tokens`` (forged tokens), ``unit/sources``
(a state directory that others may read), ``interception`` (from beside or outside a workload).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import grpc
import grpc.aio
import pytest
from cryptography import x509
from envoy_data_plane.envoy.config.core.v3 import Node
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import Secret

from controlplane.identity.revoked_tokens import revoke
from tests.support.ads import DeltaClient, delta_stream
from tests.support.tls_server import CART, Server, node, secrets_of, tls_server

ANON, NOT_THERE = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED
SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: shop-certificate, namespace: shop}
stringData: {tls.crt: "a", tls.key: "b"}
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh/mesh.yaml").write_text(SECRET)
    async with tls_server(tmp_path) as found:
        yield found


async def refused(client: DeltaClient, said: Node | None = None) -> tuple[str, str]:
    """How the stream ends, before any byte of configuration: for its token alone, or once a node
    says who it is.
    """
    if said is not None:
        await client.ask("LDS", node=said)
    code, text = await client.ended()
    return code.name, text


async def own(client: DeltaClient, *names: str, said: Node | None = None) -> dict[str, Secret]:
    await client.ask("SDS", *names, node=said or node())
    return secrets_of(await client.response())


def spiffe(secret: Secret) -> str:
    assert secret.tls_certificate is not None
    assert secret.tls_certificate.certificate_chain is not None
    pem = secret.tls_certificate.certificate_chain.inline_bytes
    extensions = x509.load_pem_x509_certificates(pem)[0].extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return ", ".join(str(name.value) for name in names)


async def test_nobody_is_served_without_a_token(server: Server) -> None:
    assert await refused(await server.stream()) == ("UNAUTHENTICATED", "there is no token")


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources", ANON),
        ("envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources", ANON),
        ("envoy.service.health.v3.HealthDiscoveryService/StreamHealthCheck", ANON),
        ("controlplane.v1.Registration/Leave", ANON),
        ("envoy.service.health.v3.HealthDiscoveryService/FetchHealthCheck", NOT_THERE),
        ("envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets", NOT_THERE),
        ("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", NOT_THERE),
    ],
)
async def test_no_method_answers_without_a_token(
    server: Server, method: str, code: grpc.StatusCode
) -> None:
    call = (await server.channel()).stream_stream(f"/{method}")()
    with suppress(grpc.aio.AioRpcError):
        await call.write(b"")

    assert await call.code() is code
    with pytest.raises(grpc.aio.AioRpcError):
        await call.read()


async def test_nobody_is_served_in_plaintext(server: Server) -> None:
    async with (
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        delta_stream(channel, (("authorization", f"Bearer {server.token()}"),)) as client,
    ):
        assert (await client.ended())[0] is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("node_id", "metadata", "text"),
    [
        (
            "sidecar~10.0.0.7~cart-1.bank~bank.svc.cluster.local",
            {},
            'the node says namespace "bank", its token is for namespace "shop"',
        ),
        (
            CART,
            {"NAMESPACE": "bank"},
            'the node says namespace "bank", its token is for namespace "shop"',
        ),
        (
            CART,
            {"SERVICE_ACCOUNT": "vault"},
            'the node says service account "vault", its token is for service account "cart"',
        ),
        (
            "router~10.0.0.7~cart-1.shop~shop.svc.cluster.local",
            {},
            'the node says role "gateway", its token is for role "sidecar"',
        ),
    ],
)
async def test_a_node_is_not_who_its_token_is_not_for(
    server: Server, node_id: str, metadata: dict[str, object], text: str
) -> None:
    client = await server.stream(server.token())

    assert await refused(client, node(node_id, **metadata)) == ("PERMISSION_DENIED", text)


async def test_the_certificate_is_the_tokens_whatever_is_asked_for(server: Server) -> None:
    client = await server.stream(server.token())

    found = await own(
        client,
        "default",
        "ROOTCA",
        "spiffe://cluster.local/ns/bank/sa/vault",
        "default.bank",
        "kubernetes://bank/vault",
        "kubernetes://shop/shop-certificate",
        said=node(SERVICE_ACCOUNT="cart", LABELS={"app": "vault"}),
    )

    assert {name for name, secret in found.items() if secret != Secret()} == {"default", "ROOTCA"}
    assert spiffe(found["default"]) == "spiffe://cluster.local/ns/shop/sa/cart"


async def test_a_copied_token_is_of_no_use_outside_its_network(server: Server) -> None:
    client = await server.stream(server.token(network=ip_network("10.0.0.0/24")))

    code, text = await refused(client)

    assert code == "PERMISSION_DENIED"
    assert text.startswith("the token is for connections from 10.0.0.0/24, this one is from ")


async def test_a_copied_token_is_seen_and_its_revocation_ends_every_stream(server: Server) -> None:
    token = server.token()
    owner, thief = await server.stream(token), await server.stream(token)
    for client in (owner, thief):
        assert spiffe((await own(client, "default"))["default"]).endswith("/sa/cart")

    peers = {s.proxy.peer for s in server.plane.overview.status().proxies}
    assert len(peers) == 2, "the status shows one workload with two peers"
    verified = server.tokens.verify(token, datetime.now(UTC))
    revoke(server.plane.settings.state.authority, verified.token_id)
    await server.plane.look_after_state()

    ended = f"the token {verified.token_id} of the stream is revoked"
    for client in (owner, thief):
        code, text = await client.ended()
        assert (code.name, text) == ("UNAUTHENTICATED", ended)
    again = await refused(await server.stream(token))
    assert again == ("UNAUTHENTICATED", f"the token {verified.token_id} is revoked")


async def test_a_token_for_another_trust_domain_is_refused(server: Server) -> None:
    client = await server.stream(server.token(trust_domain="other.example"))

    assert await refused(client) == (
        "UNAUTHENTICATED",
        'the token is for trust domain "other.example", the mesh is "cluster.local"',
    )


async def test_the_authority_of_a_namespace_is_not_the_meshs(
    server: Server, tmp_path: Path
) -> None:
    before = (await own(await server.stream(server.token()), "ROOTCA"))["ROOTCA"]
    text = SECRET.replace("shop-certificate", "cacerts")
    (tmp_path / "mesh/cacerts.yaml").write_text(text)
    async with asyncio.timeout(20):
        while server.plane.engine.object_count < 2:
            await asyncio.sleep(0.01)

    after = (await own(await server.stream(server.token()), "ROOTCA"))["ROOTCA"]

    assert after == before
    assert server.plane.overview.status().authority is not None
    assert not server.plane.overview.status().authority.is_plugged_in
