"""What Telemetries make of metrics: merged as istiod does, and what cannot be counted."""

from pathlib import Path

import pytest

from controlplane.base.diagnostics import Report
from controlplane.base.names import Namespace
from controlplane.kinds.istio.mesh_config import DefaultProviders, MeshConfig
from controlplane.kinds.mesh import decode_mesh_config
from controlplane.model.http_settings import ListenerContext
from controlplane.model.metrics import LabelChange, Metric, Metrics, Reporter
from controlplane.queries.policy.metrics import measures_calls, metrics_of
from controlplane.queries.policy.telemetry import telemetry_keys
from tests.support.declared import Declared

MESH = "istio-system"
ON = "providers: [{name: prometheus}]"
OUTBOUND, INBOUND = ListenerContext.OUTBOUND, ListenerContext.INBOUND


def telemetry(*metrics: str, namespace: str = "default", name: str = "metrics") -> str:
    entries = "".join(f"\n  - {{{each}}}" for each in metrics)
    return f"""---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  metrics:{entries or " []"}
"""


def mesh_config(text: str) -> MeshConfig:
    return decode_mesh_config(text, Path("mesh.yaml"), Report())


def counted(text: str, context: ListenerContext = OUTBOUND, mesh: str = "") -> Metrics | None:
    graph = Declared(text, mesh=mesh_config(mesh)).graph
    return metrics_of(graph, telemetry_keys(graph, Namespace("default"), ()), context)


def override(match: str = "", tags: str = "", *, disabled: str = "") -> str:
    parts = [f"match: {{{match}}}"] if match else []
    parts += [f"tagOverrides: {{{tags}}}"] if tags else []
    parts += [f"disabled: {disabled}"] if disabled else []
    return f"overrides: [{{{', '.join(parts)}}}]"


def found(*metrics: str, context: ListenerContext = OUTBOUND) -> Metrics:
    made = counted(telemetry(*metrics), context)
    assert made is not None
    return made


def test_nothing_is_counted_unless_a_provider_is_named() -> None:
    assert counted("") is None
    assert counted(telemetry(override("metric: REQUEST_COUNT", disabled="true"))) is None


def test_a_telemetry_or_the_mesh_names_the_provider() -> None:
    plain = Metrics(reporter=Reporter.SOURCE)
    of_mesh = "defaultProviders: {metrics: [prometheus]}"

    assert counted(telemetry(ON)) == plain
    assert counted(telemetry(ON, namespace=MESH)) == plain
    assert counted("", mesh=of_mesh) == plain
    assert counted("", INBOUND, of_mesh) == Metrics(reporter=Reporter.DESTINATION)


def test_the_nearest_providers_replace_those_of_the_mesh() -> None:
    other = "providers: [{name: other}]"

    assert counted(telemetry(ON, namespace=MESH) + telemetry(other)) is None


def test_a_provider_may_have_another_name_and_its_name_may_be_of_another_kind() -> None:
    declared = "extensionProviders: [{name: mine, prometheus: {}}]"
    taken = "extensionProviders: [{name: prometheus, zipkin: {service: z.shop, port: 9411}}]"

    assert counted(telemetry("providers: [{name: mine}]"), mesh=declared) is not None
    assert counted(telemetry(ON), mesh=taken) is None


@pytest.mark.parametrize("metric", Metric)
def test_each_metric_can_be_disabled(metric: Metric) -> None:
    by_name = f"{ON}, {override(f'metric: {metric.name}', disabled='true')}"
    by_custom = f"{ON}, {override(f'customMetric: {metric.value}', disabled='true')}"

    assert found(by_name).disabled == (metric,)
    assert found(by_custom).disabled == (metric,)


@pytest.mark.parametrize(
    ("mode", "contexts"),
    [
        ("CLIENT", {ListenerContext.OUTBOUND, ListenerContext.GATEWAY}),
        ("SERVER", {ListenerContext.INBOUND}),
        ("CLIENT_AND_SERVER", set(ListenerContext)),
    ],
)
def test_a_mode_is_of_its_side(mode: str, contexts: set[ListenerContext]) -> None:
    spec = f"{ON}, {override(f'metric: REQUEST_COUNT, mode: {mode}', disabled='true')}"

    said = {each for each in ListenerContext if found(spec, context=each).disabled}

    assert said == contexts


def test_all_metrics_can_be_switched_off_and_on_again() -> None:
    off = f"{ON}, {override('metric: ALL_METRICS', disabled='true')}"
    on = override("metric: REQUEST_COUNT", disabled="false")

    assert counted(telemetry(off)) is None
    assert counted(telemetry(f"{ON}, overrides: [{{disabled: true}}]")) is None
    assert counted(telemetry(off, namespace=MESH) + telemetry(on)) is not None


