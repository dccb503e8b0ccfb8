"""A real Envoy under steady traffic: a route moves to a new cluster that warms, and no request is
lost.

Each fails when routes are sent right behind the cluster; ``Readiness.may_warm`` has the figures.
"""

from pathlib import Path

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.extensions.network.dns_resolver.cares.v3 import (
    cares_dns_resolver_pb2 as cares_dns_resolver_pb2,
)
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2 as tls_pb2
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from controlplane.envoy.resource import Resource, TypeUrl
from tests.support.name_server import name_server
from tests.support.pki import Authority
from tests.support.steady import steady_traffic
from tests.support.upstream import server_tls
from tests.support.xds_rig import ADS, Rig, all_to, cluster, endpoints, listener, resource, upstream

pytestmark = pytest.mark.envoy

CARES = "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
UPSTREAM_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"


@pytest.fixture(params=["DELTA_GRPC", "GRPC"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    # The waits end by what the test does; a busy machine must not end them before.
    return Rig(tmp_path, request.param, wait_limit=30)


def looked_up(name: str, port: int, resolver: int) -> Resource:
    """A cluster whose endpoint is what ``resolver`` says of a name."""
    where = {"socketAddress": {"address": "upstream.example.com", "portValue": port}}
    address = {"socketAddress": {"address": "127.0.0.1", "portValue": resolver}}
    cares = {
        "@type": CARES,
        "resolvers": [address],
        "dnsResolverOptions": {"noDefaultSearchDomain": True},
    }
    message = {
        "name": name,
        "type": "STRICT_DNS",
        "connectTimeout": "1s",
        "dnsLookupFamily": "V4_ONLY",
        "typedDnsResolverConfig": {"name": "cares", "typedConfig": cares},
        "loadAssignment": {
            "clusterName": name,
            "endpoints": [{"lbEndpoints": [{"endpoint": {"address": where}}]}],
        },
    }
    return resource(TypeUrl.CLUSTER, name, message, Cluster())


def by_tls(name: str, secret: str) -> Resource:
    """A cluster with EDS that trusts what ``secret`` says."""
    trust = {"name": secret, "sdsConfig": ADS}
    context = {
        "@type": UPSTREAM_TLS,
        "commonTlsContext": {"validationContextSdsSecretConfig": trust},
    }
    message = {
        "name": name,
        "type": "EDS",
        "connectTimeout": "1s",
        "edsClusterConfig": {"edsConfig": ADS},
        "transportSocket": {"name": "tls", "typedConfig": context},
    }
    return resource(TypeUrl.CLUSTER, name, message, Cluster())


def trust_of(name: str, pem: str) -> Resource:
    message = {"name": name, "validationContext": {"trustedCa": {"inlineString": pem}}}
    return resource(TypeUrl.SECRET, name, message, Secret())


async def test_a_route_moves_to_a_cluster_whose_name_is_resolved_late(rig: Rig) -> None:
    async with rig.running(), name_server() as names:
        await rig.switch_to("first", "a")
        await rig.until("/", "200 a")
        before = cluster("first"), endpoints("first", rig.upstreams["a"])
        new = looked_up("named", rig.upstreams["b"], names.port)

        async with steady_traffic(rig.port) as traffic:
            await traffic.until("a", 10)
            rig.publish(*before, new, listener("l", rig.port), all_to("named"))
            await names.asked.wait()
            await traffic.until("a", 50)
            names.answers.set()
            await traffic.until("b", 50)

    assert set(traffic.answers) == {"a", "b"}


async def test_a_route_moves_to_clusters_whose_secrets_are_new(rig: Rig, tmp_path: Path) -> None:
    authority = Authority()
    files = authority.leaf("upstream.example.com").files(tmp_path, "server")
    async with upstream("c", tls=server_tls(*files)) as port, rig.running():
        await rig.switch_to("first", "a")
        await rig.until("/", "200 a")

        async with steady_traffic(rig.port) as traffic:
            world: list[Resource] = []
            for i in range(10):
                world += by_tls(f"tls-{i}", f"trust-{i}"), endpoints(f"tls-{i}", port)
                world.append(trust_of(f"trust-{i}", authority.pem))
                await rig.give(*world, listener("l", rig.port), all_to(f"tls-{i}"))
                await traffic.until("c", 10)

    assert set(traffic.answers) == {"a", "c"}


async def test_routes_move_to_new_clusters_while_endpoints_of_others_change(rig: Rig) -> None:
    front = listener("l", rig.port)
    async with rig.running():
        others = [cluster(f"other-{i}") for i in range(50)]
        changing = [[endpoints(f"other-{i}", 1000 + n) for i in range(50)] for n in range(2)]
        await rig.give(*others, *changing[0], cluster("first"), _at(rig, "first"), front)
        await rig.give(
            *others, *changing[0], cluster("first"), _at(rig, "first"), front, all_to("first")
        )
        await rig.until("/", "200 a")

        async with steady_traffic(rig.port) as traffic:
            last = "first"
            for i in range(40):
                name = f"new-{i}"
                before = [*others, cluster(last), _at(rig, last), front, all_to(last)]
                rig.publish(*before, *changing[1 - i % 2])
                # The answer to these endpoints is still on its way.
                after = [*others, *changing[1 - i % 2], cluster(name), _at(rig, name), front]
                rig.publish(*after, all_to(name))
                await traffic.until("a", 5)
                last = name

    assert set(traffic.answers) == {"a"}


def _at(rig: Rig, name: str) -> Resource:
    return endpoints(name, rig.upstreams["a"])
