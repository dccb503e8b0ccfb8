"""What ``status`` prints and exits with, and the table of proxies."""

from datetime import UTC
from datetime import datetime
from datetime import timedelta

import pytest
from click.testing import CliRunner

from controlplane.cli.main import main
from controlplane.cli.proxies import RejectedResource
from controlplane.cli.proxies import ago
from controlplane.cli.proxies import hint_for
from controlplane.cli.proxies import state_of
from controlplane.cli.status import Finding
from controlplane.cli.status import lines

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PROXY = {
    "name": "edge",
    "namespace": "shop",
    "role": "gateway",
    "connected": "2026-01-01T11:58:00Z",
    "types": [
        {"type": "listener", "state": "rejected"},
        {"type": "route", "state": "synced"},
        {"type": "cluster", "state": "waiting"},
        {"type": "secret", "state": "unasked"},
    ],
}
REJECTED = {
    "type": "listener",
    "name": "0.0.0.0_80",
    "error": "cannot bind '0.0.0.0:80': Permission denied\n",
    "sources": [{"object": "Gateway/shop/front", "path": "mesh/gateway.yaml", "line": 3}],
}


def text(document: object, *refused: Finding) -> str:
    shown = lines(state_of(document), list(refused), NOW)
    return "\n".join("".join(part for part, _ in line) for line in shown)


def test_a_proxy_is_a_row_and_what_it_rejects_stands_below() -> None:
    proxies = [{"proxy": PROXY, "rejected": [REJECTED]}]

    shown = text({"ready": True, "objects": 4, "refused": 0, "proxies": proxies})

    assert shown == (
        "PROXY      ROLE     SINCE  LISTENERS  ROUTES  CLUSTERS  ENDPOINTS  SECRETS\n"
        "edge.shop  gateway  2m     rejected   synced  waiting   -          -\n"
        "\n"
        "edge.shop rejects listener 0.0.0.0_80: cannot bind '0.0.0.0:80': Permission denied\n"
        "   from mesh/gateway.yaml:3 (Gateway shop/front)\n"
        "   hint: ports below 1024 need a right: choose a higher port, or "
        "sudo sysctl net.ipv4.ip_unprivileged_port_start=80\n"
        "\n"
        "4 objects in force"
    )


def test_a_refused_object_is_shown_with_its_place() -> None:
    finding = Finding(
        code="CP0205",
        severity="error",
        message="weight 101 is above 100",
        path="mesh/routes.yaml",
        line=14,
        column=9,
        object="VirtualService/default/reviews",
        refused=True,
    )

    shown = text({"ready": True, "objects": 4, "refused": 1}, finding)

    assert shown == (
        "no proxy is connected\n"
        "\n"
        "mesh/routes.yaml:14:9: error CP0205: weight 101 is above 100\n"
        "   VirtualService default/reviews is refused; its last accepted version stays in force\n"
        "\n"
        "4 objects in force, 1 refused"
    )


@pytest.mark.parametrize(
    ("states", "refused", "ready", "synced"),
    [
        (["synced", "unasked"], 0, True, True),
        (["synced", "waiting"], 0, True, False),
        (["rejected"], 0, True, False),
        (["synced"], 1, True, False),
        (["synced"], 0, False, False),
    ],
)
def test_all_is_in_sync_or_not(states: list[str], refused: int, ready: bool, synced: bool) -> None:
    types = [{"type": "route", "state": state} for state in states]
    state = state_of(
        {
            "ready": ready,
            "objects": 1,
            "refused": refused,
            "proxies": [{"proxy": {**PROXY, "types": types}}],
        }
    )

    assert state.is_synced is synced


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0s"), (59, "59s"), (60, "1m"), (7199, "1h"), (200000, "2d")]
)
def test_times_are_said_in_their_largest_unit(seconds: int, said: str) -> None:
    assert ago(timedelta(seconds=seconds)) == said


def test_only_known_errors_get_a_hint() -> None:
    taken = "cannot bind '[::]:8080': Address already in use"

    assert hint_for("some other fault") is None
    assert hint_for(taken) == (
        "another process listens there: stop it, or choose another port in the Gateway"
    )
    assert RejectedResource(type="listener", name="a", error=taken).taken_port == 8080


@pytest.mark.parametrize("command", [["status"], ["config", "edge"]])
def test_a_control_plane_that_does_not_answer_is_told_of(command: list[str]) -> None:
    result = CliRunner().invoke(main, [*command, "--admin", "127.0.0.1:1"])

    assert result.exit_code == 3
    assert result.stderr == (
        "error: no control plane answers at 127.0.0.1:1: Connection refused\n"
        "hint: start one with controlplane up or controlplane serve, "
        "or say where it is with --admin HOST:PORT\n"
    )
