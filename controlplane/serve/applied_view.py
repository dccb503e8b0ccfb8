"""What is attached to a workload beside its rules, and what of it is in force: Telemetries,
extensions and ProxyConfigs.

Where two say the same, the one that decides is said to be in force: the later Telemetry, and the
ProxyConfig that is for fewer workloads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import asdict

from controlplane.admin.view import DeclaredObject
from controlplane.admin.workload import Applied, Observed
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.base.wording import listed
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import ProxyConfig
from controlplane.kinds.object import Object
from controlplane.kinds.proxy_config import proxy_config_of
from controlplane.model.access_log import AccessLog, FileLog
from controlplane.model.extension import Extension, LuaFilter
from controlplane.model.http_settings import ListenerContext
from controlplane.model.inbound_view import InboundView
from controlplane.model.metrics import Metrics
from controlplane.model.outbound_view import OutboundView
from controlplane.model.proxy import Proxy, ResolvedProxy
from controlplane.model.proxy_view import ProxyView
from controlplane.model.tracing import Datadog, OpenTelemetry, SkyWalking, Tracing, Zipkin
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.modules import fetched_module
from controlplane.queries.listeners.extension_configs import module_source
from controlplane.queries.policy.access_logging import TelemetryKeys, logging_of, wanted
from controlplane.queries.policy.extensions import declared_extension, extensions_of
from controlplane.queries.policy.metrics import default_providers, metrics_of
from controlplane.queries.policy.telemetry import telemetries_of
from controlplane.queries.policy.tracing import trace_spec, traces_of
from controlplane.queries.registry.proxy_configs import (
    ProxyConfigKey,
    annotation_for,
    config_of_object,
    governing_configs,
)
from controlplane.translate.istio.access_logging import mesh_logs
from controlplane.translate.istio.extension import failure_policy, wasm_of
from controlplane.translate.istio.metrics import merged_metrics

Side = tuple[str, ListenerContext, InboundView | OutboundView]
_NONE: Final = "none"
_VARIABLES: Final = "proxy_metadata"


@dataclass(frozen=True, slots=True)
class AppliedView:
    """What is attached to the sidecar that has ``view``."""

    engine: Engine
    view: ProxyView

    def observed(self) -> tuple[Observed, ...]:
        """What is recorded of calls, by side."""
        return tuple(self._observed(*side) for side in self._sides())

    def telemetries(self) -> tuple[Applied, ...]:
        """In the order in which they are merged."""
        keys = dict.fromkeys(key for *_, view in self._sides() for key in view.telemetries)
        return tuple(self._applied(key, self._of_telemetry(key)) for key in keys)

    def extensions(self) -> tuple[Applied, ...]:
        """In the order of the filters."""
        found: dict[ObjectKey, tuple[Extension, list[str]]] = {}
        for side, context, view in self._sides():
            for each in extensions_of(self.engine.graph, view.extensions):
                ports = _ports(each, context)
                found.setdefault(each.place.object, (each, []))[1].append(side + ports)
        return tuple(
            self._applied(key, self._of_extension(each, sides))
            for key, (each, sides) in found.items()
        )

    def proxy_configs(
        self, proxy: Proxy, resolved: ResolvedProxy, workload: Object[Any] | None
    ) -> tuple[Applied, ...]:
        """Those for all of the mesh first, the one that selects the workload last. Any: a workload
        is of several kinds.
        """
        graph = self.engine.graph
        general, selecting = governing_configs(graph, resolved.namespace, resolved.labels)
        levels = [(FieldRef(key), self._of_object(key)) for key in general]
        annotation = annotation_for(graph, proxy, workload)
        if annotation is not None:
            levels.append((annotation[0], _settings(proxy_config_of(annotation[1]))))
        if selecting is not None:
            levels.append((FieldRef(selecting), self._of_object(selecting)))
        return tuple(
            Applied(
                declared=self._shown(place),
                says=tuple(
                    name for name in said if not any(name in more for _, more in levels[i + 1 :])
                ),
            )
            for i, (place, said) in enumerate(levels)
        )

    def _sides(self) -> Iterator[Side]:
        if self.view.inbound is not None:
            yield "calls in", ListenerContext.INBOUND, self.view.inbound
        yield "calls out", ListenerContext.OUTBOUND, self.view.outbound

    def _observed(
        self, side: str, context: ListenerContext, view: InboundView | OutboundView
    ) -> Observed:
        graph = self.engine.graph
        found = logging_of(graph, view.telemetries, context)
        logs = found.logs if found is not None else mesh_logs(mesh_config(graph))
        return Observed(
            calls=side,
            logs=tuple(map(_log, logs.requests)),
            metrics=_metrics(metrics_of(graph, view.telemetries, context)),
            spans=_spans(traces_of(graph, view, context).tracing),
        )

    def _of_telemetry(self, key: ObjectKey) -> tuple[str, ...]:
        """What would be otherwise without the Telemetry."""
        said: dict[str, list[str]] = {}
        for side, context, view in self._sides():
            rest = tuple(each for each in view.telemetries if each != key)
            own, without = self._parts(view.telemetries, context), self._parts(rest, context)
            for part, value in own.items():
                if value != without[part]:
                    said.setdefault(part, []).append(side)
        return tuple(f"{part} of {listed(sides)}" for part, sides in said.items())

    def _parts(self, keys: TelemetryKeys, context: ListenerContext) -> Mapping[str, object]:
        graph = self.engine.graph
        metrics = [each for found in telemetries_of(graph, keys) for each in found.spec.metrics]
        mesh, defaults = mesh_config(graph), default_providers(graph)
        return {
            "logs": wanted(graph, keys, context),
            "metrics": merged_metrics(mesh, metrics, defaults, context),
            "spans": trace_spec(graph, keys, context),
        }

    def _of_object(self, key: ProxyConfigKey) -> tuple[str, ...]:
        return _settings(config_of_object(self.engine.graph, key))

    def _of_extension(self, found: Extension, sides: list[str]) -> tuple[str, ...]:
        phase = found.filter.phase.name
        return (listed(sides), f"phase {phase}", self._code(found))

    def _code(self, found: Extension) -> str:
        if isinstance(found.filter, LuaFilter):
            return "Lua"
        graph, key = self.engine.graph, found.place.object
        source = module_source(graph, key)
        if source is None:
            return "a module of the proxy's own"
        fetched = fetched_module(graph, source)
        if fetched.module is not None:
            return f"module {fetched.module.digest[:12]} of {source.uri}"
        declared = declared_extension(graph, key)
        wasm = wasm_of(declared) if declared is not None else None
        passes = wasm is not None and failure_policy(wasm).passes
        return f"no module from {source.uri}: calls {'pass' if passes else 'are refused'}"

    def _applied(self, key: ObjectKey, says: tuple[str, ...]) -> Applied:
        return Applied(declared=self._shown(FieldRef(key)), says=says)

    def _shown(self, place: FieldRef) -> DeclaredObject:
        location = self.engine.location(place)
        return DeclaredObject(
            object=str(place.object),
            path=str(location.path) if location is not None else "",
            line=location.line if location is not None else 0,
        )


def _settings(config: ProxyConfig) -> tuple[str, ...]:
    """The settings that a ProxyConfig makes, its variables one by one."""
    made = asdict(config)
    unset = asdict(ProxyConfig())
    names = dict(zip(config.__struct_fields__, config.__struct_encode_fields__, strict=True))
    fields = (names[name] for name in made if made[name] != unset[name] and name != _VARIABLES)
    return (*fields, *(_variable(name) for name in config.proxy_metadata))


def _variable(name: str) -> str:
    return f"variable {name}"


def _ports(found: Extension, context: ListenerContext) -> str:
    """On which ports of a side; empty for all."""
    is_inbound = context is ListenerContext.INBOUND
    meant = [each for each in found.traffic if (each.server if is_inbound else each.client)]
    if any(not each.ports for each in meant) or not meant:
        return ""
    return f" on port {listed(sorted({port for each in meant for port in each.ports}))}"


def _log(log: AccessLog) -> str:
    logger = log.logger
    to = logger.path if isinstance(logger, FileLog) else logger.service.authority
    return (to or "the service of its bootstrap") + (
        f" where {log.expression}" if log.expression else ""
    )


def _metrics(metrics: Metrics | None) -> str:
    """``istio_*, without istio_request_bytes``."""
    if metrics is None:
        return _NONE
    words = ["istio_*"]
    if metrics.disabled:
        words.append(f"without {listed(f'istio_{each.value}' for each in metrics.disabled)}")
    if metrics.changes:
        words.append(
            f"other labels at {listed(f'istio_{each.value}' for each, _ in metrics.changes)}"
        )
    return ", ".join(words)


def _spans(tracing: Tracing | None) -> str:
    """``OpenTelemetry to tempo.observability.svc.cluster.local:4317, 5 %``."""
    if tracing is None:
        return _NONE
    share = f"{tracing.sampling:g} %"
    match tracing.tracer:
        case None:
            return f"the tracer of its bootstrap, if it has one, {share}"
        case Zipkin(endpoint=endpoint) | OpenTelemetry(endpoint=endpoint):
            collector = endpoint.collector
        case Datadog(collector=collector) | SkyWalking(collector=collector):
            pass
    return f"{type(tracing.tracer).__name__} to {collector.host}:{collector.port}, {share}"
