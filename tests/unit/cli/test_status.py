"""What ``status`` prints and exits with, and the table of proxies."""

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec import UNSET, structs

from controlplane.admin.view import (
    AuthorityStatus,
    ConnectedRunner,
    DeclaredObject,
    Finding,
    Origin,
    ProxyStatus,
    RegisteredWorkload,
    RejectedResource,
    Rejection,
    ShownProxy,
    Status,
    SyncState,
    TypeStatus,
)
from controlplane.base.errors import AdminUnreachable
from controlplane.cli.main import main
from controlplane.cli.output import Style
from controlplane.cli.status_report import report
from controlplane.cli.status_view import ago, hint_for, taken_port
from controlplane.cli.watching import Look, watched

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
REJECTED = RejectedResource(
    type="listener",
    name="0.0.0.0_80",
    error="cannot bind '0.0.0.0:80': Permission denied\n",
    origins=(
        Origin(
            object="Gateway/shop/front", field="spec.servers[0]", path="mesh/gateway.yaml", line=3
        ),
    ),
)


def proxy(**states: str) -> ProxyStatus:
    return ProxyStatus(
        name="edge",
        namespace="shop",
        role="gateway",
        service_account="edge",
        node="edge.shop",
        peer="127.0.0.1:50000",
        variant="delta",
        connected=datetime(2026, 1, 1, 11, 58, tzinfo=UTC),
        revision=7,
        types=tuple(
            TypeStatus(type=type_, state=SyncState(state)) for type_, state in states.items()
        ),
    )


def status(*proxies: ShownProxy, refused: int = 0, ready: bool = True) -> Status:
    return Status(ready=ready, revision=7, objects=4, refused=refused, proxies=proxies)


def text(state: Status, *findings: Finding, warnings: bool = False) -> str:
    shown = report(state, findings, NOW, warnings=warnings)
    return "\n".join("".join(part for part, _ in line) for line in shown)


def test_of_sidecars_the_group_the_mode_and_the_certificate_are_shown() -> None:
    web = structs.replace(proxy(listener="synced"), name="web", role="sidecar")
    shown = text(
        status(
            ShownProxy(proxy=proxy()),
            ShownProxy(
                proxy=web,
                group="web-v1",
                mtls="STRICT, 9090 PERMISSIVE",
                certificate_ends=NOW + timedelta(hours=13),
            ),
        )
    )

    heading, edge, sidecar, *_ = shown.splitlines()
    assert heading.split()[-3:] == ["GROUP", "MTLS", "CERTIFICATE"]
    assert edge.split()[-3:] == ["-", "-", "-"]
    assert sidecar.endswith("web-v1  STRICT, 9090 PERMISSIVE  13h left")


def test_without_sidecars_there_are_no_columns_of_the_mesh() -> None:
    heading = text(status(ShownProxy(proxy=proxy()))).splitlines()[0]

    assert heading.split()[-1] == "SECRETS"


def test_extensions_are_a_column_where_there_are_some() -> None:
    edge = structs.replace(proxy(), name="edge")
    web = structs.replace(proxy(extension="rejected"), name="web")

    heading, first, second, *_ = text(
        status(ShownProxy(proxy=edge), ShownProxy(proxy=web))
    ).splitlines()

    found = (heading.split()[-1], first.split()[-1], second.split()[-1])
    assert found == ("EXTENSIONS", "-", "rejected")


def test_a_proxy_is_a_row_and_what_it_rejects_is_below() -> None:
    edge = proxy(listener="rejected", route="synced", cluster="waiting", secret="unasked")

    shown = text(status(ShownProxy(proxy=edge, rejected=(REJECTED,))))

    assert shown == (
        "PROXY      ROLE     SINCE  LISTENERS  ROUTES  CLUSTERS  ENDPOINTS  SECRETS\n"
        "edge.shop  gateway  2m     rejected   synced  waiting   -          -\n"
        "\n"
        "edge.shop rejects listener 0.0.0.0_80: cannot bind '0.0.0.0:80': Permission denied\n"
        "   from mesh/gateway.yaml:3 (Gateway shop/front)\n"
        "   hint: ports below 1024 need a privilege: choose a higher port, or "
        "sudo sysctl net.ipv4.ip_unprivileged_port_start=80\n"
        "\n"
        "4 objects in force"
    )


