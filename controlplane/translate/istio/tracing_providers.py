"""Providers of MeshConfig ``extensionProviders`` become tracers.

Source: Istio ``pilot/pkg/networking/core/tracing.go`` (``configureFromProviderConfig``)
"""

from collections.abc import Iterable
from datetime import timedelta
from enum import Enum, auto
from typing import Final, assert_never

from controlplane.base.names import Host
from controlplane.kinds.istio import extension_providers as kinds
from controlplane.kinds.istio.extension_providers import ExtensionProvider, ServiceAttributes
from controlplane.model.format_string import first_fault
from controlplane.model.tracing import (
    Collector,
    Datadog,
    DynatraceSampler,
    GrpcEndpoint,
    HttpEndpoint,
    OpenTelemetry,
    Pairs,
    SkyWalking,
    Tracer,
    Zipkin,
)
from controlplane.translate.istio.durations import length
from controlplane.translate.istio.external_authorization import ProviderService, written_service

Declared = kinds.Zipkin | kinds.OpenTelemetry | kinds.Datadog | kinds.SkyWalking
"""What a provider says of tracing."""
ZIPKIN_TIMEOUT: Final = timedelta(seconds=5)  # tracing.go, zipkinConfig
HTTP_TIMEOUT: Final = timedelta(seconds=3)
"""Istio's documented default; Envoy wants one, and istiod sends none."""
ZIPKIN_PATH: Final = "/api/v2/spans"
_SAMPLING_PATH: Final = "api/v2/samplingConfiguration"
DEPRECATED: Final = ("lightstep", "opencensus", "stackdriver")
"""Types of providers for which Envoy has no tracer any more."""


class ServiceName(Enum):
    """What a tracer calls the proxy."""

    NODE = auto()
    """Envoy names the cluster of its node itself."""
    CLUSTER = auto()
    """The same, but it must be said."""
    SEMANTIC = auto()
    """As OpenTelemetry's conventions for Kubernetes have it."""


def tracing_of(provider: ExtensionProvider) -> Declared | None:
    """What it says of tracing; ``None`` where it is for something else, or has no tracer."""
    return provider.zipkin or provider.opentelemetry or provider.datadog or provider.skywalking


def service_name(declared: Declared) -> ServiceName:
    match declared:
        case kinds.OpenTelemetry(service_attribute_enrichment=enrichment):
            is_semantic = enrichment is ServiceAttributes.OTEL_SEMANTIC_CONVENTIONS
            return ServiceName.SEMANTIC if is_semantic else ServiceName.CLUSTER
        case kinds.Datadog():
            return ServiceName.CLUSTER
        case kinds.Zipkin() | kinds.SkyWalking():
            return ServiceName.NODE
    assert_never(declared)


def tag_length(declared: Declared) -> int:
    """Zero is unset."""
    return 0 if isinstance(declared, kinds.SkyWalking) else declared.max_tag_length


def collector_services(declared: Declared) -> tuple[ProviderService, ...]:
    """The service that takes spans, then the one that the sampler asks, if it has its own."""
    asked = _sampler_api(declared)
    own = (written_service(declared.service, declared.port),)
    return own if asked is None else (*own, written_service(asked.service, asked.port))


def speaks_grpc(declared: Declared) -> bool:
    """Whether spans go over gRPC, which is HTTP/2."""
    match declared:
        case kinds.OpenTelemetry(http=http):
            return http is None
        case kinds.SkyWalking():
            return True
        case kinds.Zipkin() | kinds.Datadog():
            return False
    assert_never(declared)


def collector(service: ProviderService) -> Collector:
    return Collector(service.host, service.port)


def tracer(declared: Declared, service: str) -> Tracer | None:
    """The tracer of a provider whose services exist; ``service`` is the proxy's name in spans.

    ``None``: its sampler has nobody to ask.
    """
    to = collector(collector_services(declared)[0])
    match declared:
        case kinds.Zipkin():
            return _zipkin(declared, to)
        case kinds.OpenTelemetry():
            return _open_telemetry(declared, to, service)
        case kinds.Datadog():
            return Datadog(collector=to, service=service)
        case kinds.SkyWalking():
            return SkyWalking(collector=to)
    assert_never(declared)


