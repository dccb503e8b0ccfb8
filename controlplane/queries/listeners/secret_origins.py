"""Where secrets come from: the object that holds each, and the fields that name it.

Computed on demand and not kept.
"""

from collections.abc import Iterator

from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, ObjectKey, key_is_of
from controlplane.base.provenance import Provenance
from controlplane.base.shelf import SHARDS, shard_of
from controlplane.graph import Graph
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.model.cluster_name import ANY_DYNAMIC_DNS
from controlplane.model.outbound_view import OutboundView
from controlplane.model.plan.proxy import ProxyPlan
from controlplane.model.proxy_view import GatewayInstance, ProxyView
from controlplane.model.tls_upstream import secrets_named
from controlplane.queries.clusters.clusters import cluster_keys, secrets_of
from controlplane.queries.clusters.special_clusters import special_secrets
from controlplane.queries.gateway_api.faults import client_certificate
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.listeners.secrets import granted_to, secrets
from controlplane.queries.policy.backend_rules import is_generated, trust_origins
from controlplane.queries.registry.credentials import credential_of, holder, owner_of
from controlplane.queries.registry.services import hosts_of_shard
from controlplane.queries.selection.gateways import merged_gateways
from controlplane.translate.istio.client_tls import client_tls, tls_settings


def secret_origins(graph: Graph, plan: ProxyPlan, view: ProxyView) -> Iterator[Provenance]:
    """Each secret that a proxy is sent."""
    seen = view.outbound.for_clusters
    rules = _rules_by_secret(graph, seen)
    granted = granted_to(graph, plan.listeners, seen)
    for name in secrets(graph, plan.listeners, seen):
        owner = owner_of(name) if name in granted else seen.namespace
        origins = (
            *_holder(graph, owner, name),
            *_servers(graph, view.gateway, name),
            *_shown_to_backends(graph, view.gateway, name),
            *_unknown_traffic(graph, seen, name),
            *(field for key in rules.get(name, ()) for field in _rule_fields(graph, key, name)),
        )
        yield Provenance(name=name, origins=tuple(dict.fromkeys(origins)))


def _holder(graph: Graph, owner: Namespace, name: str) -> Iterator[FieldRef]:
    credential = credential_of(name, owner)
    held = holder(graph, credential) if credential is not None else None
    if held is not None:
        yield FieldRef(held.key, ("metadata", "name"))


def _servers(graph: Graph, instance: GatewayInstance | None, name: str) -> Iterator[FieldRef]:
    """The TLS settings of the servers that name a secret."""
    listeners = merged_gateways(graph, instance).listeners if instance is not None else ()
    for listener in listeners:
        for server in listener.servers:
            if server.tls is not None and name in server.tls.secrets:
                yield server.place / "tls"


def _shown_to_backends(
    graph: Graph, instance: GatewayInstance | None, name: str
) -> Iterator[FieldRef]:
    """The fields of Gateways that name the certificate for backends."""
    for bound in instance.bound if instance is not None else ():
        if client_certificate(graph, bound.gateway) == name:
            yield FieldRef(bound.gateway, ("spec", "tls", "backend", "clientCertificateRef"))


def _unknown_traffic(graph: Graph, view: OutboundView, name: str) -> Iterator[FieldRef]:
    """The setting of MeshConfig for hosts of which nothing is known, where it names a secret."""
    shard = shard_of(ANY_DYNAMIC_DNS)
    if any(name == each for _, each in special_secrets(graph, view, shard)):
        yield FieldRef(MESH_CONFIG_KEY, ("outboundTrafficPolicy", "tls"))


def _rules_by_secret(graph: Graph, view: OutboundView) -> dict[str, dict[ObjectKey, None]]:
    """The rules that govern the clusters which name each secret."""
    found: dict[str, dict[ObjectKey, None]] = {}
    hosts = (host for shard in range(SHARDS) for host in hosts_of_shard(graph, shard))
    for key in (key for host in hosts for key in cluster_keys(graph, host, view)):
        for _, name in secrets_of(graph, key):
            found.setdefault(name, {}).update(dict.fromkeys(key.rules))
    return found


def _rule_fields(graph: Graph, key: ObjectKey, name: str) -> Iterator[FieldRef]:
    """The TLS settings of a rule that name a secret."""
    assert key_is_of(key, DESTINATION_RULE), "only these govern clusters"
    if is_generated(key):
        yield from trust_origins(graph, key, name)
    rule = object_of(graph, key)
    for at, settings in tls_settings(rule) if rule is not None else ():
        named = secrets_named(client_tls(Report(), at, settings))
        if any(name == each for _, each in named):
            yield at
