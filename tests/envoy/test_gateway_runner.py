"""``controlplane gateways`` beside ``controlplane serve``: Envoys that outlive restarts of it."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.envoy.test_up_gateway_api import ROUTE, SERVICE, gateway
from tests.support.client import Answer, send
from tests.support.envoy import envoy_binary
from tests.support.mesh import CONTROLPLANE, LOOPBACK, ControlPlane
from tests.support.network import own_network
from tests.support.process import Running, eventually
from tests.support.upstream import running_upstreams

pytestmark = pytest.mark.envoy


class Rig:
    """A control plane, a runner, and what is declared."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.plane = ControlPlane(folder, *options)
        self.runner: Running | None = None

    def declare(self, name: str, port: int, route: str = "") -> None:
        text = gateway(name, port=port) + route
        draft = self.folder / "draft"
        draft.write_text(text)
        draft.rename(self.plane.config / f"{name}.yaml")

    def delete(self, name: str) -> None:
        (self.plane.config / f"{name}.yaml").unlink()

    @contextmanager
    def running_runner(self, *options: str) -> Iterator[Running]:
        token, root = self.folder / "token", self.folder / "root.pem"
        state = ("--state", str(self.plane.state))
        order = ("token", "istio-system/gateways", "--role", "runner", "--out", str(token))
        self.plane.command(*order, *state)
        root.write_text(self.plane.command("cert", "--trust", *state))
        command = [*CONTROLPLANE, "gateways", "--xds", self.plane.xds, "--token-file", str(token)]
        command += ["--root-cert", str(root), "--folder", str(self.folder / "gateways"), *options]
        with Running(command, self.folder / "runner.log") as child:
            self.runner = child
            yield child

    def answer(self, port: int, path: str = "/") -> Answer:
        return send(f"http://any.example:{port}{path}", address=LOOPBACK)

    def is_served(self, port: int) -> bool:
        """Whether a gateway listens there; without routes it finds nothing."""
        try:
            return self.answer(port).status == 404
        except OSError:
            return False

    def envoys(self) -> list[int]:
        assert self.runner is not None, "it runs"
        pid = self.runner.pid
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def log(self) -> str:
        return (self.folder / "runner.log").read_text()

    def findings(self) -> dict[str, str]:
        found = json.loads(self.plane.admin("/api/v1/diagnostics").body)["diagnostics"]
        return {each["code"]: each["message"] for each in found}


def listening(envoy: int, port: int) -> set[str]:
    """The addresses on which an Envoy listens on a port."""
    found = psutil.Process(envoy).net_connections()
    return {c.laddr.ip for c in found if c.status == psutil.CONN_LISTEN and c.laddr.port == port}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    envoy_binary()
    with own_network():
        yield Rig(tmp_path)


def test_a_gateway_is_run_until_it_is_deleted(rig: Rig) -> None:
    rig.declare("front", 8100)
    with rig.plane.running(), rig.running_runner():
        eventually("it is served", lambda: rig.is_served(8100), within=60)
        (first,) = rig.envoys()
        (proxy,) = rig.plane.status().proxies
        rig.declare("back", 8101)
        eventually("so is another", lambda: rig.is_served(8101), within=60)
        both = rig.envoys()

        rig.delete("back")

        eventually("one is left", lambda: rig.envoys() == [first])
        eventually("it is reported", lambda: "gateway_stopped" in rig.log())
        assert (proxy["name"], proxy["namespace"]) == ("front-istio", "shop")
        assert len(both) == 2
        assert rig.is_served(8100)


def test_a_restart_of_the_control_plane_leaves_envoys_alone(rig: Rig) -> None:
    rig.declare("front", 8100)
    with rig.running_runner():
        with rig.plane.running():
            eventually("it is served", lambda: rig.is_served(8100), within=60)
            before = rig.envoys()
        while_away = rig.is_served(8100)
        with rig.plane.running():
            eventually("both are back", lambda: len(rig.plane.status().proxies) == 1, within=60)
            rig.declare("front", 8102)
            eventually("an edit arrives", lambda: rig.is_served(8102), within=60)

            assert while_away
            assert rig.envoys() == before


