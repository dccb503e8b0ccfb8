"""Access logs of real Envoys: files, Envoy's ALS and OpenTelemetry, as Telemetries say."""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.envoy.test_authorization import MESH, answers
from tests.envoy.test_sidecar_inbound import APP, asked
from tests.support.log_services import LogServices, running_log_services
from tests.support.mesh import Mesh, running_mesh
from tests.support.network import own_network
from tests.support.process import eventually
from tests.support.sidecar_mesh import sidecar_mesh

pytestmark = pytest.mark.envoy

LOGS = "127.1.1.9"
SERVICE = f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: logs, namespace: infra}}
spec:
  hosts: [logs.example]
  ports: [{{number: 4317, name: grpc, protocol: GRPC}}]
  resolution: STATIC
  endpoints: [{{address: {LOGS}}}]
---
"""
PROVIDERS = """
extensionProviders:
- name: lines
  envoyFileAccessLog:
    path: FOLDER/lines.log
    logFormat: {text: "%REQ(:METHOD)% %REQ_WITHOUT_QUERY(:PATH)% %RESPONSE_CODE%"}
- name: json
  envoyFileAccessLog:
    path: FOLDER/json.log
    logFormat: {labels: {path: "%REQ(:PATH)%", code: "%RESPONSE_CODE%", user: "%REQ(X-USER)%"}}
    omitEmptyValues: true
- {name: usual, envoyFileAccessLog: {path: FOLDER/usual.log}}
- name: als
  envoyHttpAls:
    {service: infra/logs.example, port: 4317, additionalRequestHeadersToLog: [x-user]}
- {name: tcp-als, envoyTcpAls: {service: logs.example, port: 4317, logName: streams}}
- name: otel
  envoyOtelAls:
    service: logs.example
    port: 4317
    logFormat: {text: "code %RESPONSE_CODE%", labels: {path: "%REQ(:PATH)%"}}
- {name: no-port, envoyHttpAls: {service: logs.example, port: 4318}}
- {name: nobody, envoyHttpAls: {service: nobody.example, port: 4318}}
- name: refused
  envoyFileAccessLog: {path: FOLDER/refused.log, logFormat: {text: "%NOPE%"}}
