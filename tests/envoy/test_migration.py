"""After a migration a real Envoy answers as before, and as the proof of ``migrate`` has it."""

import http.client
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.migrate.envoy_routing import Request, SentConfiguration, in_short
from controlplane.migrate.migration import Migration, declared_in, migrated
from controlplane.migrate.verification import proxy_of, requests_at
from tests.support.mesh import Mesh
from tests.support.migrated_worlds import virtual_services
from tests.support.properties import examples

pytestmark = pytest.mark.envoy

SERVICES = """
apiVersion: v1
kind: Service
metadata: {name: ingressgateway, namespace: istio-system}
spec:
  clusterIP: 10.96.9.1
  selector: {istio: ingressgateway}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*.example.com", d.org]
---
"""
BACKENDS = (
    ("shop", "default", "127.1.9.1"),
    ("cart", "default", "127.1.9.2"),
    ("pay", "bank", "127.1.9.3"),
)
SERVICES += "".join(
    f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  clusterIP: {address.replace("127.1", "10.97")}
  selector: {{app: {name}}}
  ports: [{{name: http, port: 80, targetPort: 9080}}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{address: {address}, labels: {{app: {name}}}}}
---
"""
    for name, namespace, address in BACKENDS
)
WORLDS = 6
ASKED = 300  # requests to each world
SENT = ("x-q", "x-a", "host", "x-envoy-expected-rq-timeout-ms")
GOT = ("location", "x-r")
Seen = tuple[object, ...]


@pytest.fixture(scope="module")
def shops(mesh: Mesh) -> Mesh:
    for name, _, address in BACKENDS:
        mesh.upstreams.add(name, address, 9080)
    return mesh


def engine_of(texts: dict[Path, str]) -> Engine:
    engine = Engine(MeshConfig(), now=datetime.now(UTC))
    engine.apply(texts.items())
    return engine


def migration_of(text: str) -> tuple[Engine, Migration]:
    file = Path("mesh.yaml")
    engine = engine_of({file: text})
    found = migrated(
        engine,
        engine.contents(),
        lambda files, secrets: engine_of({f.path: f.text for f in files} | {Path("!"): secrets}),
    )
    return engine, found


class Asking:
    """Requests on one kept connection to the gateway."""

    def __init__(self, mesh: Mesh) -> None:
        self._connection = http.client.HTTPConnection(mesh.workload.address, 8080, timeout=10)

    def seen(self, request: Request) -> Seen:
        """What came of it: the status, where to, and what the upstream saw."""
        query = "&".join(f"{name}={value}" for name, value in request.query)
        target = f"{request.path}?{query}" if query else request.path
        self._connection.putrequest(
            request.method, target, skip_host=True, skip_accept_encoding=True
        )
        for name, value in (("host", request.host), *request.headers):
            self._connection.putheader(name, value)
        self._connection.endheaders()
        response = self._connection.getresponse()
        body = response.read()
        got = tuple(response.getheader(name) for name in GOT)
        if not body.startswith(b"{"):
            return (response.status, *got)
        told = yaml.safe_load(body)
        sent = {name.lower(): value for name, value in told["headers"].items()}
        path = told["path"].partition("?")[0]
        return (response.status, *got, told["name"], path, *(sent.get(name) for name in SENT))


def simulated(sent: SentConfiguration, request: Request) -> str:
    """``shop /path``, or a status."""
    short = in_short(sent.answer(request))
    told = re.fullmatch(r"(\w+)\.\w+:80 with path (.*)", short)
    return f"{told[1]} {told[2]}" if told else short


def as_simulated(seen: Seen) -> str:
    if len(seen) > 3:
        return f"{seen[3]} {seen[4]}"
    return "another place, by a redirect" if seen[1] else str(seen[0])


@pytest.fixture(scope="module")
def counted() -> Iterator[list[int]]:
    """How many VirtualServices were migrated; in the end they must not be few."""
    found: list[int] = []
    yield found
    assert sum(found) > len(found), "of each world one and more are migrated"


@pytest.mark.parametrize("seed", range(examples(WORLDS)))
def test_an_envoy_answers_as_before(shops: Mesh, counted: list[int], seed: int) -> None:
    text = f"{SERVICES}{virtual_services(seed)}"
    engine, found = migration_of(text)
    counted.append(len(found.plan.virtual_services))
    if not found.plan.gateways:
        pytest.skip("nothing of this world has a counterpart")
    (gateway,) = found.plan.gateways.values()
    declared = declared_in(engine, engine.contents())
    asked = [request for _, every in requests_at(gateway, declared) for request in every]
    asked = asked[:: len(asked) // ASKED + 1]
    proof = SentConfiguration(engine.resources(engine.view(proxy_of(gateway))))
    shops.apply(text)
    asking = Asking(shops)
    before = {request: asking.seen(request) for request in asked}
    (after,) = found.files

    shops.apply(after.text)

    assert shops.gateway.rejected() == {}
    assert {r: s for r in asked if (s := asking.seen(r)) != before[r]} == {}
    assert {
        r: (simulated(proof, r), as_simulated(before[r]))
        for r in asked
        if simulated(proof, r) != as_simulated(before[r])
    } == {}


REDIRECTING = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*.example.com", d.org]
    tls: {httpsRedirect: true}
  - port: {number: 81, name: alt, protocol: HTTP}
    hosts: ["*.example.com", d.org]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec:
  hosts: [a.example.com, d.org]
  gateways: [istio-system/gw]
  http:
  - route: [{destination: {host: shop}}]
---
"""


def test_a_redirect_to_https_leads_to_the_same_place(shops: Mesh) -> None:
    services = SERVICES.replace("targetPort: 8080}]", "targetPort: 8080}, {name: alt, port: 81}]")
    text = REDIRECTING + "---".join(d for d in services.split("---") if "kind: Gateway" not in d)
    _, found = migration_of(text)
    asked = [
        Request(port=8080, host=host, path=path)
        for host in ("a.example.com", "A.example.com", "a.example.com:8080", "x.org", "d.org")
        for path in ("/", "/a?b=c", "/a/../b", "/%41")
    ]
    shops.apply(text)
    asking = Asking(shops)
    before = {request: asking.seen(request) for request in asked}
    (after,) = found.files

    shops.apply(after.text)

    assert "name: gw-https-redirect" in after.text
    assert {seen[:2] for seen in before.values()} >= {(301, "https://a.example.com/"), (404, None)}
    assert {r: s for r in asked if (s := asking.seen(r)) != before[r]} == {}
