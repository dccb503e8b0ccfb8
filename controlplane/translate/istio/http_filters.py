"""The HTTP filters that every listener of a proxy has, whatever its routes ask for."""

from controlplane.base.names import PortNumber
from controlplane.model.http_settings import ListenerContext
from controlplane.model.plan.network_filters import (
    CrossOrigin,
    FaultInjection,
    GrpcStats,
    GrpcWeb,
    HttpFilter,
    OfferedProtocols,
    Router,
)
from controlplane.translate.istio.extensions_at import http_extensions
from controlplane.translate.istio.listener_settings import ListenerSettings


def http_filters(
    settings: ListenerSettings,
    context: ListenerContext,
    port: PortNumber,
    *,
    accepts_grpc_web: bool,
    of_routes: tuple[HttpFilter, ...] = (),
) -> tuple[HttpFilter, ...]:
    """What policies ask for, and users' extensions for ``port``; ``of_routes`` is what routes of
    the listener may switch on. What is offered, faults and CORS are there for every route, which
    switch them on; nothing is offered to a workload.
    """
    web = (GrpcWeb(),) if accepts_grpc_web else ()
    offer = () if context is ListenerContext.INBOUND else (OfferedProtocols(),)
    router = Router(shows_envoy_headers=settings.shows_envoy_headers)
    policies = (
        *settings.policies.http,
        *http_extensions(settings.extensions, context, port),
    )
    usual = (GrpcStats(), *offer, FaultInjection(), CrossOrigin())
    return (*policies, *web, *usual, *of_routes, router)
