"""What proxies trace, and where they send it."""

import pytest

from tests.support.traced_mesh import (
    GATEWAY,
    SERVICES,
    ZIPKIN,
    config,
    engine,
    sidecar,
    traced,
)


def test_the_default_provider_gets_the_spans_of_a_gateway() -> None:
    found = traced(engine(ZIPKIN), GATEWAY, "0.0.0.0_80")

    assert found is not None
    assert found["random_sampling"] == {"value": 1.0}
    assert found["spawn_upstream_span"] is True
    assert found["provider"] == {
        "name": "envoy.tracers.zipkin",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.config.trace.v3.ZipkinConfig",
            "trace_id_128bit": True,
            "shared_span_context": False,
            "collector_endpoint_version": "HTTP_JSON",
            "collector_service": {
                "http_uri": {
                    "uri": "http://spans.example/api/v2/spans",
                    "cluster": "outbound|9411||spans.example",
                    "timeout": "5s",
                }
            },
        },
    }


def test_spans_of_a_sidecar_say_which_workload_it_serves() -> None:
    found = traced(engine(ZIPKIN), sidecar(), "virtualInbound")

    assert found is not None
    tags = {tag["tag"]: tag.get("literal", {}).get("value") for tag in found["custom_tags"]}
    assert "spawn_upstream_span" not in found
    assert tags == {
        "istio.authorization.dry_run.allow_policy.name": None,
        "istio.authorization.dry_run.allow_policy.result": None,
        "istio.authorization.dry_run.deny_policy.name": None,
        "istio.authorization.dry_run.deny_policy.result": None,
        "istio.canonical_revision": "v2",
        "istio.canonical_service": "cart",
        "istio.cluster_id": "Kubernetes",
        "istio.mesh_id": "cluster.local",
        "istio.namespace": "shop",
    }


def test_sidecars_of_equal_views_share_their_outbound_listeners_unless_they_are_traced() -> None:
    one, other = sidecar("a", "10.0.0.5"), sidecar("b", "10.0.0.6")
    for mesh, shared in (("", True), (ZIPKIN, False)):
        of = engine(mesh)
        views = [of.view(proxy) for proxy in (one, other)]
        assert all(views)
        assert (views[0].outbound == views[1].outbound) is shared  # type: ignore[union-attr]  # as asserted


@pytest.mark.parametrize(
    "mesh",
    [
        ZIPKIN.replace("[spans]", "[other]"),
        ZIPKIN.replace("9411", "9412"),
        ZIPKIN.replace("observed/spans", "other"),
        ZIPKIN.replace("zipkin:", "envoyExtAuthzGrpc:"),
    ],
    ids=["no such provider", "no such port", "no such service", "of another type"],
)
def test_nothing_is_traced_where_the_provider_cannot_be_used(mesh: str) -> None:
    assert traced(engine(mesh), GATEWAY, "0.0.0.0_80") is None


def test_the_collector_is_reached_past_a_sidecar_that_does_not_import_it() -> None:
    closed = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: closed, namespace: shop}
spec: {egress: [{hosts: ["./*"]}]}
---
"""
    of = engine(ZIPKIN, SERVICES + closed)
    view = of.view(sidecar())
    assert view is not None
    resources = of.resources(view)
    assert resources is not None

    assert "outbound|9411||spans.example" in resources.clusters
    assert traced(of, sidecar(), "virtualInbound") is not None


def test_zipkin_has_the_settings_of_its_provider() -> None:
    mesh = """
extensionProviders:
- name: spans
  zipkin:
    service: spans.example
    port: 9411
    maxTagLength: 32
    enable64bitTraceId: true
    path: /spans
    traceContextOption: USE_B3_WITH_W3C_PROPAGATION
    timeout: 2s
    headers: [{name: x-tenant, value: a}]
defaultProviders: {tracing: [SPANS]}
"""
    of = engine(mesh)
    found = traced(of, GATEWAY, "0.0.0.0_80")

    assert found is not None
    assert found["max_path_tag_length"] == 32
    assert config(of) == {
        "@type": "type.googleapis.com/envoy.config.trace.v3.ZipkinConfig",
        "shared_span_context": False,
        "collector_endpoint_version": "HTTP_JSON",
        "trace_context_option": "USE_B3_WITH_W3C_PROPAGATION",
        "collector_service": {
            "http_uri": {
                "uri": "http://spans.example/spans",
                "cluster": "outbound|9411||spans.example",
                "timeout": "2s",
            },
            "request_headers_to_add": [
                {
                    "header": {"key": "x-tenant", "value": "a"},
                    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                }
            ],
        },
    }


def open_telemetry(settings: str) -> str:
    return f"""
extensionProviders:
- name: spans
  opentelemetry: {{service: spans.example, {settings}}}