def test_labels_are_replaced_added_and_removed_and_the_last_word_wins() -> None:
    tags = "app: {value: request.host}, reporter: {operation: REMOVE}, x: {value: request.path}"
    later = "app: {value: \"'shop'\"}"
    match = "metric: REQUEST_COUNT"

    made = found(f"{ON}, {override(match, tags)}", override(match, later))

    assert made.changes == (
        (
            Metric.REQUEST_COUNT,
            (
                LabelChange(name="app", format="shop"),
                LabelChange(name="reporter", format=None),
                LabelChange(name="x", format="%CEL(request.path)%"),
            ),
        ),
    )


def test_an_override_of_all_metrics_changes_each() -> None:
    made = found(f"{ON}, {override(tags='x: {value: request.host}')}")

    change = LabelChange(name="x", format="%CEL(request.host)%")
    assert made.changes == tuple((metric, (change,)) for metric in Metric)


def said(*metrics: str) -> list[str]:
    return [each for each in Declared(telemetry(*metrics)).reported() if "CP08" in each]


AT = "CP0810 Telemetry/default/metrics.spec.metrics[0]"


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        (f"{ON}, reportingInterval: 5s", "reportingInterval"),
        ("providers: [{name: other}]", "providers[0].name"),
        (
            f"{ON}, {override('metric: GRPC_REQUEST_MESSAGES', 'a: {operation: REMOVE}')}",
            "overrides[0].match.metric",
        ),
        (
            f"{ON}, {override('customMetric: mine', 'a: {value: request.host}')}",
            "overrides[0].match.customMetric",
        ),
        (f"{ON}, {override(tags='a: {value: upstream_peer.app}')}", "overrides[0].tagOverrides.a"),
    ],
)
def test_what_envoy_cannot_count_is_reported(spec: str, place: str) -> None:
    [found] = said(spec)

    assert found.startswith(f"{AT}.{place}"), found


@pytest.mark.parametrize("name", ["istio_requests_total", "request_total"])
def test_a_slip_in_the_name_of_a_metric_is_reported(name: str) -> None:
    [found] = said(f"{ON}, {override(f'customMetric: {name}', disabled='true')}")

    assert found.startswith(f"{AT}.overrides[0].match.customMetric"), found


def test_a_label_from_an_attribute_that_is_not_there_is_reported() -> None:
    [found] = said(f"{ON}, {override(tags='a: {value: request.hots}')}")

    assert found.startswith("CP0807 ")
    assert found.partition(" ")[2].startswith(f"{AT[7:]}.overrides[0].tagOverrides.a.value"), found
    assert said(f"{ON}, {override(tags='a: {value: node.id}')}") == []


def test_metrics_that_nobody_names_a_provider_for_are_reported() -> None:
    some = override("metric: REQUEST_COUNT", "a: {value: request.host}")
    by_default = MeshConfig(default_providers=DefaultProviders(metrics=("prometheus",)))
    root = telemetry(ON, namespace=MESH)

    [found] = said(some)
    assert found == AT
    assert said(ON, some) == []
    assert said("overrides: [{disabled: true}]") == []
    assert Declared(telemetry(some), mesh=by_default).reported() == set()
    assert Declared(root + telemetry(some)).reported() == set()


def test_a_default_provider_that_counts_nothing_is_reported() -> None:
    mesh = mesh_config("defaultProviders: {metrics: [prometheus, other]}")
    [found] = [each for each in Declared("", mesh=mesh).reported() if "CP08" in each]

    assert found.startswith("CP0810 MeshConfig//mesh.defaultProviders.metrics[1]"), found


def test_what_it_can_count_is_not() -> None:
    disabled = override("metric: GRPC_REQUEST_MESSAGES", disabled="true")

    assert said(f"{ON}, {override('metric: TCP_SENT_BYTES', 'a: {value: request.host}')}") == []
    assert said(f"{ON}, {disabled}") == []


def test_a_label_that_cannot_be_evaluated_stays_as_it_is() -> None:
    made = found(f"{ON}, {override(tags='reporter: {value: upstream_peer.app}')}")

    assert made.changes == ()


def test_endpoints_say_what_they_are_once_somebody_counts() -> None:
    assert not measures_calls(Declared(telemetry()).graph)
    assert not measures_calls(Declared(telemetry("providers: [{name: other}]")).graph)
    assert measures_calls(Declared(telemetry(ON)).graph)
