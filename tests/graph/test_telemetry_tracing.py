"""What Telemetries say of tracing."""

from pathlib import Path

import pytest

from tests.support.traced_mesh import (
    GATEWAY,
    PROVIDERS,
    SERVICES,
    SPANS,
    ZIPKIN,
    config,
    engine,
    listeners,
    managers,
    reported,
    sidecar,
    sides,
    telemetry,
    traced,
)


def test_a_telemetry_names_the_provider() -> None:
    of = engine(PROVIDERS, SERVICES + telemetry(SPANS))

    assert config(of)["collector_service"]["http_uri"]["uri"] == "http://spans.example/api/v2/spans"
    assert traced(of, sidecar(), "virtualInbound") is not None


def test_a_mode_is_for_one_side_alone() -> None:
    client, server = sides("{match: {mode: CLIENT}, providers: [{name: spans}]}")
    assert client is not None
    assert server is None

    client, server = sides("{match: {mode: SERVER}, providers: [{name: spans}]}")
    assert client is None
    assert server is not None

    later = "{match: {mode: SERVER}, randomSamplingPercentage: 50}"
    client, server = sides(f"{SPANS}, {later}")
    assert client is not None
    assert server is not None
    assert (client["random_sampling"], server["random_sampling"]) == (
        {"value": 1.0},
        {"value": 50.0},
    )


@pytest.mark.parametrize(
    ("tracing", "defaults", "percent"),
    [
        ("{providers: [{name: spans}], randomSamplingPercentage: 12.25}", "", 12.25),
        ("{providers: [{name: spans}], randomSamplingPercentage: 0}", "", 0),
        (SPANS, "defaultConfig: {tracing: {sampling: 33}}", 33),
        (SPANS, "defaultConfig: {tracing: {sampling: 0}}", 1),
        (SPANS, "", 1),
    ],
    ids=["by the Telemetry", "none", "by ProxyConfig", "zero there is unset", "by default"],
)
def test_the_nearest_percentage_is_sampled(tracing: str, defaults: str, percent: float) -> None:
    client, _ = sides(tracing, PROVIDERS + defaults)

    assert client is not None
    assert client["random_sampling"].get("value", 0) == percent


def test_a_nearer_telemetry_wins_field_by_field() -> None:
    text = (
        SERVICES
        + telemetry(
            "{providers: [{name: spans}], randomSamplingPercentage: 5, "
            "customTags: {a: {literal: {value: root}}, b: {literal: {value: root}}}}",
            namespace="istio-system",
        )
        + telemetry("{randomSamplingPercentage: 6, customTags: {a: {literal: {value: near}}}}")
        + telemetry("{providers: [{name: other}]}", name="one", selector="app: cart")
    )
    of = engine(PROVIDERS, text)
    near, gateway = traced(of, sidecar(), "virtualInbound"), traced(of, GATEWAY, "0.0.0.0_80")

    assert near is not None
    assert gateway is not None
    assert near["random_sampling"] == gateway["random_sampling"] == {"value": 6.0}
    assert [tag for tag in near["custom_tags"] if not tag["tag"].startswith("istio.")] == [
        {"tag": "a", "literal": {"value": "near"}}
    ]
    uri = near["provider"]["typed_config"]["collector_service"]["http_uri"]["uri"]
    assert uri == "http://spans.example/other"


def test_spans_may_be_switched_off_and_on_again_below() -> None:
    off = telemetry("{disableSpanReporting: true}", namespace="istio-system")
    on = telemetry("{disableSpanReporting: false}", name="one", selector="app: cart")
    of = engine(ZIPKIN, SERVICES + off + on)

    assert traced(of, GATEWAY, "0.0.0.0_80") is None
    assert traced(of, sidecar(), "virtualInbound") is not None


def test_an_unknown_provider_below_stops_what_was_traced() -> None:
    of = engine(ZIPKIN, SERVICES + telemetry("{providers: [{name: nobody}]}"))

    assert traced(of, GATEWAY, "0.0.0.0_80") is None


def test_tags_are_of_four_kinds_and_sorted_and_those_that_envoy_refuses_are_left_out() -> None:
    client, _ = sides(
        "{providers: [{name: spans}], enableIstioTags: false, customTags: {"
        "d: {formatter: {value: '%REQ(x-d)%'}}, "
        "c: {literal: {value: see}}, "
        "b: {environment: {name: B, defaultValue: none}}, "
        "a: {header: {name: x-a, defaultValue: none}}, "
        "bad: {formatter: {value: '%NO_SUCH%'}}}}"
    )

    assert client is not None
    assert client["custom_tags"] == [
        {"tag": "a", "request_header": {"name": "x-a", "default_value": "none"}},
        {"tag": "b", "environment": {"name": "B", "default_value": "none"}},
        {"tag": "c", "literal": {"value": "see"}},
        {"tag": "d", "value": "%REQ(x-d)%"},
    ]


