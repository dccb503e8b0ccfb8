"""A gateway's Envoy decides as ``authz`` says: generated policies, requests and connections, many
at once.

Each port of the gateway has rules of its own: what a policy says of another port never matches.
"""

import http.client
import random
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.authorization_verdict import Call, decision
from controlplane.model.http_settings import ListenerContext
from controlplane.queries.policy.attachment import policy_keys
from controlplane.queries.policy.policy_filters import policy_filters
from tests.support.mesh import Mesh, running_mesh
from tests.support.network import own_network
from tests.support.pki import Authority

pytestmark = pytest.mark.envoy

SHOP: Final = "127.1.1.1"
PORTS: Final = range(8100, 8130)
TCP_PORTS: Final = range(8200, 8230)
REQUESTS: Final = 20
"""At each port."""
CALLERS: Final = (None, "spiffe://cluster.local/ns/shop/sa/web", "spiffe://other/ns/default/sa/a-b")
ADDRESSES: Final = ("127.0.0.1", "127.3.0.5")
HOSTS: Final = ("shop.example", "Shop.Example:8080", "a.other")
METHODS: Final = ("GET", "POST", "DELETE")
PATHS: Final = ("/", "/a", "/a/b", "/a/b/c", "/A", "/a/x.css", "/a?q=/b", "/b/", "/b/c%20d/e")
HEADERS: Final = ((), ("one",), ("two",), ("one", "two"), ("one,two",), ("",))
LABELS: Final = (("istio", "ingressgateway"),)

ROUTES: Final = f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop, namespace: default}}
spec:
  hosts: ["*"]
  gateways: [istio-system/gw]
  http: [{{route: [{{destination: {{host: shop}}}}]}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: shop, namespace: default}}
spec:
  hosts: [shop.default.svc.cluster.local]
  location: MESH_INTERNAL
  ports: [{{number: 80, name: http, protocol: HTTP, targetPort: 9080}}]
  resolution: STATIC
  endpoints: [{{address: {SHOP}}}]
