"""What MeshConfig says of listeners, for each thing that a proxy listens for."""

from controlplane.base.diagnostics import Report, Reported
from controlplane.graph import Graph, guarded
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.http_settings import ListenerContext
from controlplane.model.proxy import Labels
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.translate.istio.listener_settings import ListenerSettings, listener_settings

_DEFAULTS = Reported(listener_settings(Report(), MeshConfig(), (), ListenerContext.GATEWAY))


@guarded(first=_DEFAULTS)
def settings_of(
    graph: Graph, metadata: Labels, context: ListenerContext
) -> Reported[ListenerSettings]:
    """The settings of listeners, from the mesh and the node's metadata, with what is wrong there.

    Runs again when the mesh configuration changes.
    """
    report = Report()
    found = listener_settings(report, mesh_config(graph), metadata, context)
    return Reported(found, tuple(report))
