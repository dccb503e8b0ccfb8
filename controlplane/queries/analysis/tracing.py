"""Tracing that does not happen as it is written: providers that get no spans, tags that Envoy would
refuse or that lose their name to Istio's own.

Source: Istio ``pilot/pkg/networking/core/tracing.go``
"""

from collections.abc import Mapping

from controlplane.base.codes import (
    PROVIDER_PROTOCOL_DIFFERS,
    PROVIDER_UNTRACED,
    TAG_NOT_SET,
    TAGS_REPLACED,
)
from controlplane.base.diagnostics import Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.base.nearest import nearest
from controlplane.base.wording import listed
from controlplane.graph import Graph
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.kinds.istio.telemetry import CustomTag, Telemetry, Tracing
from controlplane.kinds.object import Object
from controlplane.model.http_settings import ListenerContext
from controlplane.model.tracing import NoTracer
from controlplane.queries.analysis.spoken_protocols import (
    DECLARE_GRPC,
    DECLARE_HTTP,
    takes_grpc,
    takes_plain_requests,
)
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.policy.telemetry import (
    telemetries_of,
    telemetry_keys,
    wider_telemetries,
)
from controlplane.queries.policy.tracing import usable_provider
from controlplane.queries.registry.provider_services import meant_services
from controlplane.translate.istio.policy_attachment import BySelector, attachment
from controlplane.translate.istio.tracing import RESERVED, tag_fault, telemetry_tag
from controlplane.translate.istio.tracing_providers import (
    Declared,
    collector_services,
    speaks_grpc,
)


def check_tracing(report: Report, graph: Graph, declared: Object[Telemetry]) -> None:
    """Report providers that cannot be used, and tags that are not what is written."""
    inherited = _inherits(graph, declared)
    for i, tracing in enumerate(declared.spec.tracing):
        at = FieldRef(declared.key) / "spec" / "tracing" / i
        inherited = inherited or bool(tracing.providers)
        if tracing.disable_span_reporting is not True:
            if not inherited:
                _report_without_provider(report, at)
            elif tracing.providers:
                place = at / "providers" / 0 / "name"
                _check_provider(report, graph, place, tracing.providers[0].name, declared.namespace)
        if tracing.custom_tags is not None:
            has_istio_tags = tracing.enable_istio_tags is not False
            _check_tags(report, at / "customTags", tracing.custom_tags, has_istio_tags)
            _check_replaced(report, graph, at / "customTags", declared, tracing)


def _inherits(graph: Graph, declared: Object[Telemetry]) -> bool:
    """Whether a Telemetry of wider scope, or ``defaultProviders``, names a provider."""
    if mesh_config(graph).default_providers.tracing:
        return True
    wider = wider_telemetries(graph, declared)
    return any(entry.providers for other in wider for entry in other.spec.tracing)


def _report_without_provider(report: Report, at: FieldRef) -> None:
    report.add(
        PROVIDER_UNTRACED,
        at,
        "no provider of tracing is named here, for the namespace or the mesh, nor by default, so "
        "nothing is traced, not even by a tracer of ProxyConfig",
        hint="name one in providers, or set defaultProviders.tracing in MeshConfig",
    )


def check_default_tracing(report: Report, graph: Graph) -> None:
    """The same of MeshConfig's default provider, and those beside it."""
    mesh = mesh_config(graph)
    names = mesh.default_providers.tracing
    at = FieldRef(MESH_CONFIG_KEY) / "defaultProviders" / "tracing"
    if names:
        _check_provider(report, graph, at / 0, names[0], Namespace(mesh.root_namespace))
    if len(names) > 1:
        message = f"spans go to one provider, the first, so not to {listed(names[1:])}"
        report.add(PROVIDER_UNTRACED, at / 1, message, hint="keep one of them")


def _check_provider(
    report: Report, graph: Graph, at: FieldRef, name: str, namespace: Namespace
) -> None:
    found = usable_provider(graph, name, namespace, ListenerContext.OUTBOUND)
    if not isinstance(found, NoTracer):
        _check_protocol(report, graph, at, name, found.declared)
        return
    hint = None
    if found is NoTracer.NOT_DECLARED:
        declared = [each.name for each in mesh_config(graph).extension_providers]
        near = nearest(name, declared)
        hint = f'rename it to "{near}"' if near else "declare it there"
        if declared and near is None:
            hint += f" (declared are {', '.join(declared)})"
    elif found is NoTracer.DEPRECATED:
        hint = "send spans to a collector by opentelemetry"
    message = f'the provider "{name}" {found.value}, so nothing is traced'
    report.add(PROVIDER_UNTRACED, at, message, hint=hint)


def _check_protocol(
    report: Report, graph: Graph, at: FieldRef, name: str, declared: Declared
) -> None:
    """Report a port that is declared for something else than the provider speaks."""
    to, *_ = collector_services(declared)
    service, *_ = meant_services(graph, to)
    port = service.port(to.port)
    if port is None:
        return
    if speaks_grpc(declared):
        fits, how, hint = takes_grpc(graph, service, port), "over gRPC", DECLARE_GRPC
    else:
        fits, how, hint = takes_plain_requests(port), "by requests over HTTP", DECLARE_HTTP
    if not fits:
        report.add(
            PROVIDER_PROTOCOL_DIFFERS,
            at,
            f'the provider "{name}" is sent spans {how}, and port {to.port} of {to.host} is '
            f"declared as {port.protocol.value}: they may be lost",
            hint=hint,
        )


def _check_tags(
    report: Report, at: FieldRef, tags: Mapping[str, CustomTag], has_istio_tags: bool
) -> None:
    for name, tag in tags.items():
        value = telemetry_tag(tag)
        fault = tag_fault(name, value) if value is not None else "it has no value"
        if fault is not None:
            message = f'Envoy would refuse the tag "{name}", so spans do not have it: {fault}'
            report.add(TAG_NOT_SET, at / name, message)
        elif has_istio_tags and name in RESERVED:
            report.add(
                TAG_NOT_SET,
                (at / name).key,
                f'spans have Istio\'s own "{name}" instead of this one',
                hint="rename it, or set enableIstioTags: false",
            )


def _check_replaced(
    report: Report, graph: Graph, at: FieldRef, declared: Object[Telemetry], tracing: Tracing
) -> None:
    """Report tags of Telemetries for more workloads that these replace, unless by their name."""
    own = attachment(declared.spec)
    labels = own.labels if isinstance(own, BySelector) else ()
    for wider in telemetries_of(graph, telemetry_keys(graph, declared.namespace, labels)):
        if wider.key == declared.key:
            return
        lost = {
            name
            for each in wider.spec.tracing
            for name in each.custom_tags or ()
            if name not in (tracing.custom_tags or ())
        }
        if lost:
            report.add(
                TAGS_REPLACED,
                at.key,
                f"these tags replace those of {wider.key.display_name}: spans do not have "
                f"{listed(sorted(lost))}",
                hint="repeat them here",
                related=(Related(place=FieldRef(wider.key), message="has them"),),
            )
