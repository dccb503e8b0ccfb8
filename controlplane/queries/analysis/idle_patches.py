"""Patches of EnvoyFilters that find nothing at any connected proxy that they are attached to."""

from collections.abc import Mapping
from typing import Final

from controlplane.base.codes import PATCH_FINDS_NOTHING
from controlplane.base.diagnostics import Diagnostics, Report
from controlplane.base.locations import FieldRef
from controlplane.base.nearest import nearest
from controlplane.base.wording import first_of
from controlplane.envoy.patches.misses import Miss
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.envoy_filter import EnvoyFilterKey
from controlplane.model.patch import PatchReference
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.inputs.patched_proxies import patched_views
from controlplane.queries.patches.effects import deepest, first_miss_at, is_applied

_SHOWN: Final = 5  # of what there is to choose from
_NOUNS: Final[Mapping[str, str]] = {
    "listener": "listener",
    "listener.filterChain": "filter chain",
    "listener.filterChain.filter": "filter chain",
    "listener.filterChain.filter.subFilter": "HTTP connection manager",
    "routeConfiguration": "route table",
    "routeConfiguration.vhost": "virtual host",
    "routeConfiguration.vhost.route": "route",
    "cluster": "cluster",
}
_FIELDS: Final[Mapping[str, str]] = {
    "name": "name",
    "portNumber": "port",
    "portName": "port name",
    "listenerFilter": "filter",
    "sni": "SNI",
    "transportProtocol": "transport protocol",
    "applicationProtocols": "application protocol",
    "destinationPort": "port",
    "gateway": "Gateway",
    "domainName": "domain",
    "action": "action",
    "service": "service",
    "subset": "subset",
}
_FILTERS: Final = "listener.filterChain.filter"


@derived
def idle_patch_diagnostics(graph: Graph, key: EnvoyFilterKey) -> Diagnostics:
    """Runs again when proxies that patches are attached to come or go, or a patch of the
    EnvoyFilter does something else to them.
    """
    declared = object_of(graph, key)
    report = Report()
    for number in range(len(declared.spec.config_patches) if declared is not None else 0):
        reference = PatchReference(key, number)
        miss = _miss_everywhere(graph, reference)
        if miss is not None:
            place = FieldRef(key) / "spec" / "configPatches" / number / "match"
            for name in miss.field.split("."):
                place /= name
            message = f"the patch does nothing at any connected proxy: {reason(miss)}"
            report.add(PATCH_FINDS_NOTHING, place, message, hint=choice(miss))
    return tuple(report)


def _miss_everywhere(graph: Graph, reference: PatchReference) -> Miss | None:
    views = [view for view in patched_views(graph) if reference in view.patches]
    if any(is_applied(graph, view, reference) for view in views):
        return None
    return deepest([first_miss_at(graph, view, reference) for view in views])


def reason(miss: Miss) -> str:
    """Which field finds nothing, in words."""
    within, _, name = miss.field.rpartition(".")
    field = "filter" if within.startswith(_FILTERS) else _FIELDS[name]
    fits = " that the rest of the match fits" if miss.depth else ""
    return f'no {_NOUNS[within]}{fits} has the {field} "{miss.wanted}"'


def choice(miss: Miss) -> str | None:
    """What the field could say; ``None`` where there is nothing."""
    near = nearest(miss.wanted, miss.found)
    if near is not None:
        return f'rename it to "{near}"'
    return f"there is {first_of(miss.found, _SHOWN)}" if miss.found else None
