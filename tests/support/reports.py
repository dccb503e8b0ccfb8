"""What is reported of objects does not depend on who looks."""

from collections.abc import Callable, Iterable, Iterator

from controlplane.base.codes import PATCH_BREAKS
from controlplane.base.diagnostics import Diagnostic
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.model.proxy import Proxy
from controlplane.queries.analysis.roots import analyse_where_connected, roots


def whole_analysis(engine: Engine) -> set[Diagnostic]:
    while engine.analyse():
        pass
    return set(engine.diagnostics())


def reported_otherwise(engine: Callable[[], Engine], proxies: Iterable[Proxy]) -> list[str]:
    """What ``check`` reports and a server with ``proxies`` does not, or the other way round; but
    for what depends on who is connected.
    """
    checking, serving = engine(), engine()
    checked = whole_analysis(checking)
    for proxy in proxies:
        serving.connected.join(proxy)
        view = serving.view(proxy)
        serving.connected.hold(view)
        serving.resources(view)
    serving.note_connected()
    served = whole_analysis(serving)
    only_served = served - checked - set(_of_connected(serving))
    only_checked = checked - served - set(_of_connected(checking))
    return sorted(
        [f"only served: {d.code} {d.place} {d.message}" for d in only_served]
        + [f"only checked: {d.code} {d.place} {d.message}" for d in only_checked]
    )


def _of_connected(engine: Engine) -> Iterator[Diagnostic]:
    """What is reported because of who is connected, or of what they are sent."""
    yield from (d for d in engine.diagnostics() if d.code is PATCH_BREAKS)
    for key in (MESH_CONFIG_KEY, *(raw.key for raw in engine.accepted())):
        if analyse_where_connected in roots(key.kind):
            yield from analyse_where_connected(engine.graph, key)
