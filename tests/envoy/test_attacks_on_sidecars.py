"""What an attacker tries at a workload with a sidecar, from the network and from beside it."""

import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controlplane.base.names import Namespace
from controlplane.identity.authority import Authority
from controlplane.identity.certificates import workload_credential
from controlplane.identity.identity import Identity
from controlplane.identity.mesh_authority import kept_mesh_authority
from controlplane.model.proxy import Role
from controlplane.sources.state import StateDirectory
from samples.bookinfo.network import Host
from tests.support.mesh_network import APPLICATION, PROXY, ran
from tests.support.mutual_mesh import MutualMesh, mutual_mesh

pytestmark = pytest.mark.envoy

HTTP = b"GET / HTTP/1.1\r\nhost: w0.default.svc.cluster.local\r\nconnection: close\r\n\r\n"
WAIT = 5.0  # seconds


@dataclass
class Attacked:
    """A mesh of two, and a folder for what attackers have."""

    mesh: MutualMesh
    folder: Path

    @property
    def host(self) -> Host:
        return self.mesh.hosts[0]

    @property
    def authority(self) -> Authority:
        return kept_mesh_authority(StateDirectory(self.mesh.state).authority, datetime.now(UTC))

    def answer(self, client: ssl.SSLContext | None, port: int = 9080) -> str:
        """The first line of the answer from outside; ``nothing`` where the connection ends."""
        address = (self.host.address, port)
        try:
            with socket.create_connection(address, WAIT) as connection:
                if client is None:
                    return first_line(connection)
                with client.wrap_socket(connection) as secured:
                    return first_line(secured)
        except ConnectionRefusedError:
            return "refused"
        except (OSError, ssl.SSLError):
            return "nothing"

    def client(self, trust_domain: str | None, signer: Authority | None = None) -> ssl.SSLContext:
        """A client that shows a certificate for this trust domain, or none."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["istio-http/1.1", "istio"])
        if trust_domain is not None:
            who = Identity(
                trust_domain=trust_domain,
                namespace=Namespace("default"),
                service_account="w1",
                role=Role.SIDECAR,
            )
            now, life = datetime.now(UTC), timedelta(hours=1)
            made = workload_credential(signer or self.authority, who, now, life)
            file = self.folder / "attacker.pem"
            file.write_bytes(made.key + made.chain)
            context.load_cert_chain(file)
        return context


def first_line(connection: socket.socket) -> str:
    connection.sendall(HTTP)
    return connection.recv(4096).partition(b"\r\n")[0].decode() or "nothing"


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    folder = tmp_path_factory.mktemp("attacked")
    with mutual_mesh(folder, 2, life="1h", pause=1.0) as mesh:
        yield Attacked(mesh, folder)


def test_a_client_of_the_mesh_is_answered(attacked: Attacked) -> None:
    assert attacked.answer(attacked.client("cluster.local")) == "HTTP/1.1 200 OK"


def test_a_client_of_another_mesh_under_the_same_root_is_not(attacked: Attacked) -> None:
    assert attacked.answer(attacked.client("other.example")) == "nothing"
    assert attacked.answer(attacked.client("cluster.local.evil.example")) == "nothing"


def test_a_client_of_another_authority_is_not(attacked: Attacked, tmp_path: Path) -> None:
    area = StateDirectory.opened(tmp_path / "other").authority
    other = kept_mesh_authority(area, datetime.now(UTC))

    assert attacked.answer(attacked.client("cluster.local", other)) == "nothing"


def test_a_client_without_a_certificate_is_not(attacked: Attacked) -> None:
    assert attacked.answer(attacked.client(None)) == "nothing"


def test_plaintext_is_not_answered(attacked: Attacked) -> None:
    assert attacked.answer(None) == "nothing"


@pytest.mark.parametrize("port", [15006, 15001])
def test_the_sidecars_own_ports_lead_nowhere_from_outside(attacked: Attacked, port: int) -> None:
    nowhere = ("nothing", "refused", "HTTP/1.1 503 Service Unavailable")

    assert attacked.answer(attacked.client("cluster.local"), port) in nowhere
    assert attacked.answer(None, port) in nowhere[:2]


def test_the_admin_interface_is_closed_to_the_network(attacked: Attacked) -> None:
    assert attacked.answer(None, 15000) == "refused"


CALL = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as connection:
        connection.sendall(b"GET / HTTP/1.1\\r\\nhost: w1\\r\\nconnection: close\\r\\n\\r\\n")
        print(connection.recv(4096).partition(b"\\r\\n")[0].decode() or "nothing")
except OSError:
    print("nothing")
"""


@pytest.mark.parametrize("port", [15006, 15001])
def test_they_lead_the_application_nowhere(attacked: Attacked, port: int) -> None:
    called = (sys.executable, "-c", CALL, "127.0.0.1", str(port))

    assert ran(attacked.host, *called, uid=APPLICATION).stdout.strip() == "nothing"


def test_nothing_that_envoy_shows_holds_a_private_key(attacked: Attacked) -> None:
    for path in ("/certs", "/config_dump?resource=dynamic_active_secrets", "/config_dump"):
        shown = ran(attacked.host, "curl", "-sS", f"http://127.0.0.1:15000{path}", uid=PROXY)
        assert "default" in shown.stdout or "spiffe" in shown.stdout
        assert "PRIVATE KEY" not in shown.stdout
        assert "UFJJVkFURSBLRVk" not in shown.stdout, "nor in Base64"
