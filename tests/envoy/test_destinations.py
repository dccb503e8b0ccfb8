"""A real Envoy balances, limits, ejects and encrypts as DestinationRules say."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mesh import Mesh, running_mesh
from tests.support.pki import Authority
from tests.support.upstream import server_tls

pytestmark = pytest.mark.envoy

ROOT, STRANGERS, CLIENTS = Authority("root"), Authority("strangers"), Authority("clients")
ONE, TWO, THREE = "127.1.1.1", "127.1.1.2", "127.1.1.3"
GATEWAY_ITSELF = "127.0.0.2"

GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}
  - port: {number: 8443, name: https, protocol: HTTPS}
    hosts: ["*"]
    tls: {mode: ISTIO_MUTUAL}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ingressgateway, namespace: istio-system}
spec: {address: 127.0.0.2, locality: r1/z1, labels: {istio: ingressgateway}}
---
"""

UNREADY = """
apiVersion: v1
kind: Service
metadata: {name: unready, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: unready, namespace: default, labels: {kubernetes.io/service-name: unready}}
addressType: IPv4
ports: [{name: http, port: 9080}]
endpoints: [{addresses: [127.1.1.1], conditions: {ready: false}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: unready, namespace: default}
spec:
  hosts: [unready.company.com]
  gateways: [istio-system/gw]
  http: [{route: [{destination: {host: unready}}]}]
---
"""

NEAR = """
  resolution: STATIC
  endpoints:
  - {address: 127.1.1.1, locality: r2/z1}
  - {address: 127.1.1.2, locality: r1/z1}
  - {address: 127.1.1.3, locality: r1/z2}"""


def static(*addresses: str, port: int = 9080) -> str:
    listed = ", ".join(f"{{address: {a}, ports: {{http: {port}}}}}" for a in addresses)
    return f"  resolution: STATIC\n  endpoints: [{listed}]"


def destination(host: str, endpoints: str, policy: str = "") -> str:
    """A host that the gateway routes to, and perhaps the policy for it.

    What arrives at the gateway by mutual TLS, from itself, goes on to the first upstream.
    """
    entry = f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {host}, namespace: istio-system}}