def test_of_many_objects_behind_a_rejected_resource_some_are_shown() -> None:
    many = tuple(
        Origin(object=f"VirtualService/shop/s{i}", field="spec", path="mesh.yaml", line=i + 1)
        for i in range(11)
    )
    rejected = RejectedResource(type="route", name="http.80", error="no", origins=many)

    shown = text(status(ShownProxy(proxy=proxy(route="rejected"), rejected=(rejected,))))

    assert "   from mesh.yaml:8 (VirtualService shop/s7)\n   and 3 more" in shown
    assert "shop/s8" not in shown


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ({}, "WorkloadEntry web-10-0-0-7 (connected 3s)"),
        ({"object": "WorkloadEntry/shop/web"}, "WorkloadEntry shop/web (connected 3s)"),
        (
            {"ready": False, "healthy": False},
            "WorkloadEntry web-10-0-0-7 (connected 3s, unhealthy)",
        ),
        ({"ready": False}, "WorkloadEntry web-10-0-0-7 (connected 3s, not probed yet)"),
        (
            {"ready": False, "connected": False},
            "WorkloadEntry web-10-0-0-7 (not connected)",
        ),
        ({"connected": False}, "WorkloadEntry web-10-0-0-7 (not connected, kept as it was)"),
    ],
)
def test_a_workload_that_registered_itself_is_shown(state: dict[str, Any], shown: str) -> None:
    workload = RegisteredWorkload(
        object="WorkloadEntry/default/web-10-0-0-7",
        since=datetime(2026, 1, 1, 11, 59, 57, tzinfo=UTC),
        connected=True,
        ready=True,
    )
    found = structs.replace(status(), registered=(structs.replace(workload, **state),))

    assert text(found).splitlines()[2] == shown


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ({}, ["runner box.istio-system (connected 3s) runs no gateway"]),
        (
            {"gateways": ("back-istio.shop", "front-istio.shop"), "published": "8100-8119"},
            [
                "runner box.istio-system (connected 3s) runs back-istio.shop, front-istio.shop, "
                "publishes ports 8100-8119"
            ],
        ),
        (
            {
                "gateways": ("front-istio.shop",),
                "rejections": (Rejection("front-istio.shop", "1", "no Envoy is installed"),),
            },
            [
                "runner box.istio-system (connected 3s) runs front-istio.shop",
                "   it does not run front-istio.shop: no Envoy is installed",
            ],
        ),
    ],
)
def test_a_runner_is_shown_with_what_it_runs(state: dict[str, Any], shown: list[str]) -> None:
    runner = ConnectedRunner(
        name="box",
        namespace="istio-system",
        peer="ipv4:10.0.0.9:4711",
        connected=datetime(2026, 1, 1, 11, 59, 57, tzinfo=UTC),
    )
    found = structs.replace(status(), runners=(structs.replace(runner, **state),))

    assert text(found).splitlines()[2 : 2 + len(shown)] == shown
    assert found.is_synced is ("rejections" not in state)


def test_what_a_proxy_does_not_answer_is_shown_with_the_time() -> None:
    since = datetime(2026, 1, 1, 11, 59, 48, tzinfo=UTC)
    late = TypeStatus(type="cluster", state=SyncState.OVERDUE, since=since)

    shown = text(status(ShownProxy(proxy=structs.replace(proxy(), types=(late,)))))

    assert shown == (
        "PROXY      ROLE     SINCE  LISTENERS  ROUTES  CLUSTERS  ENDPOINTS  SECRETS\n"
        "edge.shop  gateway  2m     -          -       overdue   -          -\n"
        "\n"
        "edge.shop has not acknowledged its clusters for 12s; later changes are sent regardless\n"
        "   hint: Envoy answers once all its clusters are warm: look at warming clusters in its "
        "/config_dump for one that waits for a Secret or for DNS\n"
        "\n"
        "4 objects in force"
    )


