"""Where things come from with files and lines, as ``config`` and ``status`` show it."""

from collections.abc import Iterator, Mapping

from msgspec.structs import asdict, replace

from controlplane.admin.view import ConfigPart, IdlePatch, Origin
from controlplane.base import provenance
from controlplane.base.locations import FieldRef, path_text
from controlplane.base.provenance import BuiltIn, Provenance
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.model.patch import PatchReference
from controlplane.model.proxy import NODE_CONFIG, Proxy
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.analysis.idle_patches import choice, reason
from controlplane.queries.patches.effects import first_miss_at
from controlplane.queries.registry.proxies import own_annotation, resolved_or_as_it_says
from controlplane.queries.registry.proxy_configs import variable_origin
from controlplane.translate.istio.proxy_config import OWN_CONFIG, VARIABLE


def config_part(found: Provenance, shown: Mapping[provenance.Origin, Origin]) -> ConfigPart:
    """Every origin of a resource and of its parts, as ``shown`` has it."""
    return ConfigPart(
        name=found.name,
        origins=tuple(shown[origin] for origin in found.origins),
        parts=tuple(config_part(part, shown) for part in found.parts),
    )


def origin_by_object(engine: Engine, found: Provenance) -> tuple[Origin, ...]:
    """Of each object that a resource or a part of it came from, the first field that is named."""
    named: dict[object, provenance.Origin] = {}
    for origin in every_origin(found):
        named.setdefault(origin.object if isinstance(origin, FieldRef) else origin, origin)
    return tuple(shown_origin(engine, origin) for origin in named.values())


def every_origin(found: Provenance) -> Iterator[provenance.Origin]:
    """Those of a resource and of its parts; the resource's own come first."""
    yield from found.origins
    for part in found.parts:
        yield from every_origin(part)


def shown_idle(engine: Engine, view: ProxyView, patch: PatchReference) -> IdlePatch:
    """A patch that finds nothing at the proxies of a view, and why."""
    miss = first_miss_at(engine.graph, view, patch)
    why = reason(miss) if miss is not None else ""
    hint = (choice(miss) or "") if miss is not None else ""
    return IdlePatch(**asdict(shown_origin(engine, patch.place)), reason=why, hint=hint)


def origin_for(engine: Engine, proxy: Proxy, origin: provenance.Origin) -> provenance.Origin:
    """``origin``; where it stands for the proxy's own ProxyConfig, the annotation or object that it
    has it from, if it does not have it from its node.
    """
    if not isinstance(origin, FieldRef) or origin.object != OWN_CONFIG:
        return origin
    has_own = any(name == NODE_CONFIG for name, _ in proxy.metadata)
    annotation = None if has_own else own_annotation(engine.graph, proxy)
    if origin.path[0] == VARIABLE and len(origin.path) > 1:
        labels = resolved_or_as_it_says(engine.graph, proxy).labels
        name = str(origin.path[1])
        found = None
        if not has_own:
            found = variable_origin(engine.graph, proxy, labels, annotation, name)
        return found if found is not None else origin
    if annotation is None:
        return origin
    place, _ = annotation
    return FieldRef(place.object, (*place.path, *origin.path), place.on_key)


def shown_origin(engine: Engine, origin: provenance.Origin) -> Origin:
    """With file and line, where a file has it."""
    if isinstance(origin, BuiltIn):
        return Origin(built_in=origin.value)
    if origin.object == OWN_CONFIG:
        is_variable = origin.path[:1] == (VARIABLE,) and len(origin.path) > 1
        path = origin.path[1:] if is_variable else (NODE_CONFIG, *origin.path)
        return Origin(object="metadata of the node", field=path_text(path)[1:])
    is_of_mesh = origin.object == MESH_CONFIG_KEY
    shown = Origin(
        object="MeshConfig" if is_of_mesh else str(origin.object),
        field=path_text(origin.path).removeprefix("."),
    )
    location = engine.location(origin)
    if location is None:
        return shown
    return replace(shown, path=str(location.path), line=location.line)
