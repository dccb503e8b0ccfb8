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
