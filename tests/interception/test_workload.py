"""``envoy/workload.py``: nothing passes the sidecar, whatever starts, ends and comes back."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from samples.bookinfo import programs
from samples.bookinfo.network import Host, Network
from tests.support.client import send
from tests.support.mesh_network import (
    APPLICATION,
    PROXY,
    listening,
    mesh_network,
    ran,
)
from tests.support.network import own_network
from tests.support.process import Running, eventually
from tests.support.static_sidecar import static_sidecar

pytestmark = pytest.mark.envoy

WORKLOAD = Path(__file__).parents[2] / "envoy/workload.py"
PYTHON = programs.python()
CALLS = """
import http.client, time
while True:
    connection = http.client.HTTPConnection("there", 9080, timeout=5)
    try:
        connection.request("GET", "/")
        print(connection.getresponse().read().decode(), flush=True)
    except http.client.BadStatusLine as answer:
        print("slipped past:", answer, flush=True)
    except OSError as fault:
        print(type(fault).__name__, flush=True)
    connection.close()
    time.sleep(0.005)
"""
"""An application that calls out all the time, from its first moment."""
BY_SIDECAR = "by the sidecar"


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """``here`` for a workload; ``there`` listens and would answer who slips past a sidecar."""
    with mesh_network() as made:
        made.add("here")
        with listening(made.add("there"), tmp_path, APPLICATION, 9080):
            yield made


@contextmanager
def workload(
    network: Network, folder: Path, *command: str, options: tuple[str, ...] = ()
) -> Iterator[Running]:
    bootstrap = folder / "sidecar.json"
    bootstrap.write_text(json.dumps(static_sidecar()), encoding="utf-8")
    folder.chmod(0o755)
    envoy = programs.envoy(folder)
    start = (PYTHON, str(WORKLOAD), "--bootstrap", str(bootstrap), "--envoy", envoy)
    words = network.hosts["here"].command(*start, "--concurrency", "1", *options, "--", *command)
    with Running(words, folder / "workload.log") as child:
        yield child


def said(child: Running) -> list[str]:
    """The lines of the application."""
    lines = child.log.read_text(errors="replace").splitlines()
    return [line for line in lines if not line.startswith("[20") and "workload:" not in line]


def calls_through_sidecar(child: Running, more_than: int = 0) -> None:
    child.eventually(
        "calls go through the sidecar",
        lambda: said(child).count(BY_SIDECAR) > more_than,
        within=20,
    )


def slipped_past(child: Running) -> list[str]:
    """``listening`` speaks no HTTP."""
    return [line for line in said(child) if "slipped past" in line]


def pids(host: Host, uid: int | None = None) -> list[int]:
    """What runs there, of one user."""
    listed = subprocess.run(["ip", "netns", "pids", host.namespace], capture_output=True, text=True)
    found = []
    for pid in map(int, listed.stdout.split()):
        with suppress(FileNotFoundError):
            if uid in (None, Path(f"/proc/{pid}").stat().st_uid):
                found.append(pid)
    return found


def test_from_its_first_moment_an_application_calls_through_the_sidecar(
    network: Network, tmp_path: Path
) -> None:
    with workload(network, tmp_path, PYTHON, "-c", CALLS) as child:
        calls_through_sidecar(child, more_than=10)

    assert set(said(child)) == {BY_SIDECAR}


def test_what_arrives_is_the_sidecar_s(network: Network, tmp_path: Path) -> None:
    server = (PYTHON, "-m", "http.server", "9080")
    with workload(network, tmp_path, *server) as child:
        child.eventually("it is started", lambda: "starting" in child.last_words(), within=20)
        address = f"http://{network.hosts['here'].address}:9080/"

        answer = ran(network.hosts["there"], "curl", "-sS", "-i", address).stdout

    assert "by the sidecar" in answer


def test_while_its_envoy_is_away_an_application_reaches_nobody(
    network: Network, tmp_path: Path
) -> None:
    here = network.hosts["here"]
    with workload(network, tmp_path, PYTHON, "-c", CALLS) as child:
        calls_through_sidecar(child)
        (before,) = pids(here, APPLICATION)
        for _ in range(3):
            (envoy,) = pids(here, PROXY)
            seen = said(child).count(BY_SIDECAR)
            os.kill(envoy, signal.SIGKILL)
            calls_through_sidecar(child, more_than=seen + 20)

        assert pids(here, APPLICATION) == [before], "the application stays"
        assert child.log.read_text(errors="replace").count("it is started again") == 3

    assert "ConnectionRefusedError" in said(child)
    assert slipped_past(child) == []


def test_an_application_that_ends_ends_the_workload_with_its_status(
    network: Network, tmp_path: Path
) -> None:
    with workload(network, tmp_path, "sh", "-c", "exit 3") as child:
        assert child.wait() == 3
    assert pids(network.hosts["here"]) == []


def test_an_application_that_a_signal_ended_says_which(network: Network, tmp_path: Path) -> None:
    with workload(network, tmp_path, "sh", "-c", "kill -KILL $$") as child:
        assert child.wait() == 128 + 9


def test_started_again_it_calls_through_the_sidecar_only(network: Network, tmp_path: Path) -> None:
    """As a restart policy starts a container: in a network that has no rules yet."""
    once = CALLS.replace("while True:", "for _ in range(20):")
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        with workload(network, folder, PYTHON, "-c", once) as child:
            assert child.wait() == 0
        assert said(child) == [BY_SIDECAR] * 20
        network.remove("here")
        network.add("here")


def test_without_rules_nothing_is_started(network: Network, tmp_path: Path) -> None:
    options = ("--exclude-outbound-ranges", "10.0.0.0/77")
    with workload(network, tmp_path, "touch", str(tmp_path / "started"), options=options) as child:
        assert child.wait() == 1

    assert "the traffic is not intercepted, so nothing is started" in child.last_words()
    assert not (tmp_path / "started").exists()
    assert "envoy" not in child.last_words()


def test_an_envoy_that_cannot_start_leaves_the_application_unstarted(
    network: Network, tmp_path: Path
) -> None:
    options = ("--address", "no address")
    broken = ("--envoy", "/bin/false")
    command = ("touch", str(tmp_path / "started"))
    with workload(network, tmp_path, *command, options=(*options, *broken)) as child:
        assert child.wait() == 1

    assert "envoy ended with status 1 before it was ready" in child.last_words()
    assert not (tmp_path / "started").exists()


def test_the_application_has_no_rights_and_the_sidecar_is_istio_s_user(
    network: Network, tmp_path: Path
) -> None:
    show = "cat /proc/self/status; sleep 60"
    with workload(network, tmp_path, "sh", "-c", show) as child:
        child.eventually("it is started", lambda: "NoNewPrivs" in child.last_words(), within=20)
        (envoy,) = pids(network.hosts["here"], PROXY)
        of_envoy = Path(f"/proc/{envoy}/status").read_text(encoding="utf-8")
        lines = {line.partition(":")[0]: line.split()[1:] for line in said(child) if ":" in line}

    assert lines["Uid"] == lines["Gid"] == [str(APPLICATION)] * 4
    assert {name: lines[name] for name in ("CapEff", "CapPrm", "CapBnd", "Groups")} == {
        "CapEff": ["0" * 16],
        "CapPrm": ["0" * 16],
        "CapBnd": ["0" * 16],
        "Groups": [],
    }
    assert lines["NoNewPrivs"] == ["1"]
    assert f"Uid:\t{PROXY}\t{PROXY}" in of_envoy
    assert "NoNewPrivs:\t1" in of_envoy


def test_one_bootstrap_serves_replicas_with_names_and_addresses_of_their_own(
    network: Network, tmp_path: Path
) -> None:
    here = network.hosts["here"]
    with workload(network, tmp_path, "sleep", "60", options=("--name", "reviews-1")) as child:
        child.eventually("it is started", lambda: "starting" in child.last_words(), within=20)
        info = ran(here, "curl", "-sS", "http://127.0.0.1:15000/server_info").stdout

    node = json.loads(info)["node"]
    assert node["id"] == f"sidecar~{here.address}~reviews-1.shop~shop.svc.cluster.local"
    assert node["metadata"]["INSTANCE_IPS"] == here.address
    assert node["metadata"]["NAME"] == "reviews-1"
    assert node["metadata"]["NAMESPACE"] == "shop"


FINISHES = """
import signal, sys, time
def end(*_):
    print("asked to end", flush=True)
    time.sleep(1.5)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("running", flush=True)
