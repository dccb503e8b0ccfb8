"""Which of Istio's metrics a proxy has.

Source: Istio ``pilot/pkg/model/telemetry.go`` (``mergeMetrics``)
"""

from controlplane.graph import Graph, guarded
from controlplane.model.http_settings import ListenerContext
from controlplane.model.metrics import Metrics, Reporter
from controlplane.queries.inputs.mesh import has_metrics


@guarded(first=False)
def measures_calls(graph: Graph) -> bool:
    """Whether some proxy of the mesh has metrics: then endpoints and clusters say what they are."""
    return has_metrics(graph)


def metrics_of(graph: Graph, context: ListenerContext) -> Metrics | None:
    """What listeners count for ``context``; ``None``: nothing."""
    if not has_metrics(graph):
        return None
    is_inbound = context is ListenerContext.INBOUND
    return Metrics(reporter=Reporter.DESTINATION if is_inbound else Reporter.SOURCE)