defaultProviders: {{tracing: [spans]}}
"""


def test_open_telemetry_goes_by_grpc() -> None:
    said = "port: 4317, grpc: {timeout: 1s, initialMetadata: [{name: a, value: b}]}"

    assert config(engine(open_telemetry(said))) == {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "grpc_service": {
            "envoy_grpc": {
                "cluster_name": "outbound|4317||spans.example",
                "authority": "spans.example",
            },
            "timeout": "1s",
            "initial_metadata": [{"key": "a", "value": "b"}],
        },
        "service_name": "ingress.shop",
    }


def test_open_telemetry_goes_by_http_with_detectors_and_names_by_convention() -> None:
    said = (
        "port: 9411, http: {path: /v1/traces}, resourceDetectors: {dynatrace: {}}, "
        "serviceAttributeEnrichment: OTEL_SEMANTIC_CONVENTIONS"
    )

    found = config(engine(open_telemetry(said)))

    assert found["http_service"] == {
        "http_uri": {
            "uri": "spans.example/v1/traces",
            "cluster": "outbound|9411||spans.example",
            "timeout": "3s",
        }
    }
    assert found["service_name"] == "ingress"
    assert [each["name"] for each in found["resource_detectors"]] == [
        "envoy.tracers.opentelemetry.resource_detectors.environment",
        "envoy.tracers.opentelemetry.resource_detectors.dynatrace",
    ]


def test_dynatrace_samples_what_it_is_asked_about() -> None:
    said = (
        "port: 9411, http: {path: /otlp, timeout: 1s}, "
        "dynatraceSampler: {tenant: abc, clusterId: -1, rootSpansPerMinute: 7}"
    )
    of = engine(open_telemetry(said))
    found = traced(of, GATEWAY, "0.0.0.0_80")

    assert found is not None
    assert found["random_sampling"] == {"value": 100.0}
    assert config(of)["sampler"] == {
        "name": "envoy.tracers.opentelemetry.samplers.dynatrace",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.tracers.opentelemetry.samplers.v3."
            "DynatraceSamplerConfig",
            "tenant": "abc",
            "cluster_id": -1,
            "root_spans_per_minute": 7,
            "http_service": {
                "http_uri": {
                    "uri": "spans.example/api/v2/samplingConfiguration",
                    "cluster": "outbound|9411||spans.example",
                    "timeout": "1s",
                }
            },
        },
    }


@pytest.mark.parametrize(
    ("written", "sent"),
    [("50%", "50%%"), ("a%20b", "a%%20b"), ("%HOSTNAME%", "%HOSTNAME%"), ("100%%", "100%%")],
)
def test_a_header_that_is_no_format_of_envoys_is_sent_as_it_is_written(
    written: str, sent: str
) -> None:
    headers = f"port: 9411, headers: [{{name: x-token, value: '{written}'}}]"
    made = config(engine(ZIPKIN.replace("port: 9411", headers)))

    (header,) = made["collector_service"]["request_headers_to_add"]
    assert header["header"] == {"key": "x-token", "value": sent}


def test_datadog_and_skywalking() -> None:
    datadog = ZIPKIN.replace("zipkin", "datadog")
    skywalking = ZIPKIN.replace("zipkin", "skywalking")

    assert config(engine(datadog)) == {
        "@type": "type.googleapis.com/envoy.config.trace.v3.DatadogConfig",
        "collector_cluster": "outbound|9411||spans.example",
        "service_name": "ingress.shop",
        "collector_hostname": "spans.example",
    }
    assert config(engine(skywalking), sidecar(), "virtualInbound") == {
        "@type": "type.googleapis.com/envoy.config.trace.v3.SkyWalkingConfig",
        "grpc_service": {
            "envoy_grpc": {
                "cluster_name": "outbound|9411||spans.example",
                "authority": "spans.example",
            }
        },
    }
    found = traced(engine(skywalking), sidecar(), "virtualInbound")
    assert found is not None
    assert found["spawn_upstream_span"] is True


def test_without_a_provider_the_tags_are_those_of_proxy_config() -> None:
    mesh = """
defaultConfig:
  tracing:
    sampling: 50
    maxPathTagLength: 100
    enableIstioTags: false
    customTags:
      b: {header: {name: x-b, defaultValue: none}}
      a: {literal: {value: one}}
      c: {environment: {name: C}}
      bad: {header: {name: "x b"}}
"""

    assert traced(engine(mesh), sidecar(), "virtualInbound") == {
        "client_sampling": {"value": 100.0},
        "random_sampling": {"value": 50.0},
        "overall_sampling": {"value": 100.0},
        "max_path_tag_length": 100,
        "custom_tags": [
            {"tag": "a", "literal": {"value": "one"}},
            {"tag": "b", "request_header": {"name": "x-b", "default_value": "none"}},
            {"tag": "c", "environment": {"name": "C"}},
        ],
    }