def test_a_refused_object_is_shown_with_its_place() -> None:
    finding = Finding(
        code="CP0205",
        severity="error",
        message="weight 101 is above 100",
        hint=None,
        path="mesh/routes.yaml",
        line=14,
        column=9,
        object="VirtualService/default/reviews",
        refused=True,
        in_force=True,
    )

    shown = text(status(refused=1), finding)
    new = text(status(refused=1), structs.replace(finding, in_force=False))

    assert shown == (
        "no proxy is connected\n"
        "\n"
        "mesh/routes.yaml:14:9: error CP0205: weight 101 is above 100\n"
        "   VirtualService default/reviews is refused; its last accepted version stays in force\n"
        "\n"
        "4 objects in force, 1 refused; 1 error"
    )
    assert (
        "VirtualService default/reviews is refused; no version of it was accepted before, "
        "so it is not served\n"
    ) in new


def finding(code: str, severity: str = "error", consequence: str = "") -> Finding:
    return Finding(
        code=code,
        severity=severity,
        message=f"what {code} says",
        hint=None,
        path="mesh/routes.yaml",
        line=14,
        column=9,
        object="VirtualService/default/reviews",
        refused=False,
        in_force=True,
        consequence=consequence or UNSET,
    )


def test_an_error_that_refuses_nothing_is_shown_with_what_requests_get() -> None:
    shown = text(status(), finding("CP0301", consequence="requests to shop get 503"))

    assert shown.endswith(
        "\n\n"
        "mesh/routes.yaml:14:9: error CP0301: what CP0301 says\n"
        "   requests to shop get 503\n"
        "\n"
        "4 objects in force; 1 error"
    )


def test_of_warnings_those_by_which_requests_fail_are_shown_the_first_of_each_code() -> None:
    fatal = [finding("CP0306", "warning", f"requests to s{i} get 404") for i in range(7)]
    others = [finding("CP0203", "warning")]

    some = text(status(), *others, *fatal)
    everything = text(status(), *others, *fatal, warnings=True)

    assert "requests to s4 get 404" in some
    assert "s5" not in some
    assert "CP0203" not in some
    assert some.endswith(
        "4 objects in force; 8 warnings (3 not shown here: --warnings, or controlplane check)"
    )
    assert "requests to s6 get 404" in everything
    assert "what CP0203 says" in everything
    assert everything.endswith("4 objects in force; 8 warnings")


def test_what_acts_nowhere_is_shown() -> None:
    shown = text(status(), finding("CP0369", "warning"), finding("CP0328", "info"))

    assert "warning CP0369: what CP0369 says" in shown
    assert shown.endswith(
        "4 objects in force; 1 warning (1 not shown here: --warnings, or controlplane check)"
    )


def test_a_gateway_that_selects_no_connected_proxy_is_named() -> None:
    idle = DeclaredObject(object="Gateway/default/other", path="mesh/gw.yaml", line=3)

    shown = structs.replace(status(ShownProxy(proxy=proxy())), idle_gateways=(idle,))

    assert "\n\nGateway default/other (mesh/gw.yaml:3) selects no connected proxy\n\n" in text(
        shown
    )


def test_a_change_of_the_meshs_root_is_shown_with_whom_it_waits_for() -> None:
    authority = AuthorityStatus(
        step="announced",
        since=NOW,
        until=NOW,
        waits_for=("shop/cart 10.0.0.7",),
        is_plugged_in=False,
        root_expires=NOW,
    )
    changing = structs.replace(status(), authority=authority)
    steady = structs.replace(
        status(), authority=structs.replace(authority, step="steady", waits_for=())
    )

    waits = "the mesh changes its root: announced, waits for shop/cart 10.0.0.7"
    assert waits in text(changing)
    assert "changes its root" not in text(steady)


