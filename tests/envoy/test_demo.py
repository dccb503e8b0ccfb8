"""``make demo`` as a user meets it: open within seconds, gone after Ctrl-C."""

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.sources.state import StateDirectory
from controlplane.sources.state_lock import Holder, StateLock
from tests.support.client import send
from tests.support.process import Running

pytestmark = pytest.mark.envoy

DEMO = Path(__file__).parents[2] / "samples/demo.py"
LOOPBACK = "127.0.0.1"


@pytest.mark.parametrize("options", [[], ["--gateway-api"]], ids=["Istio", "Gateway API"])
def test_the_demo_opens_the_bookshop_and_leaves_nothing_behind(
    network: None, tmp_path: Path, options: list[str]
) -> None:
    command = [sys.executable, str(DEMO), *options, str(tmp_path / "demo")]
    with Running(command, tmp_path / "demo.log") as demo:
        demo.eventually(
            "the bookshop is open",
            lambda: send("http://localhost:8080/about", address=LOOPBACK).status == 200,
            within=20,
        )
        demo.eventually(
            "the egress gateway is open",
            lambda: send("http://shipping.example/", address=LOOPBACK, port=8081).status == 200,
        )
        assert send("http://localhost:8080/api/books", address=LOOPBACK).upstream == "catalog"
        demo.eventually("it says what to try", lambda: "end-user: jason" in demo.last_words())

        partners = {
            name: send(f"http://{name}.example/", address=LOOPBACK, port=8081)
            for name in ("shipping", "payments", "elsewhere")
        }
        assert partners["shipping"].seen["tls"] == {
            "version": "TLSv1.3",
            "server_name": "shipping.example",
            "client": [],
        }
        assert partners["payments"].seen["tls"] == {
            "version": "TLSv1.3",
            "server_name": "payments.example",
            "client": ["egress.bookshop.example"],
        }
        assert partners["elsewhere"].status == 404
        images = send("https://cat.images.example/", address=LOOPBACK, port=8444)
        assert images.upstream == "shipping"
        assert send("http://ledger.example/", address=LOOPBACK, port=8090).upstream == "ledger"

        assert demo.terminate(signal.SIGINT) == 0

    for port in (8080, 8081, 8443, 9081, 9085, 15010, 15014):
        assert send("http://localhost/", address=LOOPBACK, port=port).error == "refused"


def test_a_second_demo_says_who_is_there_and_leaves_its_certificates_alone(
    network: None, tmp_path: Path
) -> None:
    folder = tmp_path / "demo"
    command = [sys.executable, str(DEMO), str(folder)]
    with Running(command, tmp_path / "demo.log") as demo:
        written = folder / "partners" / "shipping.example.key"
        demo.eventually("its last certificate is written", written.exists, within=20)
        before = contents(folder)

        second = subprocess.run(command, capture_output=True, text=True, timeout=30)

        assert second.returncode == 3
        assert f"{folder} is in use by demo.py {folder} (pid {demo.pid}), since " in second.stderr
        assert second.stderr.endswith(" UTC, serving samples\nhint: stop that one first\n")
        assert {path: contents(folder)[path] for path in before} == before


def test_a_demo_leaves_the_certificates_of_a_control_plane_on_its_state_alone(
    tmp_path: Path,
) -> None:
    state = StateDirectory.opened(tmp_path / "demo" / "state")
    holder = Holder(pid=7, host="", command="up", since=datetime.now(UTC), config=("mesh",))
    lock = StateLock(state.path, holder)
    before = contents(tmp_path / "demo")

    command = [sys.executable, str(DEMO), str(tmp_path / "demo")]
    second = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert (second.returncode, "is in use by up (pid 7" in second.stderr) == (3, True)
    assert {path: contents(tmp_path / "demo")[path] for path in before} == before
    lock.release()


def contents(folder: Path) -> dict[Path, bytes]:
    """Keys and certificates, whose content nobody else may change."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix in (".crt", ".key", ".pem", ".yaml")
    }
