"""Keys that the control plane fetches from an issuer, in a real Envoy: they outlive a restart that
the issuer does not, and rotate without a request lost.
"""

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.envoy.test_authorization import MESH, SHOP
from tests.support.client import send
from tests.support.envoy import Envoy, free_port, running_envoy
from tests.support.mesh import CONTROLPLANE, ControlPlane, Workload
from tests.support.network import own_network
from tests.support.process import eventually
from tests.support.tls_server import tls_server
from tests.support.upstream import running_upstreams
from tests.unit.sources.test_key_fetch import Pages, issuer

pytestmark = pytest.mark.envoy


def test_fetched_keys_verify_tokens_even_after_a_restart_without_the_issuer(
    tmp_path: Path,
) -> None:
    key, proxy = Ed25519PrivateKey.generate(), Workload()
    good, forged = (
        jwt.encode({"iss": "me", "sub": "alice", "exp": 4102444800}, each, algorithm="EdDSA")
        for each in (key, Ed25519PrivateKey.generate())
    )
    keys = f'{{"keys":[{jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())}]}}'

    def status(token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        return send("http://a/", address=proxy.address, port=8080, headers=headers).status

    with own_network(), running_upstreams() as upstreams, ExitStack() as stack:
        upstreams.add("shop", SHOP, 9080)
        control_plane = ControlPlane(tmp_path)
        with issuer({"/k": (200, keys)}) as at, ExitStack() as first:
            (control_plane.config / "mesh.yaml").write_text(
                MESH
                + f"""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: r, namespace: istio-system}}
spec: {{jwtRules: [{{issuer: me, jwksUri: "{at}/k"}}]}}
"""
            )
            first.enter_context(control_plane.running())
            first.enter_context(control_plane.proxy(tmp_path / "first", proxy))
            eventually("the keys are in force", lambda: status(good) == 200)
            assert status(forged) == 401
        stack.enter_context(control_plane.running())
        stack.enter_context(control_plane.proxy(tmp_path / "second", proxy))
        eventually("the gateway serves", lambda: status(forged) == 401)
        assert status(good) == 200


ROTATING = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: PORT, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all, namespace: istio-system}
spec: {hosts: ["*"], gateways: [gw], http: [{directResponse: {status: 200}}]}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: r, namespace: istio-system}
spec: {jwtRules: [{issuer: me, jwksUri: "URI"}]}
"""


class Signer:
    """A key of an issuer, with its id."""

    def __init__(self, key_id: str) -> None:
        self._key, self._id = Ed25519PrivateKey.generate(), key_id

    @property
    def public(self) -> dict[str, object]:
        form = jwt.algorithms.OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return dict(form) | {"kid": self._id}

    @property
    def token(self) -> str:
        claims = {"iss": "me", "sub": "alice", "exp": 4102444800}
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": self._id})


async def test_no_valid_token_is_refused_while_the_keys_of_an_issuer_rotate(
    tmp_path: Path,
) -> None:
    old, new, port = Signer("old"), Signer("new"), free_port()
    pages: Pages = {}

    def published(*signers: Signer) -> None:
        pages["/k"] = (200, json.dumps({"keys": [each.public for each in signers]}))

    def status(signer: Signer) -> int:
        headers = {"authorization": f"Bearer {signer.token}"}
        return send("http://a/", address="127.0.0.1", port=port, headers=headers).status

    def rotate(xds_port: int) -> None:
        with proxy(xds_port) as envoy:
            envoy.process.eventually("the keys are in force", lambda: status(old) == 200)
            published(old, new)
            turned(envoy, old, until=lambda: status(new) == 200)
            published(new)
            turned(envoy, new, until=lambda: status(old) == 401)

    def turned(envoy: Envoy, valid: Signer, until: Callable[[], bool]) -> None:
        """Requests with a token that is valid all the time go on, and beyond the turn."""
        answers = list[int]()

        def asked() -> bool:
            answers.append(status(valid))
            return until()

        envoy.process.eventually("the keys have turned", asked)
        answers.extend(status(valid) for _ in range(20))
        assert set(answers) == {200}

    @contextmanager
    def proxy(xds_port: int) -> Iterator[Envoy]:
        admin = free_port()
        where = ["--xds", f"127.0.0.1:{xds_port}", "--admin", f"127.0.0.1:{admin}"]
        where += ["--ready", "off", "--metrics", "off", "--state", str(tmp_path / "state")]
        command = [*CONTROLPLANE, "bootstrap", *Workload(address="127.0.0.1").options(), *where]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        with running_envoy(text, tmp_path, admin_port=admin) as envoy:
            yield envoy

    published(old)
    with issuer(pages) as at:
        (tmp_path / "mesh").mkdir()
        text = ROTATING.replace("PORT", str(port)).replace("URI", f"{at}/k")
        (tmp_path / "mesh" / "mesh.yaml").write_text(text)
        often = timedelta(milliseconds=20)
        async with tls_server(tmp_path, keys_refreshed_after=often) as server:
            await asyncio.to_thread(rotate, server.port)