def test_an_envoy_that_dies_is_started_again(rig: Rig) -> None:
    rig.declare("front", 8100)
    with rig.plane.running(), rig.running_runner():
        eventually("it is served", lambda: rig.is_served(8100), within=60)
        (envoy,) = rig.envoys()

        os.kill(envoy, signal.SIGKILL)

        eventually("it is reported", lambda: "envoy_ended" in rig.log())
        eventually("it is served again", lambda: rig.is_served(8100), within=60)
        assert rig.envoys() != [envoy]


def test_a_port_that_the_runner_does_not_publish_is_reported(rig: Rig) -> None:
    rig.declare("front", 8100)
    rig.declare("other", 9999)
    with rig.plane.running():
        before = rig.findings()
        with rig.running_runner("--ports", "8100-8119"):
            eventually("it is reported", lambda: "CP0790" in rig.findings(), within=60)

            found = rig.findings()["CP0790"]
        eventually("a runner that is gone publishes nothing", lambda: not rig.findings())

    assert before == {}
    assert found == "port 9999 is not published by the runner, which has 8100-8119"


def test_the_second_gateway_of_a_port_takes_none_of_the_first_ones_requests(rig: Rig) -> None:
    rig.declare("back", 8100)
    rig.declare("front", 8100)
    with rig.plane.running(), rig.running_runner():
        eventually("both run", lambda: len(rig.plane.status().proxies) == 2, within=60)
        eventually("one is served", lambda: rig.is_served(8100), within=60)

        eventually("both listen", lambda: all(listening(e, 8100) for e in rig.envoys()))
        where = [listening(envoy, 8100) for envoy in rig.envoys()]
        assert sorted(map(sorted, where)) == [["0.0.0.0"], ["127.0.1.1"]]
        assert rig.findings()["CP0791"] == (
            "port 8100 is Gateway shop/back's, so nobody reaches the listener: the Gateways of a "
            "runner share one address"
        )


def test_a_token_of_another_role_runs_nothing(rig: Rig) -> None:
    rig.declare("front", 8100)
    token, root = rig.folder / "sidecar", rig.folder / "root.pem"
    with rig.plane.running():
        state = ("--state", str(rig.plane.state))
        rig.plane.command("token", "istio-system/gateways", "--out", str(token), *state)
        root.write_text(rig.plane.command("cert", "--trust", *state))
        command = [*CONTROLPLANE, "gateways", "--xds", rig.plane.xds, "--root-cert", str(root)]
        with Running([*command, "--token-file", str(token)], rig.folder / "runner.log"):
            eventually("it is refused", lambda: "not_connected" in rig.log(), within=60)

            said = rig.log().replace("\\", "")
            assert 'the node says role "runner", its token is for role "sidecar"' in said


def test_what_has_begun_is_answered_when_a_gateway_is_deleted(tmp_path: Path) -> None:
    envoy_binary()
    answers: list[Answer] = []

    def ask() -> None:
        answers.append(send("http://front.example:8100/delay/2", address=LOOPBACK))

    with own_network(), running_upstreams() as upstreams:
        rig = Rig(tmp_path, f"--local=blue.shop={upstreams.add('blue', LOOPBACK)}")
        (rig.plane.config / "blue.yaml").write_text(SERVICE.format(name="blue"))
        rig.declare("front", 8100, ROUTE.format(name="front", service="blue"))
        with rig.plane.running(), rig.running_runner():
            eventually("it is served", lambda: rig.is_served(8100), within=60)
            asking = threading.Thread(target=ask)
            asking.start()
            gauge = "http://127.0.0.1:15000/stats?filter=http.*8100.*downstream_rq_active"
            eventually("it has begun", lambda: b": 1" in send(gauge, address=LOOPBACK).body)

            rig.delete("front")
            eventually("no Envoy is left", lambda: not rig.envoys())
            asking.join()

    assert [answer.status for answer in answers] == [200]
