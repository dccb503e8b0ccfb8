"""What is easily forgotten of destinations, TLS and servers at a gateway, each shown by a request
through a real Envoy.

Shown elsewhere: secrets are looked for where the gateway runs, and one that is missing costs its
own server until it appears (``test_gateway_tls``); a hashed header stays with its endpoint
(``test_destinations.test_a_value_of_the_hashed_header_stays_with_its_endpoint``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.client import Answer
from tests.support.mesh import Mesh, running_mesh
from tests.support.pki import Authority, encoded
from tests.support.upstream import server_tls

pytestmark = pytest.mark.envoy

ONE, TWO = "127.1.1.1", "127.1.1.2"
ROOT, CLIENTS, STRANGERS = Authority("root"), Authority("clients"), Authority("strangers")
INNER = ROOT.leaf("inner.example.com")
ALICE, MALLORY = CLIENTS.leaf("alice.example.com"), STRANGERS.leaf("alice.example.com")

SERVERS = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 8082, name: http-team, protocol: HTTP}, hosts: ["team/*"]}
  - {port: {number: 80, name: http-mapped, protocol: HTTP}, hosts: ["mapped.example.com"]}
  - port: {number: 8443, name: https-mesh, protocol: HTTPS}
    hosts: ["*"]
    tls: {mode: ISTIO_MUTUAL}
  - port: {number: 443, name: https-opaque, protocol: HTTPS}
    hosts: [opaque.example.com]
    tls: {mode: SIMPLE, credentialName: opaque}
  - port: {number: 443, name: https-mutual, protocol: HTTPS}
    hosts: [mutual.example.com]
    tls: {mode: MUTUAL, credentialName: mutual}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: later, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https-later, protocol: HTTPS}
    hosts: [later.example.com, opaque.example.com]
    tls: {mode: SIMPLE, credentialName: opaque}
  - {port: {number: 8080, name: tcp-later, protocol: TCP}, hosts: ["*"]}
---
apiVersion: v1
kind: Service
metadata: {name: ingressgateway, namespace: istio-system}
spec:
  clusterIP: 10.96.0.1
  selector: {istio: ingressgateway}
  ports: [{name: http-mapped, port: 80, targetPort: 8090}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ingressgateway, namespace: istio-system}
spec: {address: 127.0.0.2, locality: r1/z1, labels: {istio: ingressgateway}}
---
"""


def answering(
    name: str, rules: str, *, host: str, namespace: str = "istio-system", export_to: str = "*"
) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  hosts: ["{host}"]
  gateways: [istio-system/gw, istio-system/later]
  exportTo: ["{export_to}"]
  http: [{rules}]
---
"""


def destination(
    name: str,
    policy: str = "",
    *,
    port: int = 9443,
    more: str = "",
    endpoints: str = f"[{{address: {ONE}}}]",
) -> str:
    """``NAME.example.com`` by way of the gateway; ``policy`` is a ``trafficPolicy``."""
    route = f"{{route: [{{destination: {{host: {name}.example.com, port: {{number: 80}}}}}}]}}"
    at_81 = f"{{host: {name}.example.com, port: {{number: 81}}}}"
    other = f"{{match: [{{uri: {{prefix: /81}}}}], route: [{{destination: {at_81}}}]}}"
    written = answering(name, f"{more}{other}, {route}", host=f"{name}.example.com")
    entry = f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: istio-system}}
spec:
  hosts: [{name}.example.com]
  ports:
  - {{number: 80, name: http, protocol: HTTP, targetPort: {port}}}
  - {{number: 81, name: http-more, protocol: HTTP, targetPort: 9080}}
  resolution: STATIC
  endpoints: {endpoints}
---
"""
    return written + entry + (rule(name, f"{name}.example.com", policy) if policy else "")


def rule(
    name: str, host: str, policy: str, *, namespace: str = "istio-system", subsets: str = "[]"
) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  host: "{host}"
  trafficPolicy: {policy}
  subsets: {subsets}
---
"""


def tiered(namespace: str) -> str:
    """A service with a rule of its own that declares a subset, and a route of ``team`` to it."""
    host = f"shop.{namespace}.svc.cluster.local"
    subset = f"{{route: [{{destination: {{host: {host}, subset: v1}}}}]}}"
    entry = f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: shop, namespace: {namespace}}}
spec:
  hosts: [{host}]
  location: MESH_INTERNAL
  ports: [{{number: 80, name: http, protocol: HTTP, targetPort: 9080}}]
  resolution: STATIC
  endpoints: [{{address: {ONE}}}]
---
"""
    return entry + answering(namespace, subset, host=f"{namespace}.example.com", namespace="team")


