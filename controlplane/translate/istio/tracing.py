"""What is traced on one side of a proxy, from Telemetries, the mesh's default provider and
ProxyConfig.

Source: Istio ``pilot/pkg/model/telemetry.go`` (``Tracing``),
``pilot/pkg/networking/core/tracing.go``
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from controlplane.kinds.istio.proxy_config import CustomTag, Tracing as OwnTracing
from controlplane.kinds.istio.telemetry import (
    CustomTag as TelemetryTag,
    Tracing as Declared,
    WorkloadMode,
)
from controlplane.kinds.validation import names
from controlplane.model.format_string import first_fault
from controlplane.model.http_settings import ListenerContext
from controlplane.model.proxy import Role
from controlplane.model.tracing import (
    EnvironmentTag,
    FormatTag,
    HeaderTag,
    LiteralTag,
    PolicyTag,
    SkyWalking,
    Tags,
    TagValue,
    TracedProxy,
    Tracer,
    Tracing,
)
from controlplane.translate.istio.telemetry_sides import is_about

ROLES: Final = {
    ListenerContext.GATEWAY: Role.GATEWAY,
    ListenerContext.OUTBOUND: Role.SIDECAR,
    ListenerContext.INBOUND: Role.SIDECAR,
}
"""Who has such a listener."""
DEFAULT_SAMPLING: Final = 1.0  # percent; istiod's PILOT_TRACE_SAMPLING
_DRY_RUN: Final = "istio.authorization.dry_run"
POLICY_TAGS: Final[Tags] = tuple(
    (f"{_DRY_RUN}.{action}_policy.{what}", PolicyTag(f"istio_dry_run_{action}_shadow_{key}"))
    for action in ("allow", "deny")
    for what, key in (("name", "effective_policy_id"), ("result", "engine_result"))
)
"""What policies that are only tried out found: no tag where there are none."""
CANONICAL_NAME: Final = "istio.canonical_service"
CANONICAL_REVISION: Final = "istio.canonical_revision"
MESH_ID: Final = "istio.mesh_id"
NAMESPACE: Final = "istio.namespace"
CLUSTER_ID: Final = "istio.cluster_id"
RESERVED: Final = frozenset(
    {
        CANONICAL_NAME,
        CANONICAL_REVISION,
        MESH_ID,
        NAMESPACE,
        CLUSTER_ID,
        *(name for name, _ in POLICY_TAGS),
    }
)
"""The names of Istio's own tags, which win over the user's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSpec:
    """What is said of one side. ``provider`` is a name. ``tags`` unset: those of ProxyConfig.
    ``sampling`` unset: that of ProxyConfig.
    """

    provider: str | None = None
    is_disabled: bool = False
    sampling: float | None = None
    tags: Tags | None = None
    has_istio_tags: bool = True
    propagates: bool = True
    samples_by_request_id: bool = True


def merged(default: str | None, declared: Iterable[Declared], side: WorkloadMode) -> TraceSpec:
    """What is said of a side, CLIENT or SERVER; of two that say a thing the later is used. Of
    several providers the first is.
    """
    spec = TraceSpec(provider=default)
    for each in declared:
        mode = each.match.mode if each.match is not None else WorkloadMode.CLIENT_AND_SERVER
        if is_about(mode, side):
            spec = _under(spec, each)
    return spec


def _under(spec: TraceSpec, said: Declared) -> TraceSpec:
    sampling, ids = said.random_sampling_percentage, said.use_request_id_for_trace_sampling
    stops_context, istio_tags = said.disable_context_propagation, said.enable_istio_tags
    disabled = said.disable_span_reporting
    return TraceSpec(
        provider=said.providers[0].name if said.providers else spec.provider,
        is_disabled=spec.is_disabled if disabled is None else disabled,
        sampling=spec.sampling if sampling is None else sampling,
        tags=spec.tags if said.custom_tags is None else declared_tags(said),
        has_istio_tags=spec.has_istio_tags if istio_tags is None else istio_tags,
        propagates=spec.propagates if stops_context is None else not stops_context,
        samples_by_request_id=spec.samples_by_request_id if ids is None else ids,
    )


def declared_tags(said: Declared) -> Tags:
    """The custom tags of an entry; those that Envoy would refuse are left out."""
    found = (said.custom_tags or {}).items()
    return tuple(usable((name, telemetry_tag(tag)) for name, tag in found))


