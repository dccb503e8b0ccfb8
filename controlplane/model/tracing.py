"""Traces: which requests of a listener become spans, what spans say, and to whom they are sent.

Source: envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto
(``Tracing``), envoy/config/trace/v3.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Final

from controlplane.base.hashing import hashed_once
from controlplane.base.names import Host, PortNumber
from controlplane.model.cluster_name import outbound

Pairs = tuple[tuple[str, str], ...]
"""Names with their values: of headers, of tags."""


@dataclass(frozen=True, slots=True)
class Collector:
    """A port of the service that spans are sent to."""

    host: Host
    port: PortNumber

    @property
    def cluster(self) -> str:
        return outbound(self.port, None, self.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEndpoint:
    """What requests to a collector are: ``uri`` is host and path."""

    collector: Collector
    uri: str
    timeout: timedelta
    headers: Pairs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcEndpoint:
    """``timeout`` unset: none. ``headers`` are the metadata of calls."""

    collector: Collector
    timeout: timedelta | None = None
    headers: Pairs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Zipkin:
    """``has_long_ids``: trace ids of 128 bits, not 64. ``adds_w3c``: ``traceparent`` beside B3."""

    endpoint: HttpEndpoint
    has_long_ids: bool = True
    adds_w3c: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DynatraceSampler:
    """Decides by what Dynatrace answers at ``endpoint``."""

    tenant: str
    cluster_id: int
    spans_per_minute: int
    endpoint: HttpEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTelemetry:
    """``service`` is the name that spans are shown under."""

    endpoint: HttpEndpoint | GrpcEndpoint
    service: str
    detects_environment: bool = False
    detects_dynatrace: bool = False
    sampler: DynatraceSampler | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Datadog:
    collector: Collector
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkyWalking:
    collector: Collector


Tracer = Zipkin | OpenTelemetry | Datadog | SkyWalking


@dataclass(frozen=True, slots=True)
class LiteralTag:
    value: str


@dataclass(frozen=True, slots=True)
class EnvironmentTag:
    """The value of a variable of Envoy's environment."""

    variable: str
    default: str = ""


@dataclass(frozen=True, slots=True)
class HeaderTag:
    """The value of a header of the request."""

    header: str
    default: str = ""


@dataclass(frozen=True, slots=True)
class FormatTag:
    """What a format string of Envoy makes of the request."""

    text: str


@dataclass(frozen=True, slots=True)
class PolicyTag:
    """What a policy that is only tried out found; ``key`` is that of the filter's metadata."""

    key: str


TagValue = LiteralTag | EnvironmentTag | HeaderTag | FormatTag | PolicyTag
Tags = tuple[tuple[str, TagValue], ...]
"""By name, sorted. Of two with one name Envoy uses the first."""


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """``sampling`` is the percentage of requests that are traced although no caller says so.

    ``tracer`` unset: the one of Envoy's bootstrap, if it has one. ``tag_length`` unset: Envoy's own
    (256). ``spawns_upstream_span``: the call to the upstream has a span of its own.
    ``propagates``: trace headers are sent to the upstream. ``samples_by_request_id``: sampling is
    decided by ``x-request-id``, so that all proxies of a call decide alike.
    """

    sampling: float = 1.0
    tracer: Tracer | None = None
    tags: Tags = ()
    tag_length: int | None = None
    spawns_upstream_span: bool = False
    propagates: bool = True
    samples_by_request_id: bool = True
    _hash: int = field(default=0, init=False, repr=False, compare=False)


SAMPLING_ONLY: Final = Tracing()
"""Requests are sampled, and nothing is sent unless the bootstrap has a tracer."""


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class TracedProxy:
    """What spans say of the proxy that made them: only what its tracing uses is here, for
    everything here keeps it from sharing listeners with others.
    """

    service: str = ""
    tags: Pairs = ()
    _hash: int = field(default=0, init=False, repr=False, compare=False)


ANONYMOUS: Final = TracedProxy()


class NoTracer(Enum):
    """Why a provider gets no spans."""

    NOT_DECLARED = "is not among the extensionProviders of MeshConfig"
    FAULTY = "has a fault in MeshConfig"
    OF_OTHER_KIND = "is not for tracing"
    DEPRECATED = "is of a type for which Envoy has no tracer any more"
    SERVICE_UNKNOWN = "names a service that does not exist (it needs the whole host name)"
    SERVICE_AMBIGUOUS = "names a service that several namespaces declare (NAMESPACE/HOST)"
    NO_CLUSTER = "names a port that its service does not have, or one that these proxies do not see"
    SAMPLER_UNANSWERED = "has a sampler that nobody answers (it needs http, or a httpService)"
