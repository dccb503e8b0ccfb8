"""What leaves the mesh by an egress gateway (TLS originated, passed through by SNI, raw TCP), and
what does not leave.

Everything runs under both modes of ``outboundTrafficPolicy``: a gateway never passes on what is not
registered.
"""

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.mesh import CONTROLPLANE, LOOPBACK, Mesh, Workload, running_mesh
from tests.support.network import own_network
from tests.support.pki import Authority, Leaf
from tests.support.process import eventually
from tests.support.upstream import server_tls

pytestmark = pytest.mark.envoy

OUTSIDE, CLIENTS = Authority("outside"), Authority("clients")
API, WRONG, PAY, FILES, STRICT = (f"127.1.1.{i}" for i in range(1, 6))

MESH = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: egress, namespace: istio-system}
spec:
  selector: {istio: egressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: [api.partner.com, wrong.partner.com, pay.partner.com, strict.partner.com]
  - port: {number: 8443, name: tls, protocol: TLS}
    hosts: [files.partner.com, "*.media.com"]
    tls: {mode: PASSTHROUGH}
  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ["*"]}
  - {port: {number: 9001, name: tcp-tls, protocol: TCP}, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: by-sni, namespace: orders}
spec:
  hosts: [files.partner.com, "*.media.com"]
  gateways: [istio-system/egress]
  tls:
  - match: [{port: 8443, sniHosts: [files.partner.com]}]
    route: [{destination: {host: files.partner.com, port: {number: 443}}}]
  - match: [{port: 8443, sniHosts: ["*.media.com"]}]
    route: [{destination: {host: "*.media.com", port: {number: 443}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: tcp, namespace: orders}
spec:
  hosts: [files.partner.com]
  gateways: [istio-system/egress]
  tcp:
  - match: [{port: 9000}]
    route: [{destination: {host: files.partner.com, port: {number: 80}}}]
  - match: [{port: 9001}]
    route: [{destination: {host: api.partner.com, port: {number: 443}}}]
---
"""


def entry(host: str, address: str) -> str:
    name = host.replace("*", "all")
    return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: orders}}
spec:
  hosts: ["{host}"]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports:
  - {{number: 80, name: tcp, protocol: TCP, targetPort: 9080}}
  - {{number: 443, name: https, protocol: HTTPS, targetPort: 9443}}
  endpoints: [{{address: {address}}}]
---
"""


def originated(host: str, tls: str) -> str:
    """Plaintext HTTP at the gateway, TLS beyond it."""
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {host}, namespace: orders}}
spec:
  hosts: [{host}]
  gateways: [istio-system/egress]
  http:
  - retries: {{attempts: 0}}
    route: [{{destination: {{host: {host}, port: {{number: 443}}}}}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {host}, namespace: orders}}
spec:
  host: {host}
  trafficPolicy:
    portLevelSettings:
    - port: {{number: 443}}
      tls: {{{tls}}}
