"""AuthorizationPolicies that let through what they seem to refuse, or refuse what they seem to
admit: nobody is selected, a path or host has other spellings, a caller without a certificate is
nobody, a port is a Service's and not the workload's.

Source: https://istio.io/latest/docs/ops/best-practices/security/; Envoy's answers to a DENY of an
exact path in each spelling
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.codes import (
    CALLERS_UNIDENTIFIED,
    HOST_WITHOUT_PORT,
    PATH_SPELLED_OTHERWISE,
    POLICY_PORT_NOT_TARGETED,
    PROXY_ADDRESS_MEANT,
    REQUESTS_NOT_READ,
)
from controlplane.base.diagnostics import Diagnostics, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import CLUSTER_DOMAIN, Namespace
from controlplane.base.wording import listed
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.authorization_policy import (
    Action,
    AuthorizationPolicy,
    AuthorizationPolicyKey,
    Operation,
    Rule,
    Source,
)
from controlplane.kinds.istio.mesh_config import GatewayTopology
from controlplane.kinds.object import Object
from controlplane.kinds.validation.authorization_policy import denies_tcp
from controlplane.kinds.validation.authorization_rules import is_path_template
from controlplane.model.mtls import MtlsMode, MtlsPolicy
from controlplane.model.proxy import Labels
from controlplane.queries.analysis.external_authorization import (
    check_provider,
    is_asked_of_connections,
)
from controlplane.queries.analysis.policy_fields import policy_fields
from controlplane.queries.analysis.policy_issuers import check_issuers
from controlplane.queries.analysis.policy_namespaces import check_namespaces
from controlplane.queries.analysis.policy_ports import concerned, ports_of_rule, stream_ports
from controlplane.queries.analysis.policy_targets import check_targets
from controlplane.queries.analysis.policy_values import check_values
from controlplane.queries.analysis.selected_ports import check_workload_ports, services_in_front
from controlplane.queries.analysis.selectors import check_selected
from controlplane.queries.analysis.unmatched_rules import (
    check_excluded,
    check_gateway_ports,
    check_tokens,
)
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.peer_policies import mtls_policy, peer_levels
from controlplane.queries.registry.declared_workloads import target_ports
from controlplane.queries.registry.proxy_configs import (
    WHOLE_MESH,
    annotated_topologies,
    mesh_proxy_config,
    mesh_root,
)
from controlplane.queries.selection.gateways import is_for_gateways
from controlplane.translate.istio.policy_attachment import BySelector, attachment

_REFUSING: Final = frozenset({Action.DENY, Action.CUSTOM})
_IDENTITY: Final = ("principals", "namespaces", "service_accounts", "trust_domains")
_YAML: Final = {
    "principals": "principals",
    "namespaces": "namespaces",
    "service_accounts": "serviceAccounts",
    "trust_domains": "trustDomains",
    "not_principals": "notPrincipals",
    "not_namespaces": "notNamespaces",
    "not_service_accounts": "notServiceAccounts",
    "not_trust_domains": "notTrustDomains",
}
_OF_REQUESTS: Final = frozenset({"request.auth.principal", "request.auth.audiences"})


@derived
def authorization_policy_diagnostics(graph: Graph, key: AuthorizationPolicyKey) -> Diagnostics:
    """Runs again when the policy, a workload that it selects, a Service in front of one, a
    PeerAuthentication or MeshConfig changes.
    """
    policy = object_of(graph, key)
    if policy is None:
        return ()
    report = Report()
    check_provider(report, graph, policy)
    check_namespaces(report, graph, policy)
    check_excluded(report, policy)
    check_targets(report, graph, key, policy.spec.target_refs, policy.spec.target_ref)
    before = len(report.diagnostics)
    check_issuers(report, graph, policy)
    if len(report.diagnostics) == before:
        check_tokens(report, graph, policy)
    for place, operation in _operations(policy):
        _check_paths(report, place, policy.spec.action, operation)
        _check_hosts(report, place, policy.spec.action, operation)
    found = attachment(policy.spec)
    if found != BySelector(()):
        _check_connections(report, graph, policy)
    if not isinstance(found, BySelector):
        check_values(report, policy, None)
        return tuple(report)
    check_values(report, policy, _domains(graph, found.labels))
    if is_for_gateways(graph, found.labels):
        _check_addresses(report, graph, policy)
        check_gateway_ports(report, graph, policy, found.labels)
    else:
        _check_workloads(report, graph, policy, found.labels)
    return tuple(report)


def _check_workloads(
    report: Report, graph: Graph, policy: Object[AuthorizationPolicy], selector: Labels
) -> None:
    """What depends on the workloads that are selected, where these have sidecars."""
    _check_identities(report, graph, policy, selector)
    if not selector or policy.namespace == mesh_config(graph).root_namespace:
        return
    at = FieldRef(policy.key) / "spec"
    check_selected(report, graph, at / "selector" / "matchLabels", selector)
    ports = [
        (field.values_at / i, int(port))
        for field in policy_fields(policy)
        for i, port in enumerate(field.values)
        if field.subject == "ports"
    ]
    message = "the rule never matches what calls them through a Service"
    check_workload_ports(report, graph, selector, ports, POLICY_PORT_NOT_TARGETED, message)


def _domains(graph: Graph, selector: Labels) -> frozenset[str] | None:
    """The trust domains of who may call the selected workloads; those whom a gateway lets in by its
    own ``caCertificates`` may have any.
    """
    if is_for_gateways(graph, selector):
        return None
    mesh = mesh_config(graph)
    return frozenset({mesh.trust_domain, *mesh.trust_domain_aliases, CLUSTER_DOMAIN})


def _operations(policy: Object[AuthorizationPolicy]) -> Iterator[tuple[FieldRef, Operation]]:
    rules = FieldRef(policy.key) / "spec" / "rules"
    for i, rule in enumerate(policy.spec.rules):
        for j, to in enumerate(rule.to):
            if to.operation is not None:
                yield rules / i / "to" / j / "operation", to.operation


def _sources(policy: Object[AuthorizationPolicy]) -> Iterator[tuple[FieldRef, Source]]:
    rules = FieldRef(policy.key) / "spec" / "rules"
    for i, rule in enumerate(policy.spec.rules):
        yield from _sources_of(rules / i, rule)


def _sources_of(at: FieldRef, rule: Rule) -> Iterator[tuple[FieldRef, Source]]:
    for j, each in enumerate(rule.from_):
        if each.source is not None:
            yield at / "from" / j / "source", each.source


def _check_paths(report: Report, at: FieldRef, action: Action, operation: Operation) -> None:
    """An exact path that is refused has spellings that servers often take for the same."""
    refused = ("paths", operation.paths) if action in _REFUSING else None
    if action is Action.ALLOW:
        refused = ("notPaths", operation.not_paths)
    if refused is None:
        return
    for i, path in enumerate(refused[1]):
        if path.endswith(("*", "/")) or path.startswith("*") or is_path_template(path):
            continue
        report.add(
            PATH_SPELLED_OTHERWISE,
            at / refused[0] / i,
            f"only {path} itself is refused: {path}/ and {path};x=1 are let through, which many "
            "servers take for the same",
            hint=f"allow what is meant with an ALLOW policy, or refuse every path that begins so: "
            f"{path}*",
        )


def _check_hosts(report: Report, at: FieldRef, action: Action, operation: Operation) -> None:
    """A host that is refused is let through when the client writes its port."""
    refused = ("hosts", operation.hosts) if action in _REFUSING else None
    if action is Action.ALLOW:
        refused = ("notHosts", operation.not_hosts)
    if refused is None:
        return
    name, hosts = refused
    for i, host in enumerate(hosts):
        if ":" in host or host.endswith("*") or f"{host}:*" in hosts:
            continue
        report.add(
            HOST_WITHOUT_PORT,
            at / name / i,
            f"only {host} without a port is refused: a client that writes {host}:80 is let through",
            hint=f"add {host}:* to {name}",
        )


def _says_proxy_in_front(graph: Graph, namespace: Namespace) -> str | None:
    """What says that proxies in ``namespace`` (in the root namespace: all) are behind others."""
    of_mesh = mesh_proxy_config(graph).gateway_topology or GatewayTopology()
    if of_mesh.num_trusted_proxies or of_mesh.proxy_protocol is not None:
        return "MeshConfig"
    everywhere = namespace == mesh_root(graph)
    for key, _, _ in annotated_topologies(graph, WHOLE_MESH):
        if everywhere or key.namespace == namespace:
            return f"the annotation of {key.display_name}"
    return None


def _check_addresses(report: Report, graph: Graph, policy: Object[AuthorizationPolicy]) -> None:
    """Behind another proxy, the address of a connection is that proxy's."""
    saying = _says_proxy_in_front(graph, policy.namespace)
    if saying is None:
        return
    for place, source in _sources(policy):
        for name, blocks in (("ipBlocks", source.ip_blocks), ("notIpBlocks", source.not_ip_blocks)):
            if blocks:
                meant = "remoteIpBlocks" if name == "ipBlocks" else "notRemoteIpBlocks"
                report.add(
                    PROXY_ADDRESS_MEANT,
                    (place / name).key,
                    f"{name} is about the address that the connection comes from, and by "
                    f"gatewayTopology of {saying} that is another proxy's",
                    hint=f"write {meant} for the client's address",
                )