while True:
    time.sleep(60)
"""


def test_at_sigterm_clients_are_sent_away_before_the_application_ends(
    network: Network, tmp_path: Path
) -> None:
    ask = ("curl", "-sSi", f"http://{network.hosts['here'].address}:9080/")
    there = network.hosts["there"]
    with workload(network, tmp_path, PYTHON, "-c", FINISHES) as child:
        child.eventually("it runs", lambda: "running" in said(child), within=20)
        assert "connection: close" not in ran(there, *ask).stdout

        os.kill(child.pid, signal.SIGTERM)
        child.eventually("the application ends", lambda: "asked to end" in said(child))
        answer = ran(there, *ask).stdout

        assert "connection: close" in answer
        assert "by the sidecar" in answer
        assert child.wait() == 0
    assert pids(network.hosts["here"]) == []


def test_an_application_that_does_not_end_is_ended(network: Network, tmp_path: Path) -> None:
    stubborn = "trap '' TERM; echo running; while true; do sleep 1; done"
    options = ("--grace", "0.5")
    with workload(network, tmp_path, "sh", "-c", stubborn, options=options) as child:
        child.eventually("it runs", lambda: "running" in said(child), within=20)
        assert child.terminate(signal.SIGTERM) == 128 + 9
    assert pids(network.hosts["here"]) == []


def test_whoever_kills_the_supervisor_kills_its_workload(network: Network, tmp_path: Path) -> None:
    with workload(network, tmp_path, PYTHON, "-c", CALLS) as child:
        calls_through_sidecar(child)
        child.terminate(signal.SIGKILL)

    eventually("nothing is left", lambda: pids(network.hosts["here"]) == [])
    assert slipped_past(child) == []


@pytest.mark.parametrize("uid", ["0", "1337"])
def test_an_application_that_would_pass_as_the_sidecar_is_refused(
    network: Network, tmp_path: Path, uid: str
) -> None:
    with workload(network, tmp_path, "true", options=("--app-uid", uid)) as child:
        assert child.wait() == 2


def test_its_help_needs_nothing() -> None:
    """On a machine without Envoy and without root."""
    with Running([sys.executable, str(WORKLOAD), "--help"], Path("/dev/null")) as child:
        assert child.wait() == 0


def test_a_gateway_runs_without_root_and_sends_its_clients_away_at_the_end(tmp_path: Path) -> None:
    as_proxy = ("setpriv", f"--reuid={PROXY}", f"--regid={PROXY}", "--clear-groups", "--")
    with (
        own_network(),
        TemporaryDirectory() as name,  # which unlike pytest's is open to others
    ):
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "gateway.json").write_text(json.dumps(static_sidecar()), encoding="utf-8")
        command = (PYTHON, str(WORKLOAD), "--gateway", "--bootstrap", f"{name}/gateway.json")
        options = ("--envoy", programs.envoy(folder), "--address", "127.0.0.1", "--grace", "2")
        with Running([*as_proxy, *command, *options], tmp_path / "log") as child:
            child.eventually("it is ready", lambda: "ready" in child.last_words(), within=20)
            url = "http://127.0.0.1:15001/"
            assert "connection" not in send(url, address="127.0.0.1").headers

            os.kill(child.pid, signal.SIGTERM)

            def is_sent_away() -> bool:
                return send(url, address="127.0.0.1").headers.get("connection") == "close"

            child.eventually("clients are sent away", is_sent_away)
            assert child.wait() == 0


@pytest.mark.parametrize("words", [("--gateway", "--", "true"), ()])
def test_it_is_either_an_application_or_a_gateway(tmp_path: Path, words: tuple[str, ...]) -> None:
    with Running([PYTHON, str(WORKLOAD), "--bootstrap", "x", *words], tmp_path / "log") as child:
        assert child.wait() == 2
    assert "give either a COMMAND or --gateway" in child.last_words()
