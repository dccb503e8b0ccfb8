"""Tokens, good and bad, are answered by a real Envoy as ``token_verification`` says."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from controlplane.model.token_verification import Refusal, verified
from controlplane.model.tokens import JwtAuthentication
from tests.support.mesh import Mesh, running_mesh
from tests.support.network import own_network
from tests.support.signed_tokens import PROVIDERS, REFUSED, TAKEN

pytestmark = pytest.mark.envoy

HERE = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all, namespace: istio-system}
spec: {hosts: ["*"], gateways: [gw], http: [{directResponse: {status: 200}}]}
---
"""
MADE = {**TAKEN, **{name: make for name, (make, _) in REFUSED.items()}}


def policy(names: tuple[str, ...]) -> str:
    of = [PROVIDERS[name] for name in names]
    rules = [
        {"issuer": each.issuer, "jwks": each.key_set, "audiences": list(each.audiences)}
        for each in of
    ]
    return json.dumps(
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "RequestAuthentication",
            "metadata": {"name": "r", "namespace": "istio-system"},
            "spec": {"jwtRules": rules},
        }
    )


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with (
        own_network(),
        running_mesh(tmp_path_factory.mktemp("mesh"), files={"m.yaml": HERE}) as mesh,
    ):
        yield mesh


def test_envoy_answers_every_token_as_it_is_said(mesh: Mesh) -> None:
    now = int(time.time())
    made = {name: make(now) for name, make in MADE.items() if make(now)[1] != ("any",)}
    wrong = {}
    for names in dict.fromkeys(names for _, names in made.values()):
        mesh.edited(lambda names=names: mesh.write("policy.yaml", policy(names)))  # type: ignore[misc]
        providers = tuple(PROVIDERS[name] for name in names)
        for name, (text, of) in made.items():
            if of != names:
                continue
            said = verified(JwtAuthentication(providers=providers), text, datetime.now(UTC))
            answer = mesh.send("http://a:8080/", headers={"authorization": f"Bearer {text}"})
            body = answer.body.decode()
            expected = (said.status, said.words) if isinstance(said, Refusal) else (200, "")
            if (answer.status, body) != expected:
                wrong[name] = (answer.status, body), expected

    assert not wrong, "\n".join(f"{name}: {each}" for name, each in wrong.items())
