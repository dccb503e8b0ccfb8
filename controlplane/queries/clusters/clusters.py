"""The parts of services that a client reaches, each of which becomes one cluster and its endpoints.

Source: Istio ``pilot/pkg/networking/core/cluster.go``, ``endpoint_builder.go``.
"""

from dataclasses import dataclass, field, replace

from controlplane.base.hashing import hashed_once
from controlplane.base.names import Host, Namespace
from controlplane.envoy.clusters.cluster import cluster_message
from controlplane.envoy.endpoints import load_assignment
from controlplane.envoy.resource import Resource, TypeUrl, resource
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.traffic_policy import H2UpgradePolicy
from controlplane.model.cluster import Cluster, Dns
from controlplane.model.endpoint import HOSTNAME_LABEL
from controlplane.model.locality import BY_DISTANCE, Group, placed, ranks_by
from controlplane.model.outbound_view import ClientLocality, LocalityUse, OutboundView, RuleKeys
from controlplane.model.proxy import IpFamily, Role
from controlplane.model.service import Protocol, Resolution, Service, ServicePort
from controlplane.model.tls import SecretName
from controlplane.model.tls_upstream import Originate, SecretUse, secrets_named
from controlplane.model.traffic_policy import TrafficPolicy
from controlplane.queries.gateway_api.udp_routes import sent_datagrams
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.policy.backend_rules import is_generated
from controlplane.queries.policy.metrics import measures_calls
from controlplane.queries.policy.mutual_tls import (
    all_take_mutual_tls,
    called_endpoints,
    may_take_mutual_tls,
)
from controlplane.queries.policy.policies import mesh_policy, policy_for
from controlplane.queries.policy.rules import governing_rules, merged_rule
from controlplane.queries.registry.endpoints import accounts_of
from controlplane.queries.registry.imported import service_in_view
from controlplane.queries.registry.services import service_of
from controlplane.translate.cluster import cluster as translated
from controlplane.translate.cluster_discovery import is_discovered, members
from controlplane.translate.cluster_inputs import (
    CONNECT_TIMEOUT,
    DNS_REFRESH,
    ClusterInputs,
    EndpointFacts,
    MeshDefaults,
)
from controlplane.translate.cluster_locality import locality_policy
from controlplane.translate.istio.client_tls import parameters
from controlplane.translate.istio.locality import locality_policy as locality_of_settings
from controlplane.translate.istio.proxy_config import keeps_header_case
from controlplane.translate.istio.traffic_policy import keepalive


@hashed_once
@dataclass(frozen=True, slots=True)
class ClusterKey:
    """A part of a service, and for whom: clients that agree in these share the cluster's bytes."""

    host: Host
    namespace: Namespace
    """Where the service is declared."""
    rules: RuleKeys
    port: int
    subset: str | None
    role: Role
    families: tuple[IpFamily, ...]
    is_sni_dnat: bool = False
    """Whether the mesh's own TLS, which names it by SNI, passes through it (AUTO_PASSTHROUGH)."""
    keeps_header_case: bool | None = None
    """As the client's own ProxyConfig says; ``None``: as the mesh's."""
    client_certificate: SecretName | None = None
    """What the client shows where a policy of the Gateway API asks for TLS."""
    _hash: int = field(default=0, init=False, repr=False, compare=False)


def _mesh_defaults(mesh: MeshConfig) -> MeshDefaults:
    localities = locality_of_settings(mesh.locality_lb_setting, mesh.zone_aware_lb_setting)
    return MeshDefaults(
        connect_timeout=mesh.connect_timeout.length if mesh.connect_timeout else CONNECT_TIMEOUT,
        keepalive=keepalive(mesh.tcp_keepalive),
        upgrades_http=mesh.h2_upgrade_policy is H2UpgradePolicy.UPGRADE,
        keeps_header_case=keeps_header_case(mesh.default_config),
        dns_refresh=mesh.dns_refresh_rate.length if mesh.dns_refresh_rate else DNS_REFRESH,
        uses_mutual_tls=mesh.enable_auto_mtls is not False,
        trust_domains=(mesh.trust_domain, *mesh.trust_domain_aliases),
        locality=localities if localities is not None else BY_DISTANCE,
        tls_parameters=parameters(mesh.tls_defaults),
    )


@guarded(first=_mesh_defaults(MeshConfig()))
def mesh_defaults(graph: Graph) -> MeshDefaults:
    """The settings of MeshConfig that every cluster inherits, and whether calls are measured."""
    return replace(_mesh_defaults(mesh_config(graph)), measures_calls=measures_calls(graph))


def defaults_of(graph: Graph, keeps_case: bool | None) -> MeshDefaults:
    """The same where a proxy's own ProxyConfig says whether headers keep their case."""
    defaults = mesh_defaults(graph)
    return defaults if keeps_case is None else replace(defaults, keeps_header_case=keeps_case)


@guarded(first=())
def cluster_keys(graph: Graph, host: Host, view: OutboundView) -> tuple[ClusterKey, ...]:
    """What a client reaches of ``host``: each port, and each subset of it.

    Runs again when the declarations of the host, or which rules govern it, change.
    """
    found = service_in_view(graph, host, view)
    if found is None or found.resolution is Resolution.ALIAS:
        return ()
    rules = governing_rules(graph, host, found.namespace, view.rule_scope)
    names = (None, *_subset_names(graph, rules))
    shown = view.client_certificate if any(map(is_generated, rules)) else None
    ways = (False, True) if view.has_sni_dnat and not found.is_external else (False,)
    return tuple(
        ClusterKey(
            *(host, found.namespace, rules, port.number, name, view.role, view.families, sni),
            keeps_header_case=view.keeps_header_case,
            client_certificate=shown,
        )
        for port in found.ports
        if port.protocol is not Protocol.UDP or _takes_datagrams(graph, host, port, view)
        for name in names
        for sni in ways
    )


