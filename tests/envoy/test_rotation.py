"""Certificates are replaced twenty times a second, and no request and no handshake fails."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import pytest

from tests.support.mesh import Mesh, running_mesh
from tests.support.pki import Authority, Leaf
from tests.support.process import eventually

pytestmark = pytest.mark.envoy

ROOT = Authority("root")
REQUESTS = 5_000
PER_CONNECTION = 3
CLIENTS = 4
TURNS = 20  # a second
NAMES = ("files.example.com", "yaml.example.com")

MESH = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https-1, protocol: HTTPS}
    hosts: [files.example.com]
    tls: {mode: SIMPLE, credentialName: from-files}
  - port: {number: 443, name: https-2, protocol: HTTPS}
    hosts: [yaml.example.com]
    tls: {mode: SIMPLE, credentialName: from-yaml}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all, namespace: istio-system}
spec:
  hosts: ["*"]
  gateways: [gw]
  http: [{directResponse: {status: 200, body: {string: here}}}]
"""


@dataclass(frozen=True)
class Rotation:
    """Two Secrets that change: one of files, one of YAML."""

    mesh: Mesh
    folder: Path

    def turn(self, files: Leaf, yaml: Leaf) -> None:
        """The certificate and the key are replaced one after the other, as people do it."""
        for name, text in (("tls.crt", files.certificate), ("tls.key", files.key)):
            draft = self.folder / f".{name}.new"
            draft.write_text(text, encoding="utf-8")
            draft.rename(self.folder / name)
        self.mesh.write("secret.yaml", yaml.secret("from-yaml"))

    def turn_until(self, stop: threading.Event, leaves: dict[str, list[Leaf]]) -> int:
        """Turn twenty times a second; gives how often."""
        turns = 0
        due = time.monotonic()
        for files, yaml in zip(*(cycle(leaves[name]) for name in NAMES), strict=False):
            if stop.wait(max(due - time.monotonic(), 0)):
                break
            self.turn(files, yaml)
            turns += 1
            due += 1 / TURNS
        return turns


@pytest.fixture
def rotation(network: None, tmp_path: Path) -> Iterator[Rotation]:
    secrets = tmp_path / "secrets"
    folder = secrets / "istio-system/from-files"
    folder.mkdir(parents=True)
    ROOT.leaf(NAMES[0]).files(folder, "tls")
    files = {"mesh.yaml": MESH, "secret.yaml": ROOT.leaf(NAMES[1]).secret("from-yaml")}
    options = ("--secrets", str(secrets))
    with running_mesh(tmp_path, files=files, serve_options=options) as mesh:
        for name in NAMES:
            mesh.until(lambda a: a.status == 200, f"https://{name}/", trust=ROOT.pem)
        yield Rotation(mesh=mesh, folder=folder)


def requests_on_one_connection(
    context: ssl.SSLContext, address: str, name: str, count: int
) -> bytes:
    """Send ``count`` requests, each answered by 200; gives the certificate that was shown."""
    with (
        socket.create_connection((address, 443), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=name) as connection,
    ):
        for _ in range(count):
            connection.sendall(f"GET / HTTP/1.1\r\nhost: {name}\r\n\r\n".encode())
            answer = b""
            while not answer.endswith(b"here"):
                part = connection.recv(4096)
                if not part:
                    raise ConnectionError(f"closed after {answer!r}")
                answer += part
            if not answer.startswith(b"HTTP/1.1 200"):
                raise ConnectionError(f"answered {answer!r}")
        return connection.getpeercert(binary_form=True) or b""


def test_no_request_fails_while_certificates_are_replaced(rotation: Rotation) -> None:
    leaves = {name: [ROOT.leaf(name) for _ in range(100)] for name in NAMES}
    context = ssl.create_default_context(cadata=ROOT.pem)
    address = rotation.mesh.workload.address
    stop = threading.Event()
    failures: list[str] = []
    shown: dict[str, set[bytes]] = {name: set() for name in NAMES}

    def ask(number: int) -> None:
        name = NAMES[number % 2]
        try:
            seen = requests_on_one_connection(context, address, name, PER_CONNECTION)
            shown[name].add(seen)
        except OSError as fault:
            failures.append(f"{name}: {fault!r}")

    with ThreadPoolExecutor(CLIENTS + 1) as executor:
        turning = executor.submit(rotation.turn_until, stop, leaves)
        list(executor.map(ask, range(1 + REQUESTS // PER_CONNECTION)))
        stop.set()
        turns = turning.result()

    assert failures == []
    assert turns >= REQUESTS // 50  # at 20 a second these requests see several hundred
    assert min(map(len, shown.values())) >= 30

    last = {name: ROOT.leaf(name) for name in NAMES}
    rotation.turn(*last.values())
    for name in NAMES:
        der = ssl.PEM_cert_to_DER_cert(last[name].certificate)
        eventually(
            f"{name} shows the last certificate",
            lambda name=name, der=der: requests_on_one_connection(context, address, name, 1) == der,
            within=2,
        )
