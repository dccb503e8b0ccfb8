"""The ``tracing`` of a connection manager, and the tracers that it may name.

Source: envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto,
envoy/config/trace/v3; Istio ``pilot/pkg/networking/core/tracing.go``.
"""

from collections.abc import Iterable
from typing import Final, assert_never

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.http_service_pb2 import HttpService
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.config.trace.v3.datadog_pb2 import DatadogConfig
from envoy.config.trace.v3.http_tracer_pb2 import Tracing as TracingConfig
from envoy.config.trace.v3.opentelemetry_pb2 import OpenTelemetryConfig
from envoy.config.trace.v3.skywalking_pb2 import SkyWalkingConfig
from envoy.config.trace.v3.zipkin_pb2 import ZipkinConfig
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from envoy.extensions.request_id.uuid.v3.uuid_pb2 import UuidRequestIdConfig
from envoy.extensions.tracers.opentelemetry.resource_detectors.v3 import (
    dynatrace_resource_detector_pb2 as dynatrace,
    environment_resource_detector_pb2 as environment,
)
from envoy.extensions.tracers.opentelemetry.samplers.v3.dynatrace_sampler_pb2 import (
    DynatraceSamplerConfig,
)
from envoy.type.metadata.v3.metadata_pb2 import MetadataKey, MetadataKind
from envoy.type.tracing.v3.custom_tag_pb2 import CustomTag
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.wrappers_pb2 import BoolValue

from controlplane.envoy.http_filters.rbac import NAME as RBAC_NAME
from controlplane.envoy.optional import opt, uint32
from controlplane.envoy.packing import packed
from controlplane.model.tracing import (
    Datadog,
    DynatraceSampler,
    EnvironmentTag,
    FormatTag,
    GrpcEndpoint,
    HeaderTag,
    HttpEndpoint,
    LiteralTag,
    OpenTelemetry,
    Pairs,
    PolicyTag,
    SkyWalking,
    TagValue,
    Tracer,
    Tracing,
    Zipkin,
)

_NO_CONTEXT_PROPAGATION: Final = bytes((13 << 3, 1))
"""``no_context_propagation: true``. Envoy 1.40 has it as field 13, ``xds-protos`` not yet."""
_OTEL: Final = "envoy.tracers.opentelemetry"


def tracing(settings: Tracing) -> hcm.HttpConnectionManager.Tracing:
    """``client_sampling`` of 100: what a client asks for with ``x-client-trace-id`` is traced."""
    made = hcm.HttpConnectionManager.Tracing(
        client_sampling=Percent(value=100),
        random_sampling=Percent(value=settings.sampling),
        overall_sampling=Percent(value=100),
        max_path_tag_length=opt(uint32, settings.tag_length),
        custom_tags=[_tag(name, value) for name, value in settings.tags],
        provider=None if settings.tracer is None else _provider(settings.tracer),
        spawn_upstream_span=BoolValue(value=True) if settings.spawns_upstream_span else None,
    )
    if not settings.propagates:
        made.MergeFromString(_NO_CONTEXT_PROPAGATION)
    return made


def request_id_extension(settings: Tracing | None) -> hcm.RequestIDExtension | None:
    """``None``: Envoy's own, which samples by the request's id."""
    if settings is None or settings.samples_by_request_id:
        return None
    config = UuidRequestIdConfig(use_request_id_for_trace_sampling=BoolValue(value=False))
    return hcm.RequestIDExtension(typed_config=packed(config))


def _provider(tracer: Tracer) -> TracingConfig.Http:
    match tracer:
        case Zipkin():
            name, config = "envoy.tracers.zipkin", packed(_zipkin(tracer))
        case OpenTelemetry():
            name, config = _OTEL, packed(_open_telemetry(tracer))
        case Datadog(collector=collector, service=service):
            datadog = DatadogConfig(
                collector_cluster=collector.cluster,
                service_name=service,
                collector_hostname=collector.host,
            )
            name, config = "envoy.tracers.datadog", packed(datadog)
        case SkyWalking(collector=collector):
            asked = _grpc(GrpcEndpoint(collector=collector))
            name, config = "envoy.tracers.skywalking", packed(SkyWalkingConfig(grpc_service=asked))
        case _:
            assert_never(tracer)
    return TracingConfig.Http(name=name, typed_config=config)


