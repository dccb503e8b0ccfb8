"""A small registry of images on loopback, with tokens where it has users."""

import base64
import gzip
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
WASM_LAYER: Final = "application/vnd.module.wasm.content.layer.v1+wasm"
TOKEN: Final = "a-token"


@dataclass
class Registry:
    """``users`` by name with their passwords; without any everybody may read."""

    users: dict[str, str] = field(default_factory=dict)
    bearer: bool = True
    manifests: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def blob(self, content: bytes) -> str:
        digest = f"sha256:{sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return digest

    def manifest(self, content: dict[str, Any], *names: str) -> str:
        """Its digest; it is there under ``names`` too."""
        body = json.dumps(content).encode()
        digest = f"sha256:{sha256(body).hexdigest()}"
        self.manifests.update(dict.fromkeys((digest, *names), body))
        return digest

    def image(
        self,
        name: str,
        layer: bytes,
        *,
        layer_type: str = OCI_LAYER,
        media_type: str = OCI_MANIFEST,
    ) -> str:
        """Push an image of one layer; its digest."""
        layers = [{"mediaType": layer_type, "digest": self.blob(layer), "size": len(layer)}]
        return self.manifest({"mediaType": media_type, "layers": layers}, name)

    def index(self, name: str, manifests: list[dict[str, Any]]) -> str:
        return self.manifest({"mediaType": OCI_INDEX, "manifests": manifests}, name)


def archive(content: bytes, name: str = "plugin.wasm") -> bytes:
    """A layer of one file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def docker_config(host: str, user: str, password: str) -> str:
    """What a Secret for the registry holds."""
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    return json.dumps({"auths": {host: {"auth": auth}}})


@contextmanager
def running_registry(registry: Registry) -> Iterator[Registry]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
            registry.asked.append(self.path)
            if path == "/token":
                self._token(query)
            elif not self._is_admitted():
                self._refuse()
            else:
                *_, kind, name = path.split("/")
                found = registry.manifests if kind == "manifests" else registry.blobs
                self._answer(200, found[name]) if name in found else self._answer(404, b"{}")

        def _token(self, query: dict[str, list[str]]) -> None:
            if self._has_password() and query.get("service") == ["test"]:
                self._answer(200, json.dumps({"token": TOKEN}).encode())
            else:
                self._answer(401, b"{}")

        def _is_admitted(self) -> bool:
            said = self.headers.get("Authorization", "")
            if not registry.users:
                return True
            return said == f"Bearer {TOKEN}" if registry.bearer else self._has_password()

        def _has_password(self) -> bool:
            said = self.headers.get("Authorization", "").removeprefix("Basic ")
            user, _, password = base64.b64decode(said).decode().partition(":")
            return registry.users.get(user) == password

        def _refuse(self) -> None:
            self.send_response(401)
            realm = f'Bearer realm="http://{registry.host}/token",service="test"'
            self.send_header("WWW-Authenticate", realm if registry.bearer else 'Basic realm="a"')
            self.end_headers()

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        registry.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield registry
        finally:
            server.shutdown()