---
"""


def configuration() -> str:
    trusting = "credentialName: partner"
    return "".join(
        (
            MESH,
            *(entry(f"{n}.partner.com", a) for n, a in (("api", API), ("wrong", WRONG))),
            *(entry(f"{n}.partner.com", a) for n, a in (("pay", PAY), ("strict", STRICT))),
            entry("files.partner.com", FILES),
            entry("*.media.com", FILES),
            entry("registered.partner.com", API),
            originated(
                "api.partner.com",
                f"mode: SIMPLE, {trusting}, sni: api.partner.com, "
                "subjectAltNames: [api.partner.com]",
            ),
            originated(
                "wrong.partner.com",
                f"mode: SIMPLE, {trusting}, subjectAltNames: [wrong.partner.com]",
            ),
            originated("strict.partner.com", f"mode: SIMPLE, {trusting}"),
            originated("pay.partner.com", f"mode: MUTUAL, {trusting}, sni: pay.partner.com"),
            CLIENTS.leaf("egress.shop.com").secret("partner", authority=OUTSIDE.pem),
        )
    )


def only_for(context: ssl.SSLContext, name: str) -> ssl.SSLContext:
    """Refuse every SNI but ``name``."""
    remember = context.sni_callback
    assert remember is not None

    def check(connection: ssl.SSLObject, sni: str | None, whole: ssl.SSLContext) -> int | None:
        remember(connection, sni, whole)
        return None if sni == name else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    context.sni_callback = check
    return context


@dataclass(frozen=True)
class Egress:
    mesh: Mesh
    log: Path

    def logged(self, *words: str) -> str:
        """The line of the access log that has all ``words``, once Envoy has written it."""

        def found() -> list[str]:
            lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
            return [line for line in lines if all(word in line for word in words)]

        eventually(f"a line with {words}", lambda: bool(found()))
        return found()[-1]


@pytest.fixture(scope="module", params=["REGISTRY_ONLY", "ALLOW_ANY"])
def egress(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Egress]:
    folder = tmp_path_factory.mktemp("egress")
    mesh_config, log = folder / "meshconfig", folder / "access.log"
    mesh_config.write_text(
        f"accessLogFile: {log}\noutboundTrafficPolicy: {{mode: {request.param}}}\n"
    )
    clients = folder / "clients.pem"
    clients.write_text(CLIENTS.pem)
    workload = Workload(name="egressgateway", labels={"istio": "egressgateway"})
    with (
        own_network(),
        running_mesh(
            folder,
            files={"mesh.yaml": configuration()},
            workload=workload,
            serve_options=("--mesh-config", str(mesh_config)),
        ) as mesh,
    ):

        def outside(name: str, address: str, leaf: Leaf, roots: str | None = None) -> None:
            tls = server_tls(*leaf.files(folder, name), client_roots=roots)
            if name == "strict":
                tls = only_for(tls, "strict.partner.com")
            mesh.upstreams.add(name, address, 9443, tls=tls)

        outside("api", API, OUTSIDE.leaf("api.partner.com"))
        outside("wrong", WRONG, OUTSIDE.leaf("other.partner.com"))
        outside("pay", PAY, OUTSIDE.leaf("pay.partner.com"), str(clients))
        outside("files", FILES, OUTSIDE.leaf("files.partner.com", "*.media.com"))
        outside("strict", STRICT, OUTSIDE.leaf("strict.partner.com"))
        mesh.upstreams.add("files", FILES, 9080)
        mesh.until_upstream("api", "http://api.partner.com:8080/")
        yield Egress(mesh, log)


def test_the_gateway_speaks_tls_for_who_does_not(egress: Egress) -> None:
    seen = egress.mesh.send("http://api.partner.com:8080/v1/items").seen

    assert (seen["name"], seen["path"]) == ("api", "/v1/items")
    assert seen["tls"] == {"sni": "api.partner.com", "alpn": "http/1.1", "client": None}


def test_without_a_rule_for_it_the_host_is_sent_and_must_be_proven(egress: Egress) -> None:
    answer = egress.mesh.send("http://strict.partner.com:8080/")

    assert answer.upstream == "strict"
    assert egress.mesh.upstreams.by_name["strict"].hits["/"] >= 1


def test_a_certificate_for_another_name_is_refused_and_the_log_says_so(egress: Egress) -> None:
    assert egress.mesh.send("http://wrong.partner.com:8080/").status == 503

    line = egress.logged("wrong.partner.com:8080", " 503 ")
    assert "SAN" in line
    assert egress.mesh.upstreams.hits("wrong") == 0


def test_the_gateway_shows_a_client_certificate_where_one_is_demanded(egress: Egress) -> None:
    assert egress.mesh.send("http://pay.partner.com:8080/").seen["tls"] == {
        "sni": "pay.partner.com",
        "alpn": "http/1.1",
        "client": "egress.shop.com",
    }


@pytest.mark.parametrize("name", ["files.partner.com", "any.media.com", "a.b.media.com"])
def test_tls_of_the_clients_own_passes_by_its_sni(egress: Egress, name: str) -> None:
    trust = None if name == "a.b.media.com" else OUTSIDE.pem  # no certificate is for two labels

    answer = egress.mesh.send(f"https://{name}:8443/", trust=trust)

    assert answer.upstream == "files"
    assert answer.seen["tls"] == {"sni": name, "alpn": None, "client": None}


def test_tcp_is_forwarded_untouched(egress: Egress) -> None:
    with socket.create_connection((egress.mesh.workload.address, 9000), timeout=5) as connection:
        connection.sendall(b"\x00\x01")

        assert connection.recv(100) == b"files:\x00\x01"


def test_tcp_can_be_wrapped_in_tls(egress: Egress) -> None:
    with socket.create_connection((egress.mesh.workload.address, 9001), timeout=5) as connection:
        connection.sendall(b"\x00\x01")

        assert connection.recv(100) == b"api:\x00\x01"


@pytest.mark.parametrize("host", ["unknown.com", "registered.partner.com"])
def test_a_host_that_the_gateway_does_not_serve_gets_404_and_a_line_in_the_log(
    egress: Egress, host: str
) -> None:
    answer = egress.mesh.send(f"http://{host}:8080/secret")

    assert (answer.status, answer.body) == (404, b"")
    line = egress.logged(host)
    assert '"GET /secret HTTP/1.1" 404 NR route_not_found' in line


def test_an_unknown_server_name_is_closed_and_logged(egress: Egress) -> None:
    assert egress.mesh.send("https://unknown.com:8443/").error == "closed"

    assert " NR filter_chain_not_found " in egress.logged("unknown.com", "filter_chain")


def test_status_shows_what_upstreams_present_and_what_was_expected(egress: Egress) -> None:
    admin = f"{LOOPBACK}:{egress.mesh.control_plane.admin_port}"
    command = [*CONTROLPLANE, "status", "--tls", "--admin", admin]
    done = subprocess.run(command, capture_output=True, text=True)
    said = json.loads(
        subprocess.run([*command, "--output", "json"], capture_output=True, text=True).stdout
    )

    verdicts = {d["host"]: d["endpoints"][0]["message"] for d in said["destinations"]}
    assert verdicts == {
        "api.partner.com": "TLSv1.3, no ALPN, the authority and the name are verified",
        "pay.partner.com": "TLSv1.3, no ALPN, the authority is verified, but no name",
        "strict.partner.com": "TLSv1.3, no ALPN, the authority and the name are verified",
        "wrong.partner.com": "certificate of wrong.partner.com is for other.partner.com, "
        "expected wrong.partner.com",
    }
    assert done.returncode == 1
    assert "from DestinationRule orders/wrong.partner.com (" in done.stdout
    assert "Secret istio-system/partner (" in done.stdout
    assert "4 upstreams (1 fails), 1 Secret\n" in done.stdout
    assert "PRIVATE" not in json.dumps(said)
    assert egress.mesh.upstreams.hits("wrong") == 0


def test_a_metric_counts_down_to_the_end_of_a_secret(egress: Egress) -> None:
    text = egress.mesh.control_plane.admin("/metrics").text

    line = next(x for x in text.splitlines() if x.startswith("controlplane_secret_expiry_seconds{"))
    labels, value = line.removeprefix("controlplane_secret_expiry_seconds").split(" ")
    assert labels == '{name="partner",namespace="istio-system"}'
    assert 89 * 86400 < float(value) <= 90 * 86400