spec:
  hosts: [{host}.company.com]
  gateways: [gw]
  http:
  - match: [{{port: 8443}}]
    route: [{{destination: {{host: even.company.com}}}}]
  - retries: {{attempts: 0}}
    route: [{{destination: {{host: {host}.company.com}}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {host}, namespace: istio-system}}
spec:
  hosts: [{host}.company.com]
  ports: [{{number: 80, name: http, protocol: HTTP, targetPort: 9080}}]
{endpoints}
---
"""
    rule = f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {host}, namespace: istio-system}}
spec:
  host: {host}.company.com
  trafficPolicy: {policy}
---
"""
    return entry + rule if policy else entry


def within(account: str, location: str = "MESH_INTERNAL") -> str:
    """The gateway's own TLS port as an endpoint that is known by ``account``."""
    labels = "{istio: ingressgateway}"
    address = f"address: {GATEWAY_ITSELF}, ports: {{http: 8443}}, labels: {labels}"
    return (
        f"  location: {location}\n  resolution: STATIC\n"
        f"  endpoints: [{{{address}, serviceAccount: {account}}}]"
    )


def configuration(root: Path) -> str:
    simple = f"{{tls: {{mode: SIMPLE, caCertificates: {root}}}}}"
    ejecting = "{consecutive5xxErrors: 1, maxEjectionPercent: 50, baseEjectionTime: 1h}"
    return "".join(
        (
            GATEWAY,
            UNREADY,
            destination("even", static(ONE, TWO), "{loadBalancer: {simple: ROUND_ROBIN}}"),
            destination(
                "sticky",
                static(ONE, TWO, THREE),
                "{loadBalancer: {consistentHash: {httpHeaderName: x-user}}}",
            ),
            destination("near", NEAR, "{outlierDetection: {interval: 5s}}"),
            destination("ejecting", static(ONE, TWO), f"{{outlierDetection: {ejecting}}}"),
            destination("named", "  resolution: DNS\n  endpoints: [{address: localhost}]"),
            destination(
                "upgraded", static(ONE), "{connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}"
            ),
            destination("simple", static(ONE, port=9443), simple),
            destination("distrusted", static(TWO, port=9443), simple),
            destination(
                "partner",
                static(THREE, port=9443),
                "{tls: {mode: MUTUAL, credentialName: partner, sni: partner.company.com},"
                " connectionPool: {http: {maxRequestsPerConnection: 1}}}",
            ),
            destination("account", within("ingressgateway")),
            destination("stranger", within("stranger")),
            destination("outside", within("ingressgateway", "MESH_EXTERNAL")),
        )
    )


@pytest.fixture(scope="module")
def mesh(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("files")
    root, clients = folder / "root.pem", folder / "clients.pem"
    root.write_text(ROOT.pem, encoding="utf-8")
    clients.write_text(CLIENTS.pem, encoding="utf-8")
    partner = CLIENTS.leaf("gateway.company.com").secret("partner", authority=ROOT.pem)
    files = {"mesh.yaml": configuration(root), "partner.yaml": partner}
    with running_mesh(tmp_path_factory.mktemp("mesh"), files=files) as running:
        for name, address in (("one", ONE), ("two", TWO), ("three", THREE), ("one", "127.0.0.1")):
            running.upstreams.add(name, address, 9080)
        good = ROOT.leaf("simple.company.com").files(folder, "good")
        bad = STRANGERS.leaf("distrusted.company.com").files(folder, "bad")
        asking = ROOT.leaf("partner.company.com").files(folder, "partner")
        running.upstreams.add("one", ONE, 9443, tls=server_tls(*good))
        running.upstreams.add("two", TWO, 9443, tls=server_tls(*bad))
        tls = server_tls(*asking, client_roots=str(clients))
        running.upstreams.add("three", THREE, 9443, tls=tls)
        running.until_upstream("one", "http://simple.company.com:8080/")
        yield running


def upstreams(mesh: Mesh, host: str, count: int, **headers: str) -> Counter[object]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Counter(
        mesh.send(f"http://{host}.company.com:8080/", headers=sent).upstream for _ in range(count)
    )


def test_round_robin_takes_turns(mesh: Mesh) -> None:
    assert set(upstreams(mesh, "even", 20)) == {"one", "two"}


def test_a_value_of_the_hashed_header_stays_with_its_endpoint(mesh: Mesh) -> None:
    of_users = [upstreams(mesh, "sticky", 5, x_user=f"user-{i}") for i in range(20)]

    assert all(len(counts) == 1 for counts in of_users)
    assert len({name for counts in of_users for name in counts}) == 3


def test_the_nearest_locality_takes_everything_while_it_is_well(mesh: Mesh) -> None:
    assert upstreams(mesh, "near", 20) == {"two": 20}


def test_an_endpoint_that_fails_is_left_out(mesh: Mesh) -> None:
    first = mesh.send("http://ejecting.company.com:8080/status/503")

    def rest() -> bool:
        return len(upstreams(mesh, "ejecting", 10)) == 1

    mesh.until(lambda _: rest(), "http://ejecting.company.com:8080/")
    assert first.upstream not in upstreams(mesh, "ejecting", 10)


def test_endpoints_that_are_not_ready_get_nothing(mesh: Mesh) -> None:
    answer = mesh.send("http://unready.company.com:8080/")

    assert (answer.status, answer.text) == (503, "no healthy upstream")


def test_names_are_looked_up(mesh: Mesh) -> None:
    assert mesh.until_upstream("one", "http://named.company.com:8080/").status == 200


def test_an_upgraded_destination_is_spoken_to_by_http2(mesh: Mesh) -> None:
    assert mesh.send("http://upgraded.company.com:8080/").seen["protocol"] == "HTTP/2"


def test_tls_of_the_users_own_sends_the_host_as_sni(mesh: Mesh) -> None:
    seen = mesh.send("http://simple.company.com:8080/").seen["tls"]

    assert seen == {"sni": "simple.company.com", "alpn": "http/1.1", "client": None}


def test_an_upstream_that_another_authority_vouches_for_is_not_trusted(mesh: Mesh) -> None:
    assert mesh.send("http://distrusted.company.com:8080/").status == 503


def test_a_client_certificate_comes_from_a_secret_and_goes_with_it(mesh: Mesh) -> None:
    assert mesh.send("http://partner.company.com:8080/").seen["tls"] == {
        "sni": "partner.company.com",
        "alpn": "http/1.1",
        "client": "gateway.company.com",
    }

    other = STRANGERS.leaf("gateway.company.com").secret("partner", authority=ROOT.pem)
    mesh.edited(lambda: mesh.write("partner.yaml", other))

    refused = mesh.until(lambda a: a.status == 503, "http://partner.company.com:8080/")
    assert refused.upstream is None


@pytest.mark.parametrize(
    ("host", "status"),
    [("account", 200), ("stranger", 503), ("outside", 503)],
    ids=[
        "an endpoint with an account gets the mesh's mutual TLS",
        "and must prove that account",
        "but not where it is outside of the mesh",
    ],
)
def test_mutual_tls_within_the_mesh(mesh: Mesh, host: str, status: int) -> None:
    assert mesh.send(f"http://{host}.company.com:8080/").status == status


def test_an_endpoint_that_comes_is_used_and_one_that_goes_is_not(mesh: Mesh) -> None:
    moving = destination("moving", static(ONE))
    mesh.edited(lambda: mesh.write("moving.yaml", moving))
    mesh.until_upstream("one", "http://moving.company.com:8080/")

    mesh.edited(lambda: mesh.write("moving.yaml", destination("moving", static(TWO))))

    mesh.until_upstream("two", "http://moving.company.com:8080/")
    assert upstreams(mesh, "moving", 10) == {"two": 10}