def telemetry_tag(tag: TelemetryTag) -> TagValue | None:
    if tag.formatter is not None:
        return FormatTag(tag.formatter.value)
    if tag.literal is not None:
        return LiteralTag(tag.literal.value)
    if tag.environment is not None:
        return EnvironmentTag(tag.environment.name, tag.environment.default_value)
    if tag.header is not None:
        return HeaderTag(tag.header.name, tag.header.default_value)
    return None


def sampling_of(own: OwnTracing | None) -> float:
    """The percentage that ProxyConfig says; zero is unset there, as for istiod."""
    said = own.sampling if own is not None else None
    return said or DEFAULT_SAMPLING


def traced(
    spec: TraceSpec,
    tracer: Tracer,
    own: OwnTracing | None,
    proxy: TracedProxy,
    *,
    tag_length: int,
    is_gateway: bool,
) -> Tracing:
    """The tracing of a side whose provider is usable. A sampler of the provider decides alone."""
    has_sampler = getattr(tracer, "sampler", None) is not None
    sampling = sampling_of(own) if spec.sampling is None else spec.sampling
    return Tracing(
        sampling=100.0 if has_sampler else sampling,
        tracer=tracer,
        tags=_tags(spec.has_istio_tags, proxy, spec.tags or own_tags(own)),
        tag_length=tag_length or own_tag_length(own),
        spawns_upstream_span=is_gateway or isinstance(tracer, SkyWalking),
        propagates=spec.propagates,
        samples_by_request_id=spec.samples_by_request_id,
    )


def traced_by_bootstrap(own: OwnTracing | None, proxy: TracedProxy) -> Tracing:
    """Where neither a Telemetry nor a default provider says anything: to the tracer of Envoy's
    bootstrap. Tags are only made where ProxyConfig says more than a percentage: else there is none.
    """
    if not says_more(own):
        return Tracing(sampling=sampling_of(own))
    return Tracing(
        sampling=sampling_of(own),
        tags=_tags(own_has_istio_tags(own), proxy, own_tags(own)),
        tag_length=own_tag_length(own),
    )


def says_more(own: OwnTracing | None) -> bool:
    """Whether a ProxyConfig says of tracing more than a percentage."""
    return own is not None and own != OwnTracing(sampling=own.sampling)


def own_has_istio_tags(own: OwnTracing | None) -> bool:
    return own is None or own.enable_istio_tags is not False


def own_tag_length(own: OwnTracing | None) -> int | None:
    return (own.max_path_tag_length or None) if own is not None else None


def own_tags(own: OwnTracing | None) -> Tags:
    """The custom tags of a ProxyConfig; those that Envoy would refuse are left out."""
    found = own.custom_tags.items() if own is not None else ()
    return tuple(usable((name, tag_value(tag)) for name, tag in found))


def tag_value(tag: CustomTag) -> TagValue | None:
    if tag.literal is not None:
        return LiteralTag(tag.literal.value)
    if tag.environment is not None:
        return EnvironmentTag(tag.environment.name, tag.environment.default_value)
    if tag.header is not None:
        return HeaderTag(tag.header.name, tag.header.default_value)
    return None


def usable(tags: Iterable[tuple[str, TagValue | None]]) -> Iterator[tuple[str, TagValue]]:
    for name, value in tags:
        if value is not None and tag_fault(name, value) is None:
            yield name, value


def tag_fault(name: str, value: TagValue) -> str | None:
    """Why Envoy would refuse a listener with the tag; ``None``: it would not."""
    if not name:
        return "it has no name"
    match value:
        case LiteralTag(value=""):
            return "its value is empty"
        case EnvironmentTag(variable=""):
            return "the variable has no name"
        case HeaderTag(header=header) if not names.is_header(header.removeprefix(":")):
            return f'"{header}" is not the name of a header'
        case FormatTag(text=text):
            return first_fault(text)
    return None


def _tags(has_istio_tags: bool, proxy: TracedProxy, own: Tags) -> Tags:
    """Sorted by name; Istio's come first where the user has one of the same name."""
    literals = tuple((name, LiteralTag(value)) for name, value in proxy.tags)
    istio: Tags = (*literals, *POLICY_TAGS) if has_istio_tags else ()
    return tuple(sorted((*istio, *own), key=lambda tag: tag[0]))