RANDOM = "{loadBalancer: {simple: RANDOM}}"
V1 = "[{name: v1, labels: {}}]"
TIERS = "".join(
    (
        *map(tiered, ("own", "hidden", "strange")),
        rule("own", "shop.own.svc.cluster.local", RANDOM, namespace="own", subsets=V1),
        rule("hidden", "shop.hidden.svc.cluster.local", RANDOM, namespace="hidden", subsets=V1),
        # The gateway runs in the root namespace, of which only private rules go first.
        rule("wide", "*.hidden.svc.cluster.local", RANDOM).replace(
            "spec:", 'spec:\n  exportTo: ["."]'
        ),
        rule("strange", "shop.strange.svc.cluster.local", RANDOM, namespace="team", subsets=V1),
    )
)
TO_OPAQUE = "{directResponse: {status: 200}}"
SERVED = "".join(
    (
        answering("opaque", TO_OPAQUE, host="opaque.example.com"),
        answering("mutual", TO_OPAQUE, host="mutual.example.com"),
        answering("later", TO_OPAQUE, host="later.example.com"),
        answering("ours", TO_OPAQUE, host="ours.example.com"),
        answering("theirs", TO_OPAQUE, host="theirs.example.com", namespace="team"),
        answering(
            "private", TO_OPAQUE, host="private.example.com", namespace="team", export_to="."
        ),
        answering(
            "mapped",
            "{match: [{port: 8090}], directResponse: {status: 203}},"
            " {match: [{port: 80}], directResponse: {status: 201}}",
            host="mapped.example.com",
        ),
        answering(
            "mesh",
            "{match: [{port: 8443}], route: [{destination: {host: plain.example.com,"
            " port: {number: 81}}}]}",
            host="mixed.example.com",
        ).replace("name: mesh", "name: a-mesh"),
    )
)


def destinations(root: Path) -> str:
    simple = f"mode: SIMPLE, caCertificates: {root}"
    near = "[{address: 127.1.1.1, locality: r1/z1}, {address: 127.1.1.2, locality: r2/z1}]"
    ejecting = "{consecutive5xxErrors: 1, maxEjectionPercent: 100, baseEjectionTime: 1h}"
    to_inner = "[{destination: {host: outer.example.com, port: {number: 80}}}]"
    renamed = (
        "{match: [{uri: {prefix: /inner}}], rewrite: {authority: inner.example.com},"
        f" route: {to_inner}}}, "
    )
    mixed = (
        "[{address: 127.0.0.2, ports: {http: 8443}, labels: {istio: ingressgateway},"
        " serviceAccount: ingressgateway}, {address: 127.1.1.2, ports: {http: 9080}}]"
    )
    return "".join(
        (
            destination("outer", f"{{tls: {{{simple}}}}}", more=renamed),
            destination("named", f"{{tls: {{{simple}, sni: any.example.com}}}}"),
            destination("system", "{tls: {mode: SIMPLE, sni: inner.example.com}}"),
            destination("plain", "{tls: {}}", port=9080),
            destination("no-authority", "{tls: {mode: SIMPLE, credentialName: no-authority}}"),
            destination(
                "ports",
                f"{{tls: {{{simple}, sni: inner.example.com}}, portLevelSettings:"
                " [{port: {number: 81}, loadBalancer: {simple: RANDOM}}]}",
            ),
            destination("near", RANDOM, port=9080, endpoints=near),
            destination("ejected", f"{{outlierDetection: {ejecting}}}", port=9080),
            destination("mixed", "{loadBalancer: {simple: ROUND_ROBIN}}", endpoints=mixed).replace(
                "resolution: STATIC", "location: MESH_INTERNAL\n  resolution: STATIC"
            ),
        )
    )


def secrets() -> str:
    opaque = ROOT.leaf("opaque.example.com").secret("opaque")
    authority = f"  ca.crt: {encoded(CLIENTS.pem)}\n"
    return "".join(
        (
            opaque.replace("tls.crt", "cert").replace("tls.key", "key"),
            ROOT.leaf("mutual.example.com").secret("mutual", authority=STRANGERS.pem),
            "apiVersion: v1\nkind: Secret\n"
            "metadata: {name: mutual-cacert, namespace: istio-system}\n"
            f"data:\n{authority}---\n",
            CLIENTS.leaf("gateway.example.com").secret("no-authority"),
        )
    ).replace("type: kubernetes.io/tls", "type: Opaque")


