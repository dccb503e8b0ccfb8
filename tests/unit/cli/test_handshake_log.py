"""A proxy with another authority is one line, not one for each of its attempts."""

import re
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from controlplane.cli.handshake_log import Handshakes
from tests.support.mesh import ControlPlane

AUTHORITY = (
    b"I1129 19:58:41.181160   11746 ssl_transport_security.cc:2563] Handshake failed with error "
    b"SSL_ERROR_SSL: error:10000418:SSL routines:OPENSSL_internal:TLSV1_ALERT_UNKNOWN_CA"
)
PLAINTEXT = (
    b"I1129 19:58:23.455615   10871 ssl_transport_security.cc:2563] Handshake failed with error "
    b"SSL_ERROR_SSL: error:1000009c:SSL routines:OPENSSL_internal:HTTP_REQUEST: Invalid "
    b"certificate verification context"
)
NAME = (
    b"E1129 20:00:52.379794   14287 ssl_transport_security.cc:3238] No match found for server "
    b"name: anything"
)


def test_a_proxy_with_another_authority_is_reported_at_most_twice_a_minute() -> None:
    times = iter([0.0, 1.0, 29.0, 30.0, 59.0, 61.0])
    handshakes = Handshakes(Path("/state"), lambda: next(times))

    with capture_logs() as logs:
        assert [handshakes.takes(AUTHORITY) for _ in range(6)] == [True] * 6

    assert [(entry["event"], entry["times"]) for entry in logs] == [
        ("proxy_distrusts", 1),
        ("proxy_distrusts", 3),
        ("proxy_distrusts", 2),
    ]
    assert (
        logs[0]["reason"] == "a proxy trusts another authority than the one of this control plane"
    )
    assert logs[0]["hint"] == "give it a bootstrap made with --state /state"
    assert logs[0]["log_level"] == "error", "up shows errors only"


def test_other_handshakes_that_fail_are_reported_by_their_reason() -> None:
    handshakes = Handshakes(Path("/state"), lambda: 0.0)

    with capture_logs() as logs:
        for line in (PLAINTEXT, AUTHORITY, PLAINTEXT, NAME, NAME):
            assert handshakes.takes(line)

    assert [(entry["event"], entry["reason"]) for entry in logs if "hint" not in entry] == [
        ("handshake_failed", "http request"),
        ("handshake_failed", "no match found for server name"),
    ]
    assert len(logs) == 3


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Traceback (most recent call last):",
        b"E1129 19:58:23.455615 10871 server.cc:12] Something else failed",
        b"timestamp=2026 level=info event=serving",
    ],
)
def test_whatever_else_is_written_passes(line: bytes) -> None:
    assert Handshakes(Path("/state")).takes(line) is False


ORDERED = """
import os
from pathlib import Path
import structlog
from controlplane.cli.handshake_log import handshakes_logged
from controlplane.cli.output import complain, say
from controlplane.cli.log_form import LogLevel
from controlplane.cli.serving import log_to_stderr

log_to_stderr(LogLevel.ERROR)
log = structlog.get_logger("serve")
with handshakes_logged(Path("/state")):
    for number in range(200):
        say(f"said {number}")
        log.error(f"logged {number}")
        complain(f"complained {number}")
    os.write(2, b"from below\\n")
say("at the end")
complain("at the end")
"""


def test_the_log_keeps_its_order_with_what_is_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ORDERED], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )

    words = re.findall(r"^(?:timestamp=\S+ level=error event=\")?(\w+ \w+)", done.stdout, re.M)
    one_by_one = [f"{how} {n}" for n in range(200) for how in ("said", "logged", "complained")]
    assert [word for word in words if word[-1].isdigit()] == one_by_one
    assert words.count("from below") == 1
    assert done.stdout.endswith("at the end\nat the end\n")


def refuse(address: str) -> None:
    """Connect as a client does that trusts another authority: it says so, and leaves."""
    host, _, port = address.rpartition(":")
    context = ssl.create_default_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # OpenSSL's alert in TLS 1.3 is garbled here
    with (
        socket.create_connection((host, int(port)), timeout=5) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(connection, server_hostname="controlplane").close()


def test_a_flood_of_handshakes_is_one_line_in_the_log(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path)
    with plane.running() as serving:
        for _ in range(20):
            refuse(plane.xds)
        serving.eventually("it is reported", lambda: "proxy_distrusts" in serving.last_words())
        assert serving.terminate() == 0

    text = plane.log.read_text()
    assert len(re.findall("event=proxy_distrusts", text)) == 1
    assert f"--state {plane.state}" in text
    assert "ssl_transport_security" not in text
    assert "event=loaded" in text
