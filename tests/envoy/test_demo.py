"""``make demo`` as a user meets it: open within seconds, gone after Ctrl-C."""

import signal
import sys
from pathlib import Path

import pytest

from tests.support.client import send
from tests.support.process import Running

pytestmark = pytest.mark.envoy

DEMO = Path(__file__).parents[2] / "samples/demo.py"
LOOPBACK = "127.0.0.1"


def test_the_demo_opens_the_bookshop_and_leaves_nothing_behind(
    network: None, tmp_path: Path
) -> None:
    command = [sys.executable, str(DEMO), str(tmp_path / "demo")]
    with Running(command, tmp_path / "demo.log") as demo:
        demo.eventually(
            "the bookshop is open",
            lambda: send("http://localhost:8080/about", address=LOOPBACK).status == 200,
            within=20,
        )
        assert send("http://localhost:8080/api/books", address=LOOPBACK).upstream == "catalog"
        demo.eventually("it says what to try", lambda: "end-user: jason" in demo.last_words())

        assert demo.terminate(signal.SIGINT) == 0

    for port in (8080, 8443, 9081, 15010, 15014):
        assert send("http://localhost/", address=LOOPBACK, port=port).error == "refused"
