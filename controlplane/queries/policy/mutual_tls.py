"""Which endpoints callers, gateways too, use the mesh's mutual TLS with: those that advertise it,
unless their workload accepts plaintext alone on the port.

Source: Istio ``pilot/pkg/xds/endpoints/mtls_checker.go``, ``networking/core/cluster_tls.go``.
"""

from dataclasses import replace

from controlplane.base.names import Host, Namespace
from controlplane.graph import Graph, derived
from controlplane.model.endpoint import Endpoint, selects
from controlplane.model.mtls import MtlsMode, MtlsPolicy
from controlplane.model.proxy import Labels
from controlplane.queries.policy.peer_policies import plaintext_policies
from controlplane.queries.registry.endpoints import endpoints_of


@derived
def called_endpoints(
    graph: Graph, host: Host, namespace: Namespace, number: int
) -> tuple[Endpoint, ...]:
    """The endpoints of a port, each as callers treat it.

    Runs again when one of them changes, or which workloads of the namespace accept plaintext alone.
    """
    endpoints = endpoints_of(graph, host, namespace, number)
    policies = plaintext_policies(graph, namespace)
    if not policies:
        return endpoints
    return tuple(
        replace(endpoint, takes_mutual_tls=False)
        if endpoint.takes_mutual_tls and _is_plaintext(policies, endpoint)
        else endpoint
        for endpoint in endpoints
    )


def _is_plaintext(policies: tuple[tuple[Labels, MtlsPolicy], ...], endpoint: Endpoint) -> bool:
    policy = next(each for selector, each in policies if selects(selector, endpoint.labels))
    return policy.of(endpoint.port) is MtlsMode.DISABLE


@derived
def all_take_mutual_tls(graph: Graph, host: Host, namespace: Namespace, number: int) -> bool:
    """Whether the port has endpoints and callers use the mesh's mutual TLS with each."""
    endpoints = called_endpoints(graph, host, namespace, number)
    return bool(endpoints) and all(endpoint.takes_mutual_tls for endpoint in endpoints)


def may_take_mutual_tls(graph: Graph, namespace: Namespace) -> bool:
    """Whether the policies of the mesh and of a namespace leave it open: where they demand
    plaintext, clusters know nothing else, whatever single workloads accept.
    """
    policies = plaintext_policies(graph, namespace)
    return not policies or policies[-1][1].mode is not MtlsMode.DISABLE