def _zipkin(declared: kinds.Zipkin, to: Collector) -> Zipkin:
    timeout = length(declared.timeout)
    return Zipkin(
        endpoint=HttpEndpoint(
            collector=to,
            uri=f"http://{to.host}{declared.path or ZIPKIN_PATH}",
            timeout=ZIPKIN_TIMEOUT if timeout is None else timeout,
            headers=_formatted(declared.headers),
        ),
        has_long_ids=not declared.enable_64bit_trace_id,
        adds_w3c=declared.trace_context_option
        is kinds.TraceContextOption.USE_B3_WITH_W3C_PROPAGATION,
    )


def _open_telemetry(
    declared: kinds.OpenTelemetry, to: Collector, service: str
) -> OpenTelemetry | None:
    detectors = declared.resource_detectors or kinds.ResourceDetectors()
    is_semantic = service_name(declared) is ServiceName.SEMANTIC
    sampler = _sampler(declared, to)
    if sampler is None and declared.dynatrace_sampler is not None:
        return None
    grpc = declared.grpc or kinds.GrpcService()
    return OpenTelemetry(
        endpoint=_http(declared.http, to)
        if declared.http is not None
        else GrpcEndpoint(
            collector=to, timeout=length(grpc.timeout), headers=_headers(grpc.initial_metadata)
        ),
        service=service,
        detects_environment=detectors.environment is not None or is_semantic,
        detects_dynatrace=detectors.dynatrace is not None,
        sampler=sampler,
    )


def _sampler(declared: kinds.OpenTelemetry, to: Collector) -> DynatraceSampler | None:
    """Without a service of its own it asks the one that takes the spans, if that is by HTTP."""
    sampler, asked = declared.dynatrace_sampler, _sampler_api(declared)
    if sampler is None:
        return None
    if asked is not None:
        api = collector(written_service(asked.service, asked.port))
        endpoint = _http(asked.http or kinds.HttpService(), api)
    elif declared.http is not None:
        endpoint = _http(declared.http, to, _SAMPLING_PATH)
    else:
        return None
    return DynatraceSampler(
        tenant=sampler.tenant,
        cluster_id=sampler.cluster_id,
        spans_per_minute=sampler.root_spans_per_minute,
        endpoint=endpoint,
    )


def _sampler_api(declared: Declared) -> kinds.DynatraceApi | None:
    sampler = declared.dynatrace_sampler if isinstance(declared, kinds.OpenTelemetry) else None
    return sampler.http_service if sampler is not None else None


def _http(declared: kinds.HttpService, to: Collector, path: str | None = None) -> HttpEndpoint:
    timeout = length(declared.timeout)
    return HttpEndpoint(
        collector=to,
        uri=joined(to.host, declared.path if path is None else path),
        timeout=HTTP_TIMEOUT if timeout is None else timeout,
        headers=_formatted(declared.headers),
    )


def joined(host: Host, path: str) -> str:
    """``host/path``, with one slash between each two parts, as Go's ``url.JoinPath`` has it."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    slash = "/" if parts and path.endswith("/") else ""
    return "/".join((host, *parts)) + slash


def _formatted(declared: Iterable[kinds.HttpHeader]) -> Pairs:
    """Headers of requests over HTTP, whose values Envoy reads as formats: what is none is sent as
    it is written.
    """
    return tuple(
        (name, value if first_fault(value) is None else value.replace("%", "%%"))
        for name, value in _headers(declared)
    )


def _headers(declared: Iterable[kinds.HttpHeader]) -> Pairs:
    """One whose value is to come from a variable of istiod's is left out, which is reported."""
    return tuple((each.name, each.value or "") for each in declared if each.env_name is None)
