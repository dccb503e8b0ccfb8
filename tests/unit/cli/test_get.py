"""What ``get`` and ``status gateways`` print."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from controlplane.admin.objects import (
    FoundObjects,
    GatewayRow,
    Gateways,
    ListenerRow,
    ShownObject,
)
from controlplane.admin.view import DeclaredObject, View, json_text
from controlplane.cli import object_lines
from controlplane.cli.gateways_view import lines
from controlplane.cli.main import main

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EDGE = DeclaredObject(object="Gateway/shop/edge", path="mesh/edge.yaml", line=3)
MORE = DeclaredObject(object="ListenerSet/shop/more", path="mesh/more.yaml", line=1)


def shown(group: str = "gateway.networking.k8s.io", *, refused: bool = False) -> ShownObject:
    return ShownObject(
        object=EDGE.object,
        path=EDGE.path,
        line=EDGE.line,
        refused=refused,
        manifest={
            "apiVersion": f"{group}/v1",
            "kind": "Gateway",
            "metadata": {"name": "edge"},
            "status": {"conditions": [{"status": "True", "message": "a: b"}]},
        },
    )


@contextmanager
def answering(answers: Mapping[str, View]) -> Iterator[str]:
    """The address of an admin interface that knows these answers by path."""

    class Admin(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path)
            self.send_response(200 if found is not None else 404)
            self.end_headers()
            self.wfile.write(json_text(found).encode() if found is not None else b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Admin) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def called(words: Sequence[str], answers: Mapping[str, View]) -> Result:
    with answering(answers) as admin:
        return CliRunner().invoke(main, [*words, "--admin", admin])


@pytest.mark.parametrize(
    "words",
    [
        ["gateway/edge", "-n", "shop"],
        ["gateway", "edge", "-n", "shop"],
        ["gateway/shop/edge"],
        ["gateway/shop/edge", "-n", "shop"],
    ],
)
def test_an_object_is_printed_as_yaml(words: list[str]) -> None:
    answer = FoundObjects(objects=(shown(),))

    result = called(["get", *words], {"/api/v1/objects/gateway/shop/edge": answer})

    assert result.stdout == (
        "apiVersion: gateway.networking.k8s.io/v1\n"
        "kind: Gateway\n"
        "metadata:\n"
        "  name: edge\n"
        "status:\n"
        "  conditions:\n"
        "  - status: 'True'\n"
        "    message: 'a: b'\n"
    )
    assert (result.exit_code, result.stderr) == (0, "")


def test_an_object_of_which_the_newest_form_is_refused_says_so_aside() -> None:
    answer = FoundObjects(objects=(shown(refused=True),))

    result = called(["get", "gw/edge", "-o", "json"], {"/api/v1/objects/gw/edge": answer})

    assert '"status": "True"' in result.stdout
    assert result.stderr == (
        "note: what mesh/edge.yaml:3 says now is refused; this is what was accepted last\n"
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, 'error: no object of a kind "gw" is declared\n'),
        (FoundObjects(objects=()), "error: there is no gw edge in namespace default\n"),
        (
            FoundObjects(objects=(shown(), shown("networking.istio.io"))),
            'error: "gw" is several kinds here\n'
            "hint: write gateway.gateway.networking.k8s.io or gateway.networking.istio.io\n",
        ),
        (
            FoundObjects(objects=(), refused=(EDGE,)),
            "error: Gateway shop/edge is refused, and no earlier form of it was accepted\n"
            "hint: controlplane check mesh/edge.yaml says why\n",
        ),
    ],
)
def test_what_cannot_be_shown_is_an_error_with_one_step_to_take(
    found: FoundObjects | None, said: str
) -> None:
    answers = {"/api/v1/objects/gw/edge": found} if found is not None else {}

    result = called(["get", "gw/edge"], answers)

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", said)


@pytest.mark.parametrize("words", [["gateway"], ["a/b/c/d"], ["gateway/shop/edge", "-n", "x"]])
def test_what_names_no_object_is_a_mistake_of_usage(words: list[str]) -> None:
    result = CliRunner().invoke(main, ["get", *words])

    assert result.exit_code == 2
    assert result.stderr.endswith("KIND/NAME, or KIND NAME, with -n NAMESPACE\n")


def listener(name: str, parent: DeclaredObject = EDGE, **more: Any) -> ListenerRow:
    values = {"protocol": "HTTP", "port": 80, "hostname": "*", "programmed": "True"}
    return ListenerRow(parent=parent, name=name, **{"attached_routes": 2, **values, **more})


def gateways(*listeners: ListenerRow, programmed: str = "True", problem: str = "") -> Gateways:
    row = GatewayRow(
        declared=EDGE,
        class_name="istio",
        addresses=("127.0.1.1",),
        accepted="True",
        programmed=programmed,
        since=NOW - timedelta(minutes=4),
        problem=problem,
        listeners=listeners,
    )
    return Gateways(gateways=(row,), unserved=(DeclaredObject(object="Gateway/a/theirs"),))


def test_gateways_are_a_table_with_their_listeners_and_what_is_wrong_below() -> None:
    found = gateways(
        listener("http"),
        listener(
            "more",
            MORE,
            port=443,
            hostname="*.example.com",
            programmed="Invalid",
            attached_routes=0,
            problem="Secret shop/shop does not exist",
        ),
    )

    said = ["".join(text for text, _ in line) for line in lines(found, NOW)]

    assert said == [
        "GATEWAY    CLASS                   ADDRESS                   PROGRAMMED  SINCE  ROUTES",
        "shop/edge  istio                   127.0.1.1                 True        4m     2",
        "· http     HTTP 80                                           True               2",
        "· more     HTTP 443 *.example.com  of ListenerSet shop/more  Invalid            0",
        "shop/edge more: Secret shop/shop does not exist  mesh/more.yaml:1",
        "of classes that are served elsewhere: Gateway a/theirs",
    ]


@pytest.mark.parametrize(("programmed", "status"), [("True", 0), ("Pending", 1)])
def test_a_gateway_that_is_not_programmed_is_an_exit_status(programmed: str, status: int) -> None:
    answers = {"/api/v1/gateways": gateways(programmed=programmed)}

    assert called(["status", "gateways"], answers).exit_code == status
    assert called(["status", "gateways", "--exit-zero"], answers).exit_code == 0


def test_an_object_is_described_by_the_parts_of_its_status() -> None:
    condition = {
        "lastTransitionTime": "2026-06-01T11:56:00Z",
        "message": "it works",
        "observedGeneration": 2,
        "reason": "Accepted",
        "status": "True",
        "type": "Accepted",
    }
    manifest = {
        "metadata": {"generation": 2},
        "status": {
            "conditions": [condition],
            "listeners": [
                {
                    "name": "http",
                    "attachedRoutes": 1,
                    "supportedKinds": [{"kind": "HTTPRoute"}],
                    "conditions": [{**condition, "type": "Conflicted", "status": "False"}],
                }
            ],
            "parents": [
                {
                    "parentRef": {"kind": "Gateway", "name": "edge", "sectionName": "http"},
                    "conditions": [condition],
                }
            ],
        },
    }
    found = ShownObject(object=EDGE.object, path="a.yaml", line=3, refused=False, manifest=manifest)

    said = ["".join(text for text, _ in line) for line in object_lines.lines(found, NOW)]

    assert said == [
        "Gateway shop/edge  a.yaml:3",
        "  generation  2",
        "  Accepted  True Accepted  for 4m  it works",
        "listener http  attached routes: 1, of HTTPRoute",
        "  Conflicted  False Accepted  for 4m  it works",
        "at Gateway edge, section http",
        "  Accepted  True Accepted  for 4m  it works",
    ]


def test_describe_takes_objects_beside_workloads() -> None:
    answers = {"/api/v1/objects/gateway/shop/edge": FoundObjects(objects=(shown(),))}

    result = called(["describe", "gateway/shop/edge"], answers)

    assert result.stdout.startswith("Gateway shop/edge  mesh/edge.yaml:3\n")


def test_a_shell_completes_kinds() -> None:
    complete = ShellComplete(main, {}, "controlplane", "_CONTROLPLANE_COMPLETE")

    assert [c.value for c in complete.get_completions(["get"], "gatewayc")] == ["gatewayclass"]
