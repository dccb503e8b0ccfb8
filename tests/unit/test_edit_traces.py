"""Traces of edits: what they say, and that nothing waits for their collector."""

import json
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from controlplane.serve import trace_export
from controlplane.serve.trace_export import QUEUED_AT_MOST, TraceExporter
from tests.support.envoy import free_port
from tests.support.mesh import CONTROLPLANE
from tests.support.process import Running, eventually
from tests.support.trace_collector import trace_collector

MESH = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: shop, namespace: default}
spec:
  hosts: [shop.example]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: ADDRESS}]
"""


def running(folder: Path, *options: str) -> Running:
    mesh = folder / "mesh"
    mesh.mkdir()
    (mesh / "mesh.yaml").write_text(MESH.replace("ADDRESS", "10.0.0.1"))
    ports = [f"--{name}=127.0.0.1:{free_port()}" for name in ("xds", "admin")]
    where = [str(mesh), "--state", str(folder / "state"), "--log-format=json"]
    return Running([*CONTROLPLANE, "serve", *where, *ports, *options], folder / "log")


def logged(folder: Path, event: str) -> list[dict[str, object]]:
    lines = (folder / "log").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == event]


def test_an_edit_is_a_trace_of_its_stages_which_the_log_names(tmp_path: Path) -> None:
    with (
        trace_collector() as collector,
        running(tmp_path, "--trace-otlp", collector.url) as process,
    ):
        process.eventually("it loads", lambda: len(logged(tmp_path, "loaded")) == 1, within=30)
        edited = MESH.replace("ADDRESS", "10.0.0.2")
        (tmp_path / "mesh" / "mesh.yaml").write_text(edited)
        process.eventually("it is traced", lambda: len(collector.requests) == 2)

    path, content_type, message = collector.requests[-1]
    assert (path, content_type) == ("/v1/traces", "application/x-protobuf")
    resource = {a.key: a.value.string_value for a in message.resource_spans[0].resource.attributes}
    assert resource["service.name"] == "controlplane"
    load, edit = (span for span in collector.spans() if not span.parent_span_id)
    stages = [span for span in collector.spans() if span.parent_span_id == edit.span_id]
    assert (load.name, edit.name) == ("load", "edit")
    assert [span.name for span in stages] == ["read", "trial", "recompute", "answer"]
    assert {span.trace_id for span in stages} == {edit.trace_id}
    ends = [edit.start_time_unix_nano, *(span.end_time_unix_nano for span in stages)]
    assert [span.start_time_unix_nano for span in stages] == ends[:-1]
    assert abs(edit.start_time_unix_nano - time.time_ns()) < 60e9
    said = {a.key: a.value.int_value for a in edit.attributes}
    assert said["controlplane.files"] == said["controlplane.objects.put"] == 1
    (line,) = logged(tmp_path, "reloaded")
    assert (line["trace_id"], line["span_id"]) == (edit.trace_id.hex(), edit.span_id.hex())


def test_without_a_collector_the_log_names_no_trace(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        process.eventually("it loads", lambda: len(logged(tmp_path, "loaded")) == 1, within=30)

    assert "trace_id" not in logged(tmp_path, "loaded")[0]


def test_a_collector_that_does_not_answer_delays_nothing_and_is_not_waited_for() -> None:
    outcomes: list[str] = []
    with trace_collector() as collector:
        collector.may_answer.clear()
        exporter = TraceExporter(collector.url, outcomes.append)
        exporter.start()
        exporter.export(b"")
        eventually("the first is on its way", lambda: len(collector.requests) == 1)

        began = time.monotonic()
        for _ in range(QUEUED_AT_MOST + 7):
            exporter.export(b"")
        took = time.monotonic() - began

        assert outcomes == ["dropped"] * 7
        assert took < 1
        collector.may_answer.set()
        eventually("the rest is sent", lambda: outcomes.count("sent") == QUEUED_AT_MOST + 1)
        exporter.stop()


def test_a_collector_that_is_away_or_refuses_fails_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcomes: list[str] = []
    with trace_collector() as collector:
        collector.status = 400
        refused = TraceExporter(f"{collector.url}/own/path", outcomes.append)
        refused.start()
        refused.export(b"")
        eventually("it fails", lambda: outcomes == ["failed"])
        refused.stop()
        assert collector.requests[0][0] == "/own/path"
    away = TraceExporter(f"http://127.0.0.1:{free_port()}", outcomes.append)
    away.start()
    away.export(b"")
    away.export(b"")
    away.stop()

    assert outcomes == ["failed"] * 3
    assert capsys.readouterr().out.count("traces_not_sent") == 2


@pytest.mark.parametrize(
    ("said", "more", "outcome"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536, "sent"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "failed"),
        (b"garbage", b"", "failed"),
    ],
    ids=["an endless body", "endless interim responses", "garbage"],
)
def test_an_answer_without_an_end_is_not_read(
    said: bytes, more: bytes, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_export, "ANSWERS_WITHIN", 0.3)
    outcomes: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as connection, suppress(OSError):
                connection.sendall(said)
                while more:
                    connection.sendall(more)

        threading.Thread(target=answer, daemon=True).start()
        exporter = TraceExporter(f"http://127.0.0.1:{server.getsockname()[1]}", outcomes.append)
        exporter.start()
        exporter.export(b"")
        eventually("it is given up", lambda: outcomes == [outcome])
        exporter.stop()


def test_a_collector_of_a_name_that_is_none_fails_alone() -> None:
    outcomes: list[str] = []
    exporter = TraceExporter("http://a..b:4318", outcomes.append)
    exporter.start()
    exporter.export(b"")
    exporter.export(b"")
    eventually("both fail", lambda: outcomes == ["failed"] * 2)
    exporter.stop()
