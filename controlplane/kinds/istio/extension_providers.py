"""MeshConfig ``extensionProviders``: services that authorize requests, and where telemetry goes.

Source: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
"""

from collections.abc import Mapping
from enum import Enum

from msgspec import field

from controlplane.kinds.spec import Duration, Int32, Spec, UInt32


class Setting(Spec, frozen=True, forbid_unknown_fields=False):
    """A part of MeshConfig in which an unknown name is passed over, as in Istio."""


class RequestBody(Setting, frozen=True):
    """``max_request_bytes``: at least 1. ``pack_as_bytes``: for gRPC only."""

    max_request_bytes: UInt32 = 0
    allow_partial_message: bool = False
    pack_as_bytes: bool = False


class HttpAuthorization(Setting, frozen=True):
    """``include_headers_in_check`` is used only where ``include_request_headers_in_check`` is
    empty.
    """

    service: str = ""
    port: UInt32 = 0
    timeout: Duration | None = None
    path_prefix: str = ""
    fail_open: bool = False
    clear_route_cache: bool = False
    status_on_error: str = ""
    include_headers_in_check: tuple[str, ...] = ()
    include_request_headers_in_check: tuple[str, ...] = ()
    include_additional_headers_in_check: Mapping[str, str] = {}
    include_request_body_in_check: RequestBody | None = None
    headers_to_upstream_on_allow: tuple[str, ...] = ()
    headers_to_downstream_on_deny: tuple[str, ...] = ()
    headers_to_downstream_on_allow: tuple[str, ...] = ()


class GrpcAuthorization(Setting, frozen=True):
    service: str = ""
    port: UInt32 = 0
    timeout: Duration | None = None
    fail_open: bool = False
    clear_route_cache: bool = False
    status_on_error: str = ""
    include_request_body_in_check: RequestBody | None = None


class HttpHeader(Setting, frozen=True):
    name: str = ""
    value: str | None = None
    env_name: str | None = None


class HttpService(Setting, frozen=True):
    path: str = ""
    timeout: Duration | None = None
    headers: tuple[HttpHeader, ...] = ()


class GrpcService(Setting, frozen=True):
    timeout: Duration | None = None
    initial_metadata: tuple[HttpHeader, ...] = ()


class TraceContextOption(Enum):
    USE_B3 = "USE_B3"
    USE_B3_WITH_W3C_PROPAGATION = "USE_B3_WITH_W3C_PROPAGATION"


class Zipkin(Setting, frozen=True):
    service: str = ""
    port: UInt32 = 0
    max_tag_length: UInt32 = 0
    enable_64bit_trace_id: bool = field(default=False, name="enable64bitTraceId")
    path: str = ""
    trace_context_option: TraceContextOption = TraceContextOption.USE_B3
    timeout: Duration | None = None
    headers: tuple[HttpHeader, ...] = ()


class Lightstep(Setting, frozen=True):
    service: str = ""
    port: UInt32 = 0
    access_token: str = ""
    max_tag_length: UInt32 = 0


class Datadog(Setting, frozen=True):
    service: str = ""
    port: UInt32 = 0
    max_tag_length: UInt32 = 0


class SkyWalking(Setting, frozen=True):
    service: str = ""
    port: UInt32 = 0
    access_token: str = ""


class StackdriverLogging(Setting, frozen=True):
    labels: Mapping[str, str] = {}


class Stackdriver(Setting, frozen=True):
    debug: bool = False
    max_number_of_attributes: int | None = None
    max_number_of_annotations: int | None = None
    max_number_of_message_events: int | None = None
    max_tag_length: UInt32 = 0
    logging: StackdriverLogging | None = None


class TraceContext(Enum):
    UNSPECIFIED = "UNSPECIFIED"
    W3C_TRACE_CONTEXT = "W3C_TRACE_CONTEXT"
    GRPC_BIN = "GRPC_BIN"
    CLOUD_TRACE_CONTEXT = "CLOUD_TRACE_CONTEXT"
    B3 = "B3"


class OpenCensus(Setting, frozen=True):
    service: str = ""
    port: UInt32 = 0
    context: tuple[TraceContext, ...] = ()
    max_tag_length: UInt32 = 0


class EnvironmentDetector(Setting, frozen=True):
    pass


class DynatraceDetector(Setting, frozen=True):
    pass


class ResourceDetectors(Setting, frozen=True):
    environment: EnvironmentDetector | None = None
    dynatrace: DynatraceDetector | None = None


class DynatraceApi(Setting, frozen=True):
    service: str = ""
    port: UInt32 = 0
    http: HttpService | None = None


class DynatraceSampler(Setting, frozen=True):
    tenant: str = ""
    cluster_id: Int32 = 0
    root_spans_per_minute: UInt32 = 0
    http_service: DynatraceApi | None = None


class ServiceAttributes(Enum):
    ISTIO_CANONICAL = "ISTIO_CANONICAL"
    OTEL_SEMANTIC_CONVENTIONS = "OTEL_SEMANTIC_CONVENTIONS"


class OpenTelemetry(Setting, frozen=True):
    service: str = ""
    port: UInt32 = 0
    max_tag_length: UInt32 = 0
    http: HttpService | None = None
    grpc: GrpcService | None = None
    resource_detectors: ResourceDetectors | None = None
    dynatrace_sampler: DynatraceSampler | None = None
    service_attribute_enrichment: ServiceAttributes = ServiceAttributes.ISTIO_CANONICAL


class Prometheus(Setting, frozen=True):
    pass


class LogFormat(Setting, frozen=True):
    text: str | None = None
    labels: Mapping[str, object] | None = None


class FileAccessLog(Setting, frozen=True):
    path: str = ""
    log_format: LogFormat | None = None
    omit_empty_values: bool = False


class HttpAccessLog(Setting, frozen=True):
    service: str = ""
    port: UInt32 = 0
    log_name: str = ""
    filter_state_objects_to_log: tuple[str, ...] = ()
    additional_request_headers_to_log: tuple[str, ...] = ()
    additional_response_headers_to_log: tuple[str, ...] = ()
    additional_response_trailers_to_log: tuple[str, ...] = ()


class TcpAccessLog(Setting, frozen=True):
    service: str = ""
    port: UInt32 = 0
    log_name: str = ""
    filter_state_objects_to_log: tuple[str, ...] = ()


class OpenTelemetryAccessLog(Setting, frozen=True):
    service: str = ""
    port: UInt32 = 0
    log_name: str = ""
    log_format: LogFormat | None = None


class SecretDiscovery(Setting, frozen=True):
    name: str = ""
    service: str = ""
    port: UInt32 = 0


class ExtensionProvider(Setting, frozen=True):
    """A name and one type of provider; without one where what was written has a fault.

    Of several with one name the last is used.
    """

    name: str = ""
    envoy_ext_authz_http: HttpAuthorization | None = None
    envoy_ext_authz_grpc: GrpcAuthorization | None = None
    zipkin: Zipkin | None = None
    lightstep: Lightstep | None = None
    datadog: Datadog | None = None
    stackdriver: Stackdriver | None = None
    opencensus: OpenCensus | None = None
    skywalking: SkyWalking | None = None
    opentelemetry: OpenTelemetry | None = None
    prometheus: Prometheus | None = None
    envoy_file_access_log: FileAccessLog | None = None
    envoy_http_als: HttpAccessLog | None = None
    envoy_tcp_als: TcpAccessLog | None = None
    envoy_otel_als: OpenTelemetryAccessLog | None = None
    sds: SecretDiscovery | None = None