---
"""


def meshes(authority: Authority) -> str:
    leaf = authority.leaf("shop.example")
    servers = [
        {
            "port": {"number": port, "name": f"https-{port}", "protocol": "HTTPS"},
            "hosts": ["*"],
            "tls": {"mode": "OPTIONAL_MUTUAL", "credentialName": "shop"},
        }
        for port in PORTS
    ]
    gateway = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": "istio-system"},
        "spec": {"selector": dict(LABELS), "servers": servers},
    }
    return leaf.secret("shop", authority=authority.pem) + yaml.safe_dump(gateway) + "---" + ROUTES


def some(chance: random.Random, *values: str) -> list[str]:
    return chance.sample(values, chance.choice((1, 1, 2)))


def maybe(chance: random.Random, field: str, *values: str) -> dict[str, list[str]]:
    """The field, its opposite or neither."""
    name = chance.choice((field, field, f"not{field[0].upper()}{field[1:]}"))
    return {name: some(chance, *values)} if chance.random() < 0.35 else {}


def source(chance: random.Random) -> dict[str, Any]:
    principals = ("*", "cluster.local/ns/shop/sa/web", "other/*", "*/sa/web", "*/sa/a-b", "x/*")
    return {
        **maybe(chance, "principals", *principals),
        **maybe(chance, "namespaces", "shop", "def*", "*", "sh", "*hop"),
        **maybe(chance, "ipBlocks", "127.0.0.0/16", "127.3.0.5", "10.0.0.0/8"),
        **maybe(chance, "remoteIpBlocks", "127.0.0.1", "127.3.0.0/16"),
    }


def operation(chance: random.Random, port: int) -> dict[str, Any]:
    paths = (
        *("/", "/a", "/a/*", "*.css", "*", "/A", "/a/b"),
        *("/a/{*}", "/a/{**}", "/{*}/b", "/b/{*}/e", "/{**}", "/a/{*}/{**}"),
    )
    return {
        "ports": [str(port)],
        **maybe(chance, "hosts", "shop.example", "SHOP.*", "*.other", "*:8080", "*"),
        **maybe(chance, "methods", "GET", "P*", "*", "*ETE"),
        **maybe(chance, "paths", *paths),
    }


def rule(chance: random.Random, port: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "to": [{"operation": operation(chance, port)} for _ in range(chance.choice((1, 1, 2)))]
    }
    sources = [found for _ in range(2) if (found := source(chance))]
    if sources:
        made["from"] = [{"source": each} for each in sources]
    if chance.random() < 0.4:
        keys = {
            "request.headers[x-a]": ("one", "t*", "*wo", "*", "one,two"),
            "request.headers[X-B]": ("one", "*"),
            "source.ip": ("127.0.0.1", "10.0.0.1"),
            "destination.port": (str(port), "1"),
            "source.principal": ("*", "other/ns/default/sa/a-b"),
            "connection.sni": ("shop.example", "*.example", "x*"),
        }
        key = chance.choice(sorted(keys))
        field = chance.choice(("values", "values", "notValues"))
        made["when"] = [{"key": key, field: some(chance, *keys[key])}]
    return made


def tcp_meshes() -> str:
    servers = [
        {"port": {"number": port, "name": f"tcp-{port}", "protocol": "TCP"}, "hosts": ["*"]}
        for port in TCP_PORTS
    ]
    gateway = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": "istio-system"},
        "spec": {"selector": dict(LABELS), "servers": servers},
    }
    return yaml.safe_dump(gateway) + "---" + ROUTES.replace("http: [{route", "tcp: [{route")


def tcp_rule(chance: random.Random, port: int) -> dict[str, Any]:
    addresses = ("127.0.0.0/16", "127.3.0.5", "10.0.0.0/8", "127.0.0.1")
    to = {"ports": [str(port)], **maybe(chance, "methods", "GET", "POST")}
    from_ = {
        **maybe(chance, "ipBlocks", *addresses),
        **maybe(chance, "remoteIpBlocks", *addresses),
        **maybe(chance, "principals", "*", "cluster.local/*"),
        **maybe(chance, "namespaces", "shop", "*"),
    }
    keys = {
        "source.ip": addresses,
        "destination.port": (str(port), "1"),
        "connection.sni": ("shop.example", "*"),
        "request.headers[x-a]": ("one", "*"),
    }
    made: dict[str, Any] = {"to": [{"operation": to}]}
    if from_:
        made["from"] = [{"source": from_}]
    if chance.random() < 0.3:
        key = chance.choice(sorted(keys))
        made["when"] = [
            {"key": key, chance.choice(("values", "notValues")): some(chance, *keys[key])}
        ]
    return made


def policies(
    seed: int, *actions: str, ports: range = PORTS, made: Callable[..., dict[str, Any]] = rule
) -> str:
    chance = random.Random(seed)
    found = [
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "AuthorizationPolicy",
            "metadata": {"name": f"{action.lower()}-{port}", "namespace": "istio-system"},
            "spec": {
                "action": action,
                "rules": [made(chance, port) for _ in range(1 if action == "DENY" else 3)],
            },
        }
        for port in ports
        for action in actions
    ]
    return yaml.safe_dump_all(found)


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with own_network(), running_mesh(tmp_path_factory.mktemp("mesh")) as running:
        running.upstreams.add("shop", SHOP, 9080)
        yield running


@contextmanager
def connection(
    mesh: Mesh, port: int, address: str, context: ssl.SSLContext
) -> Iterator[http.client.HTTPSConnection]:
    found = http.client.HTTPSConnection(
        mesh.workload.address,
        port,
        timeout=10,
        source_address=(address, 0),
        context=context,
    )
    try:
        yield found
    finally:
        found.close()


def contexts(folder: Path, authority: Authority) -> dict[str | None, ssl.SSLContext]:
    found = dict[str | None, ssl.SSLContext]()
    for index, caller in enumerate(CALLERS):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(cadata=authority.pem)
        if caller is not None:
            context.load_cert_chain(*authority.leaf(caller).files(folder, f"caller-{index}"))
        found[caller] = context
    return found


def status(client: http.client.HTTPSConnection, call: Call) -> int:
    assert call.method is not None
    assert call.path is not None
    client.putrequest(call.method, call.path, skip_host=True, skip_accept_encoding=True)
    client.putheader("host", call.host or "")
    for name, value in call.headers:
        client.putheader(name, value)
    client.endheaders()
    with client.getresponse() as answer:
        answer.read()
        return answer.status


def call(chance: random.Random, mesh: Mesh, port: int, address: str, caller: str | None) -> Call:
    return Call(
        names=(caller,) if caller is not None else (),
        peer_address=address,
        client_address=address,
        method=chance.choice(METHODS),
        host=chance.choice(HOSTS),
        path=chance.choice(PATHS),
        headers=tuple(("x-a", value) for value in chance.choice(HEADERS)),
        port=port,
        address=mesh.workload.address,
    )


@pytest.mark.parametrize("actions", [("ALLOW",), ("DENY",), ("ALLOW", "DENY")])
def test_envoy_decides_each_request_as_explained(
    mesh: Mesh, tmp_path: Path, actions: tuple[str, ...]
) -> None:
    chance, authority = random.Random(7), Authority()
    declared = policies(len(actions), *actions)
    mesh.apply(meshes(authority) + declared)
    engine = Engine(MeshConfig(), now=datetime(2026, 1, 1, tzinfo=UTC))
    engine.apply([(Path("policies.yaml"), declared)])
    keys = policy_keys(engine.graph, Namespace("istio-system"), LABELS)
    assert len(keys.authorization) == len(PORTS) * len(actions)
    filters = policy_filters(engine.graph, keys, ListenerContext.GATEWAY).http
    trusted = contexts(tmp_path, authority)

    wrong, admitted, total = [], 0, 0
    for port in PORTS:
        caller, address = chance.choice(CALLERS), chance.choice(ADDRESSES)
        with connection(mesh, port, address, trusted[caller]) as client:
            for _ in range(REQUESTS):
                asked = call(chance, mesh, port, address, caller)
                expected = decision(filters, asked)
                total, admitted = total + 1, admitted + expected.is_admitted
                found = status(client, asked)
                if found != (200 if expected.is_admitted else 403):
                    wrong.append((found, expected, asked))

    assert not wrong[:3], f"{len(wrong)} of {total}"
    assert total / 10 < admitted < total * 9 / 10


@pytest.mark.parametrize("actions", [("ALLOW",), ("DENY",), ("ALLOW", "DENY")])
def test_envoy_decides_each_connection_as_explained(mesh: Mesh, actions: tuple[str, ...]) -> None:
    declared = policies(len(actions), *actions, ports=TCP_PORTS, made=tcp_rule)
    mesh.apply(tcp_meshes() + declared)
    engine = Engine(MeshConfig(), now=datetime(2026, 1, 1, tzinfo=UTC))
    engine.apply([(Path("policies.yaml"), declared)])
    keys = policy_keys(engine.graph, Namespace("istio-system"), LABELS)
    filters = policy_filters(engine.graph, keys, ListenerContext.GATEWAY).network

    wrong, admitted, total = [], 0, 0
    for port in TCP_PORTS:
        for address in ADDRESSES:
            asked = Call(
                peer_address=address,
                client_address=address,
                port=port,
                address=mesh.workload.address,
            )
            expected = decision(filters, asked).is_admitted
            total, admitted = total + 1, admitted + expected
            if is_answered(mesh, port, address) != expected:
                wrong.append((expected, asked))

    assert not wrong[:3], f"{len(wrong)} of {total}"
    assert total / 10 < admitted < total * 9 / 10


def is_answered(mesh: Mesh, port: int, address: str) -> bool:
    """Whether the upstream answers on a plain connection."""
    target = (mesh.workload.address, port)
    with socket.create_connection(target, timeout=10, source_address=(address, 0)) as client:
        try:
            client.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
            return client.recv(12) == b"HTTP/1.1 200"
        except ConnectionError:
            return False
