"""Keys that the control plane fetches from an issuer, in a real Envoy: they outlive a restart that
the issuer does not.
"""

from contextlib import ExitStack
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.envoy.test_authorization import MESH, SHOP
from tests.support.client import send
from tests.support.mesh import ControlPlane, Workload
from tests.support.network import own_network
from tests.support.process import eventually
from tests.support.upstream import running_upstreams
from tests.unit.sources.test_key_fetch import issuer

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