def _check_identities(
    report: Report, graph: Graph, policy: Object[AuthorizationPolicy], selector: Labels
) -> None:
    """Who calls without a certificate has no identity, so that a rule about identities lets it
    through where it refuses, or where it asks who is not meant.
    """
    action = policy.spec.action
    if action is Action.AUDIT:
        return
    mtls = mtls_policy(graph, peer_levels(graph, policy.namespace, selector).keys)
    ports = frozenset(_ports_in_front(graph, policy.namespace, selector)) if mtls.ports else None
    for i, rule in enumerate(policy.spec.rules):
        accepted = _accepted(mtls, ports_of_rule(rule) or ports)
        for place, source in _sources_of(FieldRef(policy.key) / "spec" / "rules" / i, rule):
            for name in _IDENTITY:
                is_shown = accepted != {MtlsMode.DISABLE} or action is not Action.ALLOW
                if getattr(source, name) and not is_shown:
                    _report_unshown(report, (place / _YAML[name]).key, _YAML[name])
                field = name if action is Action.DENY else f"not_{name}"
                if getattr(source, field) and accepted != {MtlsMode.STRICT}:
                    modes = listed(sorted(m.name for m in accepted - {MtlsMode.STRICT}))
                    _report_unidentified(report, (place / _YAML[field]).key, _YAML[field], modes)