def _takes_datagrams(graph: Graph, host: Host, port: ServicePort, view: OutboundView) -> bool:
    """Whether gateways send datagrams to a port of UDP, which has a cluster only then."""
    return view.role.forwards_datagrams and bool(sent_datagrams(graph, (host, port.number)))


@derived
def _subset_names(graph: Graph, rules: RuleKeys) -> tuple[str, ...]:
    rule = merged_rule(graph, rules)
    return tuple(subset.name for subset in rule.subsets) if rule is not None else ()


@guarded(first=LocalityUse())
def locality_use_of(graph: Graph, key: ClusterKey) -> LocalityUse:
    """What of a client's place bears on how the endpoints of ``destination`` are ranked."""
    inputs = _inputs(graph, key)
    if inputs is None:
        return LocalityUse()
    policy = locality_policy(inputs, mesh_defaults(graph))
    node = (HOSTNAME_LABEL,) if inputs.service.is_node_local else ()
    return LocalityUse(policy is not None, frozenset({*ranks_by(policy), *node}))


@guarded
def cluster(graph: Graph, key: ClusterKey, client: ClientLocality) -> Resource | None:
    """The cluster of one destination; ``None`` where Envoy would not accept it (a name without
    endpoints).

    Runs again when the service, the rules that govern it or the mesh's defaults change; when
    endpoints change only where they are in the cluster itself (DNS), or when the identities they
    prove change.
    """
    made = _cluster(graph, key, client)
    if made is None:
        return None
    return resource(TypeUrl.CLUSTER, made.name, cluster_message(made))


@guarded
def assignment(graph: Graph, key: ClusterKey, client: ClientLocality) -> Resource | None:
    """The endpoints of one EDS cluster; ``None`` for the others."""
    inputs = _inputs(graph, key)
    if inputs is None or not is_discovered(inputs, key.role):
        return None
    message = load_assignment(
        inputs.name,
        _groups(graph, key, inputs, client),
        is_measured=mesh_defaults(graph).measures_calls,
    )
    made = resource(TypeUrl.ENDPOINT, inputs.name, message)
    return made if message.endpoints else replace(made, is_empty=True)


@guarded(first=())
def secrets_of(graph: Graph, key: ClusterKey) -> tuple[tuple[SecretUse, SecretName], ...]:
    """The secrets of the user's that the cluster of ``key`` names."""
    if not key.rules:
        return ()
    return secrets_named(_policy(graph, key).tls)


def endpoint_groups(graph: Graph, key: ClusterKey, client: ClientLocality) -> tuple[Group, ...]:
    """The endpoints of ``assignment``, in their order."""
    inputs = _inputs(graph, key)
    return () if inputs is None else _groups(graph, key, inputs, client)


def held_groups(graph: Graph, key: ClusterKey, client: ClientLocality) -> tuple[Group, ...]:
    """The endpoints that the cluster itself holds, in their order."""
    found = _cluster(graph, key, client)
    where = found.discovery if found is not None else None
    return where.groups if isinstance(where, Dns) else ()


def _cluster(graph: Graph, key: ClusterKey, client: ClientLocality) -> Cluster | None:
    inputs = _inputs(graph, key)
    if inputs is None:
        return None
    where = (key.host, key.namespace)
    facts = EndpointFacts(
        groups=lambda: _groups(graph, key, inputs, client),
        accounts=lambda: accounts_of(graph, *where),
        may_take_mutual_tls=lambda: may_take_mutual_tls(graph, key.namespace),
        all_take_mutual_tls=lambda: all_take_mutual_tls(graph, *where, inputs.port.number),
    )
    return translated(
        inputs,
        defaults_of(graph, key.keeps_header_case),
        facts,
        role=key.role,
        families=key.families,
    )


def _inputs(graph: Graph, key: ClusterKey) -> ClusterInputs | None:
    found: Service | None = service_of(graph, key.host, key.namespace)
    port = found.port(key.port) if found is not None else None
    if found is None or port is None:
        return None
    rule = merged_rule(graph, key.rules) if key.rules else None
    subset = rule.subset(key.subset) if rule is not None and key.subset else None
    if key.subset is not None and subset is None:
        return None
    policy = _policy(graph, key) if rule is not None else mesh_policy(graph)
    return ClusterInputs(
        service=found,
        port=port,
        subset=subset,
        rule=rule,
        policy=policy,
        is_sni_dnat=key.is_sni_dnat,
    )


def _policy(graph: Graph, key: ClusterKey) -> TrafficPolicy:
    """What the rules say; with the certificate that the client shows where the TLS is what a policy
    of the Gateway API asks for.
    """
    policy = policy_for(graph, key.rules, key.port, key.subset)
    if key.client_certificate is None or not isinstance(policy.tls, Originate):
        return policy
    generated = tuple(filter(is_generated, key.rules))
    if policy_for(graph, generated, key.port, key.subset).tls != policy.tls:
        return policy
    return replace(policy, tls=replace(policy.tls, certificate=key.client_certificate))


def _groups(
    graph: Graph, key: ClusterKey, inputs: ClusterInputs, client: ClientLocality
) -> tuple[Group, ...]:
    endpoints = called_endpoints(graph, key.host, key.namespace, inputs.port.number)
    policy = locality_policy(inputs, mesh_defaults(graph))
    node = dict(client.labels).get(HOSTNAME_LABEL, "")
    return placed(members(inputs, endpoints, node), policy, client)
