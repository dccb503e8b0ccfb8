"""The HTTP filters that every listener of a proxy has, whatever its routes ask for."""

from controlplane.model.plan.network_filters import (
    CrossOrigin,
    FaultInjection,
    GrpcStats,
    GrpcWeb,
    HttpFilter,
    Router,
)
from controlplane.translate.istio.listener_settings import ListenerSettings


def http_filters(settings: ListenerSettings, *, accepts_grpc_web: bool) -> tuple[HttpFilter, ...]:
    """Faults and CORS are there for every route, which switch them on."""
    web = (GrpcWeb(),) if accepts_grpc_web else ()
    router = Router(shows_envoy_headers=settings.shows_envoy_headers)
    return (*web, GrpcStats(), FaultInjection(), CrossOrigin(), router)