def test_what_waits_for_the_rest_of_its_change_is_named() -> None:
    shown = structs.replace(status(), waiting=1, waiting_objects=("DestinationRule/default/rev",))

    assert "\n\nDestinationRule default/rev waits for the rest of the change\n\n" in text(shown)


def test_a_watched_report_is_shown_again_when_it_changes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reports = iter(["one", "one", "two"])

    def sleep(_: float) -> None:
        if not times:
            raise KeyboardInterrupt
        times.pop()

    times = [1, 2]

    def look() -> Look:
        text = next(reports)
        age = str(next(ages))
        return Look([[(text, Style.PLAIN), (age, Style.PLAIN)]], [[(text, Style.PLAIN)]])

    ages = count()
    watched(look, sleep, every=2)

    assert capsys.readouterr().out == "one0\n\ntwo2\n"


def test_a_control_plane_that_restarts_is_watched_on(capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter(["one", None, "two"])

    def look() -> Look:
        answer = next(answers, None)
        if answer is None:
            raise AdminUnreachable("no control plane answers")
        lines = [[(answer, Style.PLAIN)]]
        return Look(lines, lines)

    def sleep(_: float) -> None:
        if not times:
            raise KeyboardInterrupt
        times.pop()

    times = [1, 2]

    watched(look, sleep, every=2)

    assert capsys.readouterr().out == "one\n\nno control plane answers\n\ntwo\n"
    with pytest.raises(AdminUnreachable):
        watched(look, sleep, every=2)


def test_a_held_removal_is_shown_with_the_way_to_confirm_it() -> None:
    names = tuple(f"Service/default/s{i}" for i in range(6))

    shown = structs.replace(status(), held_removals=names)

    assert not shown.is_synced
    assert text(shown) == (
        "no proxy is connected\n"
        "\n"
        "6 objects, most of the mesh, are gone from the files: "
        "their removal is held, all stay in force\n"
        "   Service default/s0, Service default/s1, Service default/s2, Service default/s3 "
        "and 2 more\n"
        "   hint: bring the files back, or remove the objects with controlplane confirm\n"
        "\n"
        "4 objects in force"
    )


@pytest.mark.parametrize(
    ("states", "refused", "ready", "synced"),
    [
        (["synced", "unasked"], 0, True, True),
        (["synced", "waiting"], 0, True, False),
        (["synced", "overdue"], 0, True, False),
        (["rejected"], 0, True, False),
        (["synced"], 1, True, False),
        (["synced"], 0, False, False),
    ],
)
def test_all_is_in_sync_or_not(states: list[str], refused: int, ready: bool, synced: bool) -> None:
    edge = proxy(**dict(zip(("route", "cluster"), states, strict=False)))

    shown = status(ShownProxy(proxy=edge), refused=refused, ready=ready)

    assert shown.is_synced is synced


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
    assert taken_port(taken) == 8080


@pytest.mark.parametrize("command", [["status"], ["config", "edge"]])
def test_a_control_plane_that_does_not_answer_is_reported(command: list[str]) -> None:
    result = CliRunner().invoke(main, [*command, "--admin", "127.0.0.1:1"])

    assert result.exit_code == 3
    assert result.stderr == (
        "error: no control plane answers at 127.0.0.1:1: Connection refused\n"
        "hint: start one with controlplane up or controlplane serve, "
        "or say where it is with --admin HOST:PORT\n"
    )


def test_an_answer_of_something_else_is_no_control_plane() -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"proxies": 1}')

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        at = f"127.0.0.1:{server.server_port}"
        result = CliRunner().invoke(main, ["status", "--admin", at])

    assert result.exit_code == 3
    assert result.stderr == (
        f"error: {at} answers GET /api/v1/status with 200\n"
        "hint: is it the admin interface of a control plane of this version?\n"
    )
