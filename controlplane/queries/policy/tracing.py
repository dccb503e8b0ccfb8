"""What a proxy traces on each of its sides, and which services it sends spans to.

Where a provider cannot be used, nothing is traced. Values of one workload are only asked for where
its tracing has them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace, ObjectKey, PortNumber
from controlplane.graph import Graph, guarded
from controlplane.kinds.istio.extension_providers import ExtensionProvider
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.kinds.istio.proxy_config import Tracing as OwnTracing
from controlplane.model.external_authorization import Why
from controlplane.model.http_settings import ListenerContext
from controlplane.model.inbound_view import InboundView
from controlplane.model.outbound_view import OutboundView
from controlplane.model.proxy import Labels, Proxy, Role
from controlplane.model.tracing import ANONYMOUS, NoTracer, TracedProxy, Tracing
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.policy.telemetry import telemetries_of
from controlplane.queries.registry.provider_services import has_cluster, missing_service
from controlplane.queries.registry.proxy_configs import mesh_proxy_config
from controlplane.translate.istio.external_authorization import ProviderService, is_faulty
from controlplane.translate.istio.proxy_config import own_config
from controlplane.translate.istio.telemetry_providers import telemetry_provider
from controlplane.translate.istio.telemetry_sides import SIDES
from controlplane.translate.istio.traced_proxy import traced_proxy
from controlplane.translate.istio.tracing import (
    ROLES,
    TraceSpec,
    merged,
    own_has_istio_tags,
    says_more,
    traced,
    traced_by_bootstrap,
)
from controlplane.translate.istio.tracing_providers import (
    DEPRECATED,
    Declared,
    ServiceName,
    collector_services,
    service_name,
    tag_length,
    tracer,
    tracing_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """``tracing`` unset: nothing is traced. ``origins`` are the fields that say so."""

    tracing: Tracing | None = None
    origins: tuple[FieldRef, ...] = ()


TelemetryKeys = tuple[ObjectKey, ...]


def trace_spec(graph: Graph, keys: TelemetryKeys, context: ListenerContext) -> TraceSpec | None:
    """What is said of a side; ``None``: nothing, so that MeshConfig's older settings hold."""
    names = mesh_config(graph).default_providers.tracing
    declared = [each for found in telemetries_of(graph, keys) for each in found.spec.tracing]
    if not names and not declared:
        return None
    return merged(names[0] if names else None, declared, SIDES[context])


def _origins(graph: Graph, keys: TelemetryKeys) -> Iterator[FieldRef]:
    for found in telemetries_of(graph, keys):
        if found.spec.tracing:
            yield FieldRef(found.key, ("spec", "tracing"))


def traces_of(graph: Graph, view: OutboundView | InboundView, context: ListenerContext) -> Traces:
    """The tracing of a side of proxies of a view."""
    return traces(graph, view.telemetries, view.settings, view.namespace, view.traced, context)


@guarded(first=Traces())
def traces(
    graph: Graph,
    keys: TelemetryKeys,
    settings: Labels,
    namespace: Namespace,
    proxy: TracedProxy,
    context: ListenerContext,
) -> Traces:
    """The tracing of a side of a proxy.

    Runs again when one of its Telemetries or MeshConfig changes, or who declares the host of a
    provider's service.
    """
    spec, own = trace_spec(graph, keys, context), own_tracing(graph, settings)
    if spec is None:
        is_on = mesh_config(graph).enable_tracing is not False
        return Traces(tracing=traced_by_bootstrap(own, proxy) if is_on else None)
    said = tuple(_origins(graph, keys))
    if spec.is_disabled or spec.provider is None:
        return Traces(origins=said)
    found = usable_provider(graph, spec.provider, namespace, context)
    if isinstance(found, NoTracer):
        return Traces(origins=said)
    made = tracer(found.declared, proxy.service)
    assert made is not None, "the provider is usable"
    return Traces(
        tracing=traced(
            spec,
            made,
            own,
            proxy,
            tag_length=tag_length(found.declared),
            is_gateway=context is ListenerContext.GATEWAY,
        ),
        origins=(*said, found.origin),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UsableProvider:
    declared: Declared
    origin: FieldRef


@guarded(first=NoTracer.NOT_DECLARED)
def usable_provider(
    graph: Graph, name: str, namespace: Namespace, context: ListenerContext
) -> UsableProvider | NoTracer:
    """The provider of a name, for proxies of a namespace; Envoy refuses listeners that name a
    cluster which the proxy does not have.
    """
    found = telemetry_provider(mesh_config(graph), name)
    if found is None:
        return NoTracer.NOT_DECLARED
    index, provider = found
    declared = tracing_of(provider)
    if declared is None:
        return _without_tracer(provider)
    for service in collector_services(declared):
        fault = _fault(graph, service, namespace, ROLES[context])
        if fault is not None:
            return fault
    if tracer(declared, "") is None:
        return NoTracer.SAMPLER_UNANSWERED
    place = FieldRef(MESH_CONFIG_KEY, ("extensionProviders", index))
    return UsableProvider(declared=declared, origin=place)


def _without_tracer(provider: ExtensionProvider) -> NoTracer:
    if is_faulty(provider):
        return NoTracer.FAULTY
    is_deprecated = any(getattr(provider, name) is not None for name in DEPRECATED)
    return NoTracer.DEPRECATED if is_deprecated else NoTracer.OF_OTHER_KIND


def _fault(
    graph: Graph, service: ProviderService, namespace: Namespace, role: Role
) -> NoTracer | None:
    match missing_service(graph, service):
        case None:
            return None if has_cluster(graph, service, namespace, role) else NoTracer.NO_CLUSTER
        case Why.SERVICE_AMBIGUOUS:
            return NoTracer.SERVICE_AMBIGUOUS
        case _:
            return NoTracer.SERVICE_UNKNOWN


def own_tracing(graph: Graph, settings: Labels) -> OwnTracing | None:
    """What the proxy's ProxyConfig says of tracing."""
    own = own_config(settings)
    return own.tracing if own is not None else mesh_proxy_config(graph).tracing


def traced_as(
    graph: Graph,
    keys: TelemetryKeys,
    proxy: Proxy,
    labels: Labels,
    settings: Labels,
    context: ListenerContext,
) -> TracedProxy:
    """What the spans of a side say of the proxy, if it has any."""
    spec = trace_spec(graph, keys, context)
    if spec is None:
        own = own_tracing(graph, settings)
        if mesh_config(graph).enable_tracing is False or not says_more(own):
            return ANONYMOUS
        return traced_proxy(proxy, labels, ServiceName.NODE, has_istio_tags=own_has_istio_tags(own))
    if spec.is_disabled or spec.provider is None:
        return ANONYMOUS
    found = usable_provider(graph, spec.provider, proxy.namespace, context)
    if isinstance(found, NoTracer):
        return ANONYMOUS
    name = service_name(found.declared)
    return traced_proxy(proxy, labels, name, has_istio_tags=spec.has_istio_tags)


def span_services(
    graph: Graph,
    keys: TelemetryKeys,
    namespace: Namespace,
    contexts: tuple[ListenerContext, ...],
) -> Iterator[tuple[Host, PortNumber]]:
    """Host and port of the services that spans go to: proxies reach them whatever they import."""
    for context in contexts:
        spec = trace_spec(graph, keys, context)
        if spec is None or spec.is_disabled or spec.provider is None:
            continue
        found = usable_provider(graph, spec.provider, namespace, context)
        if not isinstance(found, NoTracer):
            for service in collector_services(found.declared):
                yield service.host, service.port
