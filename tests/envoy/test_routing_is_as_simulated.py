"""Whatever VirtualServices say: the real Envoy that we configure takes the rule that our simulator
takes, and refuses nothing.
"""

import http.client

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.support.mesh import Mesh
from tests.support.properties import examples
from tests.support.simulator import Answer, Request, World
from tests.support.worlds import DELEGATING, PORTS, documents, requests, worlds

pytestmark = pytest.mark.envoy
WORLDS = 300
REQUESTS = 30  # to each world


class Gateway:
    """The real one: serves a world, and answers on one kept connection to each port."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._served = ""
        address = mesh.workload.address
        self._connections = {p: http.client.HTTPConnection(address, p, timeout=10) for p in PORTS}

    def serve(self, world: World) -> None:
        text = documents(world)
        if text != self._served:
            self._mesh.apply(text)
        self._served = text
        assert self._mesh.gateway.rejected() == {}

    def answer(self, request: Request) -> Answer | None:
        connection = self._connections[request.port]
        target = request.path if request.query is None else f"{request.path}?{request.query}"
        connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in (("host", request.host), *request.headers):
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        body = response.read().decode()
        if response.status == 404:
            return None
        assert response.status == 200, (request, response.status, body)
        return Answer(body, response.getheader(DELEGATING))


@pytest.fixture(scope="module")
def gateway(mesh: Mesh) -> Gateway:
    return Gateway(mesh)


@given(worlds, st.lists(requests, min_size=REQUESTS, max_size=REQUESTS))
@settings(
    max_examples=examples(WORLDS),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_envoy_takes_the_rule_that_the_simulator_takes(
    gateway: Gateway, world: World, asked: list[Request]
) -> None:
    gateway.serve(world)

    differing = {
        request: (simulated, answer)
        for request in asked
        if (simulated := world.answer(request)) != (answer := gateway.answer(request))
    }

    assert differing == {}