def _ports_in_front(graph: Graph, namespace: Namespace, selector: Labels) -> Iterator[int]:
    for service in services_in_front(graph, namespace, selector):
        for port in service.ports:
            yield from target_ports(graph, service, port)


def _accepted(mtls: MtlsPolicy, ports: frozenset[int] | None) -> set[MtlsMode]:
    """What some of ``ports`` accept; where none are known, what any port does."""
    if ports:
        return {mtls.of(port) for port in ports}
    return {mtls.mode, *(mode for _, mode in mtls.ports)}


def _report_unshown(report: Report, at: FieldRef, name: str) -> None:
    message = "PeerAuthentication says DISABLE, so no caller shows a certificate "
    message += f"and {name} never matches"
    hint = "accept mutual TLS (PERMISSIVE or STRICT)"
    report.add(CALLERS_UNIDENTIFIED, at, message, hint=hint)


def _report_unidentified(report: Report, at: FieldRef, name: str, modes: str) -> None:
    report.add(
        CALLERS_UNIDENTIFIED,
        at,
        f"plaintext is accepted here ({modes}), and who calls so has no identity: "
        f"{name} lets it through",
        hint="demand certificates with a PeerAuthentication whose mtls.mode is STRICT",
    )


def _check_connections(report: Report, graph: Graph, policy: Object[AuthorizationPolicy]) -> None:
    """Rules about requests at ports of which Envoy reads none, but for what is reported already: of
    DENY the whole rule, of CUSTOM that nobody is asked.
    """
    found = stream_ports(graph, policy)
    if not found or not is_asked_of_connections(graph, policy):
        return
    at = FieldRef(policy.key) / "spec" / "rules"
    for i, rule in enumerate(policy.spec.rules):
        ports = concerned(found, rule)
        is_reported = policy.spec.action is Action.DENY and denies_tcp(rule)
        if not ports or is_reported or not _asks_requests(rule):
            continue
        where = f"port {listed(ports)} of these workloads"
        if policy.spec.action is Action.ALLOW:
            said = f"allows nothing at {where}, of which no requests are read"
        else:
            said = f"is about every connection to {where}, of which no requests are read"
        hint = "name the ports that the rule is for (to[].operation.ports)"
        report.add(REQUESTS_NOT_READ, at / i, f"the rule {said}", hint=hint)


def _asks_requests(rule: Rule) -> bool:
    operations = [each.operation for each in rule.to if each.operation is not None]
    sources = [each.source for each in rule.from_ if each.source is not None]
    return (
        any(
            o.hosts or o.not_hosts or o.methods or o.not_methods or o.paths or o.not_paths
            for o in operations
        )
        or any(s.request_principals or s.not_request_principals for s in sources)
        or any(each.key in _OF_REQUESTS or each.key.startswith("request.") for each in rule.when)
    )
