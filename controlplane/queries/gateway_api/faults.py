"""What is wrong with a Gateway besides its listeners: its addresses and parameters, the certificate
that it shows to backends.

Source: Istio ``pilot/pkg/config/kube/gatewaycommon/context.go`` (``ResolveGatewayInstances``),
``pilot/pkg/config/kube/gateway/gateway_collection.go`` (``validateParametersRef``).
"""

from collections.abc import Iterable, Iterator
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Kind, ObjectKey, PortNumber, key_is_of
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.core.configuration import CONFIG_MAP
from controlplane.kinds.gateway_api.gateway import (
    KUBERNETES_GATEWAY,
    KubernetesGateway,
    KubernetesGatewayKey,
)
from controlplane.kinds.object import Object
from controlplane.model.gateway_api import Problem
from controlplane.model.service import Service
from controlplane.model.tls import SecretName
from controlplane.queries.gateway_api.listeners import served_ports
from controlplane.queries.gateway_api.references import certificate
from controlplane.queries.inputs.connected_gateways import connected_gateways
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.endpoints import endpoints_of
from controlplane.queries.registry.services import declaring_namespaces, service_of
from controlplane.translate.gateway_api.addresses import HOSTNAME, gateway_services, is_managed
from controlplane.translate.gateway_api.gateway_conditions import GatewayFaults
from controlplane.translate.gateway_api.listener_tls import Named, Reference

INVALID_CLIENT_CERTIFICATE: Final = "InvalidClientCertificateRef"
UNSUPPORTED_ADDRESS: Final = "UnsupportedAddress"
NOT_USABLE: Final = "AddressNotUsable"
NOT_ASSIGNED: Final = "AddressNotAssigned"


@derived
def gateway_faults(graph: Graph, key: KubernetesGatewayKey) -> GatewayFaults:
    """Runs again when the Gateway changes, what it refers to, or the endpoints of the Services that
    are its addresses.
    """
    gateway = object_of(graph, key)
    if gateway is None:
        return GatewayFaults()
    hosts = gateway_services(gateway)
    address = next(_unsupported(gateway), None)
    accepted = address or _parameters(graph, gateway)
    shown = _client_certificate(graph, gateway)
    programmed = next(_unusable(graph, gateway, served_ports(graph, key)), None)
    if not hosts:
        programmed = address
    return GatewayFaults(
        accepted=accepted,
        programmed=programmed,
        references=shown if isinstance(shown, Problem) else None,
        prevents_all=not hosts,
    )


def _unsupported(gateway: Object[KubernetesGateway]) -> Iterator[Problem]:
    """Addresses that are not the hostnames of Services, where the Gateway has several or others."""
    if is_managed(gateway.spec):
        return
    at = FieldRef(gateway.key) / "spec" / "addresses"
    for i, address in enumerate(gateway.spec.addresses):
        if address.type != HOSTNAME:
            message = f"an address of type {address.type} is not supported beside others"
            yield Problem(UNSUPPORTED_ADDRESS, message, at / i, "name a Service by its hostname")


def _unusable(
    graph: Graph, gateway: Object[KubernetesGateway], ports: Iterable[PortNumber]
) -> Iterator[Problem]:
    """Why an address leads to no proxy; what nothing can mend by itself comes first."""
    if is_managed(gateway.spec):
        return
    at = FieldRef(gateway.key) / "spec" / "addresses"
    hostnames = [i for i, a in enumerate(gateway.spec.addresses) if a.type == HOSTNAME]
    found = [
        problem
        for i, host in zip(hostnames, gateway_services(gateway), strict=True)
        for problem in _of_service(graph, gateway.key, at / i, host, sorted(ports))
    ]
    yield from sorted(found, key=lambda problem: problem.reason != NOT_USABLE)


def _of_service(
    graph: Graph,
    key: KubernetesGatewayKey,
    at: FieldRef,
    host: Host,
    ports: list[PortNumber],
) -> Iterator[Problem]:
    service = service_of(graph, host, key.namespace)
    if service is None:
        elsewhere = ", ".join(declaring_namespaces(graph, host))
        where = f"; it is in {elsewhere}" if elsewhere else ""
        message = f'no Service of namespace {key.namespace} has the hostname "{host}"{where}'
        yield Problem(NOT_USABLE, message, at)
        return
    numbers = {port.number for port in service.ports}
    reached = {n for n in numbers if endpoints_of(graph, host, service.namespace, n)}
    if not reached and not _is_connected(graph, key):
        message = f'no proxy is known behind "{host}"'
        hint = "connect a gateway that the Service selects, or declare its endpoints"
        yield Problem(NOT_ASSIGNED, message, at, hint)
        return
    for port in ports:
        if port not in numbers:
            yield _missing_port(service, at, port)


def _missing_port(service: Service, at: FieldRef, port: PortNumber) -> Problem:
    declared = [each.number for each in service.ports if each.target == port]
    hint = f"listen on {declared[0]}, which the Service sends to {port}" if declared else None
    return Problem(
        NOT_USABLE,
        f'port {port} of a listener is not a port of "{service.host}"',
        at,
        hint or f"add port {port} to {service.declared_by[0].display_name}",
    )


def _is_connected(graph: Graph, key: KubernetesGatewayKey) -> bool:
    return any(
        bound.gateway == key
        for proxy in connected_gateways(graph)
        for bound in proxy.instance.bound
    )


def _parameters(graph: Graph, gateway: Object[KubernetesGateway]) -> Problem | None:
    infrastructure = gateway.spec.infrastructure
    ref = infrastructure.parameters_ref if infrastructure is not None else None
    if ref is None:
        return None
    at = FieldRef(gateway.key) / "spec" / "infrastructure" / "parametersRef"
    if Kind(ref.group, ref.kind) != CONFIG_MAP:
        message = f"{ref.kind} {ref.name} is not a ConfigMap, and only those hold parameters"
        return Problem("InvalidParameters", message, at, "remove it, or name a ConfigMap")
    if object_of(graph, ObjectKey(CONFIG_MAP, gateway.namespace, ref.name)) is not None:
        return None
    message = f"ConfigMap {gateway.namespace}/{ref.name} does not exist"
    return Problem("InvalidParameters", message, at, "remove it, or declare the ConfigMap")


@guarded
def client_certificate(graph: Graph, key: ObjectKey) -> SecretName | None:
    """What a Gateway shows to backends that a BackendTLSPolicy speaks TLS to, if it can be had."""
    assert key_is_of(key, KUBERNETES_GATEWAY), "a proxy is bound to Gateways of the Gateway API"
    gateway = object_of(graph, key)
    found = _client_certificate(graph, gateway) if gateway is not None else None
    return found.name if isinstance(found, Named) else None


def _client_certificate(graph: Graph, gateway: Object[KubernetesGateway]) -> Reference | None:
    tls = gateway.spec.tls
    ref = tls.backend.client_certificate_ref if tls is not None and tls.backend else None
    if ref is None:
        return None
    at = FieldRef(gateway.key) / "spec" / "tls" / "backend" / "clientCertificateRef"
    return certificate(
        graph, gateway.key, gateway.namespace, at, ref, reason=INVALID_CLIENT_CERTIFICATE
    )