@dataclass(frozen=True, kw_only=True)
class Gateway:
    mesh: Mesh
    clients: dict[str, tuple[str, str]]

    def at(self, host: str, path: str = "/", *, port: int = 8080) -> Answer:
        return self.mesh.send(f"http://{host}.example.com:{port}{path}")

    def secure(self, host: str, client: str = "") -> int:
        """The status; 0 where the handshake fails."""
        url = f"https://{host}.example.com/"
        return self.mesh.send(url, client=self.clients.get(client)).status


@pytest.fixture(scope="module")
def gateway(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("files")
    root = folder / "root.pem"
    root.write_text(ROOT.pem, encoding="utf-8")
    files = {
        "mesh.yaml": SERVERS + SERVED + TIERS + destinations(root),
        "secrets.yaml": secrets(),
    }
    with running_mesh(tmp_path_factory.mktemp("mesh"), files=files) as mesh:
        for name, address in (("one", ONE), ("two", TWO)):
            mesh.upstreams.add(name, address, 9080)
        mesh.upstreams.add("one", ONE, 9443, tls=server_tls(*INNER.files(folder, "inner")))
        mesh.until_upstream("one", "http://plain.example.com:8080/")
        clients = {
            name: leaf.files(folder, name)
            for name, leaf in (("alice", ALICE), ("mallory", MALLORY))
        }
        yield Gateway(mesh=mesh, clients=clients)


def test_a_rewritten_host_is_the_name_that_is_asked_for_and_proven(gateway: Gateway) -> None:
    seen = gateway.at("outer", "/inner").seen["tls"]

    assert seen == {"sni": "inner.example.com", "alpn": "http/1.1", "client": None}


def test_settings_of_a_port_inherit_nothing(gateway: Gateway) -> None:
    assert gateway.at("ports").seen["tls"] is not None
    assert gateway.at("ports", "/81").seen["tls"] is None


@pytest.mark.parametrize(
    ("host", "status"),
    [("own", 200), ("hidden", 503), ("strange", 503)],
    ids=[
        "the service's namespace is asked",
        "but not where a wider rule is in the gateway's",
        "and never the VirtualService's",
    ],
)
def test_rules_are_looked_for_by_namespace(gateway: Gateway, host: str, status: int) -> None:
    assert gateway.at(host).status == status


def test_tls_without_a_mode_is_none(gateway: Gateway) -> None:
    answer = gateway.at("plain")

    assert (answer.status, answer.seen["tls"]) == (200, None)


def test_a_name_is_proven_unless_the_sni_is_written_and_roots_are_the_systems(
    gateway: Gateway,
) -> None:
    assert gateway.at("outer").status == 503
    assert gateway.at("named").status == 200
    assert gateway.at("system").status == 503


def test_a_credential_without_an_authority_reaches_no_endpoint(gateway: Gateway) -> None:
    assert gateway.at("no-authority").status == 503


def test_secrets_may_be_opaque_and_an_authority_of_its_own_goes_first(gateway: Gateway) -> None:
    assert gateway.secure("opaque") == 200
    assert gateway.secure("mutual", "alice") == 200
    assert gateway.secure("mutual", "mallory") == 0


def test_a_mapped_port_is_listened_on_and_the_declared_one_matched(gateway: Gateway) -> None:
    assert gateway.mesh.send("http://mapped.example.com/", port=8090).status == 201
    assert gateway.mesh.send("http://mapped.example.com/", port=80).error == "refused"


def test_a_server_with_a_host_that_is_taken_is_none_and_the_first_protocol_wins(
    gateway: Gateway,
) -> None:
    assert gateway.secure("later") == 0
    assert gateway.at("plain").status == 200


def test_a_namespace_before_a_host_admits_its_virtual_services_that_the_gateway_sees(
    gateway: Gateway,
) -> None:
    assert gateway.at("theirs", port=8082).status == 200
    assert gateway.at("ours", port=8082).status == 404
    assert gateway.at("private", port=8082).status == 404


def test_without_outlier_detection_localities_do_not_matter(gateway: Gateway) -> None:
    assert {gateway.at("near").upstream for _ in range(40)} == {"one", "two"}


def test_when_all_are_ejected_no_endpoint_is_asked(gateway: Gateway) -> None:
    assert gateway.at("ejected", "/status/503").upstream == "one"

    gateway.mesh.until(
        lambda answer: (answer.status, answer.text) == (503, "no healthy upstream"),
        "http://ejected.example.com:8080/",
    )


def test_each_endpoint_gets_mutual_tls_or_not_as_it_can(gateway: Gateway) -> None:
    assert {gateway.at("mixed").upstream for _ in range(20)} == {"one", "two"}