def _zipkin(tracer: Zipkin) -> ZipkinConfig:
    propagation = (
        ZipkinConfig.USE_B3_WITH_W3C_PROPAGATION if tracer.adds_w3c else ZipkinConfig.USE_B3
    )
    return ZipkinConfig(
        trace_id_128bit=tracer.has_long_ids,
        shared_span_context=BoolValue(value=False),
        collector_endpoint_version=ZipkinConfig.HTTP_JSON,
        trace_context_option=propagation,
        collector_service=_http(tracer.endpoint),
    )


def _open_telemetry(tracer: OpenTelemetry) -> OpenTelemetryConfig:
    endpoint, detectors = tracer.endpoint, list[TypedExtensionConfig]()
    if tracer.detects_environment:
        config = packed(environment.EnvironmentResourceDetectorConfig())
        name = f"{_OTEL}.resource_detectors.environment"
        detectors.append(TypedExtensionConfig(name=name, typed_config=config))
    if tracer.detects_dynatrace:
        config = packed(dynatrace.DynatraceResourceDetectorConfig())
        name = f"{_OTEL}.resource_detectors.dynatrace"
        detectors.append(TypedExtensionConfig(name=name, typed_config=config))
    return OpenTelemetryConfig(
        grpc_service=_grpc(endpoint) if isinstance(endpoint, GrpcEndpoint) else None,
        http_service=_http(endpoint) if isinstance(endpoint, HttpEndpoint) else None,
        service_name=tracer.service,
        resource_detectors=detectors,
        sampler=opt(_sampler, tracer.sampler),
    )


def _sampler(sampler: DynatraceSampler) -> TypedExtensionConfig:
    config = DynatraceSamplerConfig(
        tenant=sampler.tenant,
        cluster_id=sampler.cluster_id,
        http_service=_http(sampler.endpoint),
        root_spans_per_minute=sampler.spans_per_minute,
    )
    return TypedExtensionConfig(name=f"{_OTEL}.samplers.dynatrace", typed_config=packed(config))


def _http(endpoint: HttpEndpoint) -> HttpService:
    return HttpService(
        http_uri=HttpUri(
            uri=endpoint.uri, cluster=endpoint.collector.cluster, timeout=endpoint.timeout
        ),
        request_headers_to_add=[
            HeaderValueOption(
                header=header, append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
            )
            for header in _headers(endpoint.headers)
        ],
    )


def _grpc(endpoint: GrpcEndpoint) -> GrpcService:
    collector = endpoint.collector
    return GrpcService(
        envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=collector.cluster, authority=collector.host),
        timeout=endpoint.timeout,
        initial_metadata=_headers(endpoint.headers),
    )


def _headers(pairs: Pairs) -> Iterable[HeaderValue]:
    return (HeaderValue(key=name, value=value) for name, value in pairs)


def _tag(name: str, value: TagValue) -> CustomTag:
    match value:
        case LiteralTag(value=text):
            return CustomTag(tag=name, literal=CustomTag.Literal(value=text))
        case EnvironmentTag(variable=variable, default=default):
            read = CustomTag.Environment(name=variable, default_value=default)
            return CustomTag(tag=name, environment=read)
        case HeaderTag(header=header, default=default):
            of_request = CustomTag.Header(name=header, default_value=default)
            return CustomTag(tag=name, request_header=of_request)
        case FormatTag(text=text):
            return CustomTag(tag=name, value=text)
        case PolicyTag(key=key):
            found = CustomTag.Metadata(
                kind=MetadataKind(request=MetadataKind.Request()),
                metadata_key=MetadataKey(key=RBAC_NAME, path=[MetadataKey.PathSegment(key=key)]),
            )
            return CustomTag(tag=name, metadata=found)
    assert_never(value)
