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
    KindObject,
    ListenerRow,
    ObjectsOfKind,
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


def test_an_object_of_another_namespace_is_an_error_that_says_where_it_is() -> None:
    answers: dict[str, View] = {
        "/api/v1/objects/gw/new": FoundObjects(objects=()),
        "/api/v1/objects/gw": ObjectsOfKind(objects=(of_kind("shop/new"), of_kind("bank/edge"))),
    }

    result = called(["get", "gw/new"], answers)

    assert result.stderr == (
        "error: there is no gw new in namespace default\nhint: there is gw/shop/new\n"
    )


@pytest.mark.parametrize("words", [["a/b/c/d"], ["gateway/shop/edge", "-n", "x"]])
def test_what_names_no_object_is_a_mistake_of_usage(words: list[str]) -> None:
    result = CliRunner().invoke(main, ["get", *words])

    assert result.exit_code == 2
    assert result.stderr.endswith("KIND/NAME, or KIND NAME, with -n NAMESPACE\n")


def of_kind(place: str, group: str = "gateway.networking.k8s.io", **more: Any) -> KindObject:
    values = {"path": "mesh/a.yaml", "line": 3, "in_force": True, "refused": False, **more}
    return KindObject(object=f"Gateway/{place}", kind=f"gateway.{group}", **values)


LISTED = ObjectsOfKind(
    objects=(
        of_kind("default/edge"),
        of_kind("default/new", refused=True, in_force=False),
        of_kind("default/old", refused=True, line=12),
        of_kind("shop/edge", path="", line=0),
    )
)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            [],
            "NAME  STATE                    DECLARED\n"
            "edge  in force                 mesh/a.yaml:3\n"
            "new   refused                  mesh/a.yaml:3\n"
            "old   refused, kept as it was  mesh/a.yaml:12\n",
        ),
        (["-n", "shop"], "NAME  STATE     DECLARED\nedge  in force  -\n"),
        (
            ["-A"],
            "NAMESPACE  NAME  STATE                    DECLARED\n"
            "default    edge  in force                 mesh/a.yaml:3\n"
            "default    new   refused                  mesh/a.yaml:3\n"
            "default    old   refused, kept as it was  mesh/a.yaml:12\n"
            "shop       edge  in force                 -\n",
        ),
    ],
)
def test_a_kind_alone_lists_its_objects(words: list[str], said: str) -> None:
    result = called(["get", "gtw", *words], {"/api/v1/objects/gtw": LISTED})

    assert (result.exit_code, result.stdout, result.stderr) == (0, said, "")


def test_objects_of_two_apis_are_listed_with_their_kinds() -> None:
    both = ObjectsOfKind(objects=(of_kind("a/edge"), of_kind("a/edge", "networking.istio.io")))

    result = called(["get", "gateways", "-n", "a"], {"/api/v1/objects/gateways": both})

    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        "NAME",
        "gateway.gateway.networking.k8s.io/edge",
        "gateway.networking.istio.io/edge",
    ]


def test_cluster_wide_objects_are_listed_without_a_namespace() -> None:
    mine = KindObject(
        object="GatewayClass//mine", kind="gatewayclass", in_force=True, refused=False
    )

    result = called(["get", "gc"], {"/api/v1/objects/gc": ObjectsOfKind(objects=(mine,))})

    assert result.stdout == "NAME  STATE     DECLARED\nmine  in force  -\n"


def test_the_objects_of_a_kind_are_printed_as_a_list() -> None:
    answers: dict[str, View] = {
        "/api/v1/objects/gateway": LISTED,
        "/api/v1/objects/gateway.gateway.networking.k8s.io/shop/edge": FoundObjects(
            objects=(shown(),)
        ),
    }

    result = called(["get", "gateway", "-n", "shop", "-o", "yaml"], answers)

    assert result.stdout.startswith(
        "apiVersion: v1\n"
        "kind: List\n"
        "items:\n"
        "- apiVersion: gateway.networking.k8s.io/v1\n"
        "  kind: Gateway\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["shop"], 'error: no object of a kind "shop" is declared\n'),
        (
            ["gateway", "-n", "bank"],
            "error: there is no gateway in namespace bank\n"
            "hint: add -n NAMESPACE or --all-namespaces: there are in default, shop\n",
        ),
    ],
)
def test_a_list_without_objects_is_an_error_that_says_where_there_are(
    words: list[str], said: str
) -> None:
    result = called(["get", *words], {"/api/v1/objects/gateway": LISTED})

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", said)


def test_a_kind_of_which_nothing_is_declared_has_an_empty_list() -> None:
    table = called(["get", "httproutes", "--all-namespaces"], {})
    printed = called(["get", "httproutes", "-o", "yaml"], {})

    assert (table.exit_code, table.stdout) == (0, "")
    assert table.stderr == "no httproutes are declared\n"
    assert printed.stdout == "apiVersion: v1\nkind: List\nitems: []\n"


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