accessLogFile: FOLDER/mesh.log
accessLogFormat: "%REQ(:PATH)%"
"""


@pytest.fixture(scope="module")
def services() -> Iterator[LogServices]:
    with own_network(), running_log_services(f"{LOGS}:4317") as running:
        yield running


@pytest.fixture(scope="module")
def mesh(services: LogServices, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    assert services.records == []
    folder = tmp_path_factory.mktemp("mesh")
    settings = folder / "mesh-config.yaml"
    settings.write_text(PROVIDERS.replace("FOLDER", str(folder)))
    with running_mesh(folder, serve_options=("--mesh-config", str(settings))) as running:
        running.upstreams.add("shop", "127.1.1.1", 9080)
        yield running


def telemetry(*entries: str) -> str:
    return (
        "apiVersion: telemetry.istio.io/v1\nkind: Telemetry\n"
        "metadata: {name: logs, namespace: istio-system}\n"
        f"spec: {{accessLogging: [{', '.join(entries)}]}}\n---\n"
    )


def of(*names: str, more: str = "") -> str:
    return f"{{providers: [{', '.join(f'{{name: {name}}}' for name in names)}]{more}}}"


def ask(mesh: Mesh, path: str, **headers: str) -> None:
    answer = mesh.until(
        lambda found: found.status == 200, f"http://shop.example:8080{path}", headers=headers
    )
    assert answer.status == 200


def lines(mesh: Mesh, name: str) -> list[str]:
    file = mesh.control_plane.config.parent / f"{name}.log"
    return file.read_text().splitlines() if file.exists() else []


def logged(mesh: Mesh, name: str, line: str) -> None:
    eventually(f"{line!r} is in {name}.log", lambda: line in lines(mesh, name))


def test_a_file_gets_lines_in_the_format_of_its_provider(mesh: Mesh) -> None:
    mesh.apply(MESH + telemetry(of("lines", "json", "usual")))

    ask(mesh, "/one?q=1", **{"x-user": "ann"})
    ask(mesh, "/two")

    logged(mesh, "lines", "GET /one 200")
    logged(mesh, "lines", "GET /two 200")
    eventually("both are in JSON", lambda: len(lines(mesh, "json")) >= 2)
    found = [json.loads(line) for line in lines(mesh, "json")]
    assert {"path": "/one?q=1", "code": 200, "user": "ann"} in found
    assert {"path": "/two", "code": 200} in found
    eventually("Istio's own format", lambda: any('"GET /two' in s for s in lines(mesh, "usual")))
    assert "/two" not in lines(mesh, "mesh")


def test_connections_are_logged_too(mesh: Mesh) -> None:
    mesh.apply(MESH + telemetry(of("usual")))

    assert answers(mesh)

    cluster = "outbound|80||shop.default.svc.cluster.local"
    eventually(
        "the connection", lambda: any("- - -" in s and cluster in s for s in lines(mesh, "usual"))
    )


def test_a_filter_says_what_is_logged(mesh: Mesh) -> None:
    expression = "request.url_path.startsWith('/kept') && request.headers['x-user'] == 'ann'"
    mesh.apply(MESH + telemetry(of("lines", more=f', filter: {{expression: "{expression}"}}')))

    ask(mesh, "/kept-not")
    ask(mesh, "/left", **{"x-user": "ann"})
    ask(mesh, "/kept", **{"x-user": "ann"})

    logged(mesh, "lines", "GET /kept 200")
    assert not {"GET /kept-not 200", "GET /left 200"} & set(lines(mesh, "lines"))


def test_logs_are_switched_off_and_on_while_the_proxy_runs(mesh: Mesh) -> None:
    mesh.apply(MESH + telemetry(of("lines"), "{disabled: true}"))
    ask(mesh, "/off")
    mesh.apply(MESH + telemetry(of("lines")))
    ask(mesh, "/on")
    logged(mesh, "lines", "GET /on 200")
    assert "GET /off 200" not in lines(mesh, "lines")

    mesh.apply(MESH)
    ask(mesh, "/mesh-config")
    logged(mesh, "mesh", "/mesh-config")


def test_a_service_of_envoys_als_gets_requests(mesh: Mesh, services: LogServices) -> None:
    mesh.apply(SERVICE + MESH + telemetry(of("als")))

    ask(mesh, "/als", **{"x-user": "ann"})

    def found() -> bool:
        return any(
            log == "http_envoy_accesslog"
            and entry.request.path == "/als"
            and entry.request.request_headers["x-user"] == "ann"
            and entry.response.response_code.value == 200
            for log, entry in services.requests
        )

    eventually("the request arrives", found)


def test_a_service_of_envoys_als_gets_connections(mesh: Mesh, services: LogServices) -> None:
    mesh.apply(SERVICE + MESH + telemetry(of("tcp-als")))

    assert answers(mesh)

    cluster = "outbound|80||shop.default.svc.cluster.local"
    eventually(
        "the connection arrives",
        lambda: any(
            log == "streams" and entry.common_properties.upstream_cluster == cluster
            for log, entry in services.connections
        ),
    )


def test_a_service_of_opentelemetry_gets_records(mesh: Mesh, services: LogServices) -> None:
    mesh.apply(SERVICE + MESH + telemetry(of("otel")))

    ask(mesh, "/otel")

    def found() -> bool:
        return any(
            record.body.string_value == "code 200"
            and {each.key: each.value.string_value for each in record.attributes}
            == {"path": "/otel"}
            for record in services.records
        )

    eventually("the record arrives", found)


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(of("no-port"), id="a port that the service does not have"),
        pytest.param(of("nobody"), id="a service that nobody declares"),
        pytest.param(of("nope"), id="a provider that nobody declares"),
        pytest.param(of("refused"), id="a format that Envoy refuses"),
        pytest.param(
            of("lines", more=", filter: {expression: 'nope(1)'}"), id="a function that is not there"
        ),
        pytest.param(of("lines", more=", filter: {expression: '[1].all(x, x > 0)'}"), id="a macro"),
        pytest.param(
            of("lines", more=""", filter: {expression: "request.path.matches('[')"}"""),
            id="a bad pattern",
        ),
    ],
)
def test_no_telemetry_takes_a_listener_down(mesh: Mesh, entry: str) -> None:
    mesh.apply(SERVICE + MESH + telemetry(of("usual"), entry))

    ask(mesh, f"/still-{hash(entry) & 0xFFFF}")

    assert mesh.gateway.rejected() == {}
    socket.create_connection((mesh.workload.address, 9000), timeout=10).close()


CALL = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: both, namespace: istio-system}
spec:
  accessLogging:
  - {match: {mode: CLIENT}, providers: [{name: outward}]}
  - {match: {mode: SERVER}, providers: [{name: inward}]}
---
"""


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
def test_each_side_of_a_call_between_sidecars_has_its_log(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.log" for name in ("outward", "inward")}
    settings = tmp_path / "mesh-config.yaml"
    settings.write_text(
        "extensionProviders:\n"
        + "".join(
            f"- name: {name}\n  envoyFileAccessLog:\n    path: {file}\n"
            '    logFormat: {text: "%REQ(:PATH)% %UPSTREAM_CLUSTER_RAW%"}\n'
            for name, file in files.items()
        )
    )

    with sidecar_mesh(tmp_path, CALL + APP, "--mesh-config", str(settings)) as mesh:
        mesh.upstreams.add("app", mesh.host.address, 8000)
        assert asked(mesh)["protocol"] == "HTTP/1.1"

        for name, cluster in (
            ("outward", "outbound|80||app.default.svc.cluster.local"),
            ("inward", "inbound|8000||"),
        ):
            file = files[name]
            eventually(
                f"the {name} call is logged",
                lambda file=file, cluster=cluster: (
                    file.exists() and f"/ {cluster}" in file.read_text().splitlines()
                ),
            )
