"""What is attached to a workload beside its rules, and what of it is in force."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from controlplane.admin.workload import Applied, Observed
from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.wasm_plugin import WASM_PLUGIN
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY
from controlplane.model.extension import Module
from controlplane.model.proxy import Proxy, Role
from controlplane.queries.inputs.modules import MODULE, FetchedModule
from controlplane.queries.listeners.extension_configs import module_source
from controlplane.queries.registry.proxies import resolved_or_as_it_says
from controlplane.serve.applied_view import AppliedView

NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
WEB: Final = Proxy(
    name="web-1",
    role=Role.SIDECAR,
    namespace=Namespace("shop"),
    service_account="web",
    addresses=("10.0.0.7",),
)
MESH: Final = """\
extensionProviders:
- name: tempo
  opentelemetry: {service: tempo.shop.svc.cluster.local, port: 4317}
- name: logs
  envoyOtelAls: {service: tempo.shop.svc.cluster.local, port: 4317}
accessLogFile: /dev/stdout
"""
OBJECTS: Final = """\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata:
  name: web-1
  namespace: shop
  annotations:
    proxy.istio.io/config: |
      concurrency: 4
      statusPort: 15099
spec: {address: 10.0.0.7, labels: {app: web}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: tempo, namespace: shop}
spec:
  hosts: [tempo.shop.svc.cluster.local]
  ports: [{name: grpc, number: 4317, protocol: GRPC}]
  resolution: STATIC
  endpoints: [{address: 10.0.0.9}]
"""


def telemetry(name: str, spec: str, namespace: str = "shop") -> str:
    return (
        "---\napiVersion: telemetry.istio.io/v1\nkind: Telemetry\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"
    )


def config(name: str, spec: str, namespace: str = "shop") -> str:
    return (
        "---\napiVersion: networking.istio.io/v1beta1\nkind: ProxyConfig\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"
    )


def plugin(name: str, spec: str) -> str:
    return (
        "---\napiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\n"
        f"metadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n"
    )


def running(more: str = "") -> Engine:
    engine = Engine(MeshConfig(), now=NOW)
    engine.read_mesh(Path("mesh.yaml"), MESH)
    engine.apply([(Path("web.yaml"), OBJECTS), (Path("more.yaml"), more)])
    return engine


def view(engine: Engine) -> AppliedView:
    return AppliedView(engine, engine.view(WEB))


def said(applied: tuple[Applied, ...]) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.declared.object.rpartition("/")[2], each.says) for each in applied]


def test_without_a_telemetry_the_mesh_says_what_is_recorded() -> None:
    assert view(running()).observed() == tuple(
        Observed(
            calls=side,
            logs=("/dev/stdout",),
            metrics="none",
            spans="the tracer of its bootstrap, if it has one, 1 %",
        )
        for side in ("calls in", "calls out")
    )


def test_each_side_is_as_its_telemetries_say() -> None:
    engine = running(
        telemetry(
            "web",
            "{selector: {matchLabels: {app: web}}, accessLogging: [{providers: [{name: logs}],"
            " match: {mode: SERVER}, filter: {expression: response.code >= 500}}],"
            " metrics: [{providers: [{name: prometheus}], overrides:"
            " [{match: {metric: REQUEST_SIZE, mode: CLIENT}, disabled: true}]}],"
            " tracing: [{providers: [{name: tempo}], randomSamplingPercentage: 5}]}",
        )
    )

    spans = "OpenTelemetry to tempo.shop.svc.cluster.local:4317, 5 %"
    assert view(engine).observed() == (
        Observed(
            calls="calls in",
            logs=("tempo.shop.svc.cluster.local where response.code >= 500",),
            metrics="istio_*",
            spans=spans,
        ),
        Observed(
            calls="calls out",
            logs=("/dev/stdout",),
            metrics="istio_*, without istio_request_bytes",
            spans=spans,
        ),
    )


def test_of_a_telemetry_is_in_force_what_would_be_otherwise_without_it() -> None:
    engine = running(
        telemetry(
            "mesh",
            "{accessLogging: [{providers: [{name: envoy}]}],"
            " tracing: [{randomSamplingPercentage: 1}]}",
            "istio-system",
        )
        + telemetry("shop", "{accessLogging: [{providers: [{name: logs}]}]}")
        + telemetry(
            "web",
            "{selector: {matchLabels: {app: web}},"
            " tracing: [{match: {mode: CLIENT}, randomSamplingPercentage: 9}]}",
        )
        + telemetry("cart", "{selector: {matchLabels: {app: cart}}, tracing: [{}]}")
    )

    found = view(engine).telemetries()

    assert said(found) == [
        ("mesh", ("spans of calls in",)),
        ("shop", ("logs of calls in and calls out",)),
        ("web", ("spans of calls out",)),
    ]
    assert (found[1].declared.path, found[1].declared.line) == ("more.yaml", 7)


SELECTED: Final = "selector: {matchLabels: {app: web}}, phase: AUTHN"
URL: Final = "url: 'https://wasm.example/a.wasm'"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            f"{{{SELECTED}, {URL}}}",
            (
                "calls in and calls out",
                "phase AUTHN",
                "no module from https://wasm.example/a.wasm: calls are refused",
            ),
            id="not fetched, closed",
        ),
        pytest.param(
            f"{{{SELECTED}, {URL}, failStrategy: FAIL_OPEN, match: [{{mode: SERVER}}]}}",
            (
                "calls in",
                "phase AUTHN",
                "no module from https://wasm.example/a.wasm: calls pass",
            ),
            id="not fetched, open",
        ),
        pytest.param(
            f"{{{SELECTED}, url: 'file:///opt/a.wasm',"
            " match: [{mode: CLIENT, ports: [{number: 80}, {number: 81}]}]}",
            ("calls out on port 80 and 81", "phase AUTHN", "a module of the proxy's own"),
            id="a file of the proxy, on ports",
        ),
    ],
)
def test_an_extension_says_where_it_is_and_what_becomes_of_calls(
    spec: str, expected: tuple[str, ...]
) -> None:
    assert said(view(running(plugin("guard", spec))).extensions()) == [("guard", expected)]


def test_a_module_that_is_there_is_named_by_its_digest() -> None:
    engine = running(plugin("guard", f"{{{SELECTED}, {URL}}}"))
    (key,) = (found.key for found in engine.objects(WASM_PLUGIN))
    source = module_source(engine.graph, key)
    assert source is not None
    engine.graph.edit()
    module = Module(digest="ab" * 32, content=b"")
    engine.graph.set(MODULE, source, FetchedModule(module=module))

    ((_, words),) = said(view(engine).extensions())

    assert words[-1] == "module abababababab of https://wasm.example/a.wasm"


def test_a_narrower_proxy_config_takes_what_a_wider_one_says() -> None:
    engine = running(
        config("mesh", "{concurrency: 1, environmentVariables: {A: '1', B: '1'}}", "istio-system")
        + config("shop", "{environmentVariables: {B: '2'}}")
        + config("web", "{selector: {matchLabels: {app: web}}, concurrency: 8}")
        + config("old", "{selector: {matchLabels: {app: cart}}, concurrency: 9}")
    )
    workload = next(iter(engine.objects(WORKLOAD_ENTRY)))

    found = view(engine).proxy_configs(WEB, resolved_or_as_it_says(engine.graph, WEB), workload)

    assert said(found) == [
        ("mesh", ("variable A",)),
        ("shop", ("variable B",)),
        ("web-1", ("statusPort",)),
        ("web", ("concurrency",)),
    ]
    assert (found[2].declared.path, found[2].declared.line) == ("web.yaml", 7)