def test_context_may_stay_behind_and_ids_decide_nothing() -> None:
    of = engine(
        PROVIDERS,
        SERVICES
        + telemetry(
            "{providers: [{name: spans}], disableContextPropagation: true, "
            "useRequestIdForTraceSampling: false}"
        ),
    )
    view = of.view(sidecar())
    assert view is not None
    resources = of.resources(view)
    assert resources is not None
    (manager, *_) = managers(listeners(of, sidecar())["0.0.0.0_80"])

    assert manager["request_id_extension"] == {
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig",
            "use_request_id_for_trace_sampling": False,
        }
    }
    # no_context_propagation, field 13, which the descriptors here do not have
    assert b"\x68\x01" in resources.listeners["0.0.0.0_80"].framed


def test_an_edit_of_a_telemetry_reaches_the_listeners() -> None:
    of = engine(PROVIDERS, SERVICES + telemetry(SPANS))
    assert traced(of, GATEWAY, "0.0.0.0_80") is not None

    of.apply([(Path("a.yaml"), SERVICES + telemetry("{disableSpanReporting: true}"))])

    assert traced(of, GATEWAY, "0.0.0.0_80") is None


@pytest.mark.parametrize(
    ("text", "mesh", "expected"),
    [
        (telemetry(SPANS), PROVIDERS, []),
        (
            telemetry("{providers: [{name: spasn}]}"),
            PROVIDERS,
            [("CP0820", ".spec.tracing[0].providers[0].name", 'rename it to "spans"')],
        ),
        (
            telemetry(SPANS),
            "extensionProviders: [{name: spans, lightstep: {service: a.b, port: 1}}]",
            [
                (
                    "CP0820",
                    ".spec.tracing[0].providers[0].name",
                    "send spans to a collector by opentelemetry",
                )
            ],
        ),
        (
            "",
            f"{PROVIDERS}defaultProviders: {{tracing: [spans, other]}}",
            [("CP0820", ".defaultProviders.tracing[1]", "keep one of them")],
        ),
        (
            telemetry(SPANS),
            PROVIDERS.replace("zipkin", "opentelemetry").replace(", path: /other", ""),
            [
                (
                    "CP0534",
                    ".spec.tracing[0].providers[0].name",
                    "declare it as GRPC (the port's name, or its appProtocol or protocol)",
                )
            ],
        ),
        (
            telemetry(SPANS),
            PROVIDERS.replace("9411", "4317"),
            [
                (
                    "CP0534",
                    ".spec.tracing[0].providers[0].name",
                    "declare it as HTTP (the port's name, or its appProtocol or protocol)",
                )
            ],
        ),
        (
            telemetry("{randomSamplingPercentage: 100}"),
            PROVIDERS,
            [
                (
                    "CP0820",
                    ".spec.tracing[0]",
                    "name one in providers, or set defaultProviders.tracing in MeshConfig",
                )
            ],
        ),
        (telemetry("{disableSpanReporting: true}"), PROVIDERS, []),
        (
            telemetry(SPANS, namespace="istio-system")
            + telemetry("{randomSamplingPercentage: 100}"),
            PROVIDERS,
            [],
        ),
        (
            telemetry("{customTags: {istio.mesh_id: {literal: {value: a}}}}"),
            ZIPKIN,
            [
                (
                    "CP0821",
                    ".spec.tracing[0].customTags.istio.mesh_id",
                    "rename it, or set enableIstioTags: false",
                )
            ],
        ),
        (
            telemetry(
                "{enableIstioTags: false, customTags: {istio.mesh_id: {literal: {value: a}}}}"
            ),
            ZIPKIN,
            [],
        ),
        (
            telemetry("{customTags: {a: {formatter: {value: '%NO%'}}}}"),
            ZIPKIN,
            [("CP0821", ".spec.tracing[0].customTags.a", "")],
        ),
        (
            telemetry("{customTags: {a: {literal: {value: a}}}}", namespace="istio-system")
            + telemetry("{customTags: {b: {literal: {value: b}}}}"),
            ZIPKIN,
            [("CP0822", ".spec.tracing[0].customTags", "repeat them here")],
        ),
    ],
    ids=[
        "a usable provider",
        "an unknown provider",
        "one that Envoy has no tracer for",
        "several default providers",
        "gRPC to a port for HTTP",
        "HTTP to a port for gRPC",
        "no provider",
        "nothing is to be traced",
        "the provider of the mesh",
        "a tag of Istio's",
        "one in its place",
        "a format that Envoy refuses",
        "tags that are replaced",
    ],
)
def test_what_is_not_traced_as_it_is_written_is_reported(
    text: str, mesh: str, expected: list[tuple[str, str, str]]
) -> None:
    assert reported(text, mesh) == expected
