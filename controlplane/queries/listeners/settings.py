"""What MeshConfig says of listeners, for each thing that a proxy listens for."""

from dataclasses import replace

import msgspec

from controlplane.base.diagnostics import Report, Reported
from controlplane.graph import Graph, guarded
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.http_settings import ListenerContext
from controlplane.model.inbound_view import InboundView
from controlplane.model.outbound_view import OutboundView
from controlplane.model.proxy import Labels
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.policy.access_logging import logging_of
from controlplane.queries.policy.metrics import metrics_of, metrics_origins
from controlplane.queries.policy.tracing import traces_of
from controlplane.translate.istio.listener_settings import ListenerSettings, listener_settings
from controlplane.translate.istio.proxy_config import (
    own_config,
    own_origins,
    variable_origins,
)

_DEFAULTS = Reported(listener_settings(Report(), MeshConfig(), (), ListenerContext.GATEWAY))


def observed_settings(
    graph: Graph, view: OutboundView | InboundView, context: ListenerContext
) -> ListenerSettings:
    """The settings of listeners, with what Telemetries say of their logs, traces and metrics."""
    found = settings_of(graph, view.settings, context).value
    traces = traces_of(graph, view, context)
    if traces.tracing != found.http.tracing or traces.origins:
        http = replace(found.http, tracing=traces.tracing)
        found = replace(found, http=http, origins=(*found.origins, *traces.origins))
    logging = logging_of(graph, view.telemetries, context)
    if logging is not None:
        origins = (*found.origins, *logging.origins)
        found = replace(found, access_logs=logging.logs, origins=origins)
    metrics = metrics_of(graph, view.telemetries, context)
    of_metrics = metrics_origins(graph, view.telemetries)
    if metrics is None and not of_metrics:
        return found
    return replace(found, metrics=metrics, origins=(*found.origins, *of_metrics))


@guarded(first=_DEFAULTS)
def settings_of(
    graph: Graph, metadata: Labels, context: ListenerContext
) -> Reported[ListenerSettings]:
    """The settings of listeners, from the mesh, the proxy's own ProxyConfig where it differs, and
    the node's metadata, with what is wrong there.

    Runs again when the mesh configuration changes.
    """
    report, mesh = Report(), mesh_config(graph)
    own = own_config(metadata)
    if own is None:
        found = listener_settings(report, mesh, metadata, context)
        variables = variable_origins(metadata)
        if variables:
            found = replace(found, origins=(*found.origins, *variables))
        return Reported(found, tuple(report))
    # What is wrong with an annotation is reported where it is written.
    theirs = msgspec.structs.replace(mesh, default_config=own)
    found = listener_settings(Report(), theirs, metadata, context)
    of_mesh = (origin for origin in found.origins if origin.path[:1] != ("defaultConfig",))
    origins = (*of_mesh, *own_origins(mesh.default_config, own), *variable_origins(metadata))
    return Reported(replace(found, origins=origins))
