"""Rules of AuthorizationPolicies that never match: values that the same rule excludes, a claim
where nobody verifies tokens, a port where no gateway listens.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from controlplane.base.codes import (
    GATEWAY_PORT_UNKNOWN,
    TOKENS_NOT_VERIFIED,
    VALUES_EXCLUDED,
)
from controlplane.base.diagnostics import Report
from controlplane.base.wording import listed
from controlplane.graph import Graph
from controlplane.kinds.istio.authorization_policy import Action, AuthorizationPolicy
from controlplane.kinds.istio.request_authentication import REQUEST_AUTHENTICATION
from controlplane.kinds.object import Object
from controlplane.kinds.validation.authorization_rules import is_path_template
from controlplane.kinds.validation.checks import camel
from controlplane.model.proxy import Labels
from controlplane.queries.analysis.homes import services_by_selected_label
from controlplane.queries.analysis.policy_fields import PolicyField, policy_fields
from controlplane.queries.analysis.policy_overlap import PlacedPolicy, overlap
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.attachment import policies_of_namespace, reaching_namespaces
from controlplane.queries.selection.gateways import gateway_servers, selected_gateways
from controlplane.translate.istio.policy_attachment import attachment
from controlplane.translate.istio.policy_text import network

_OF_TOKENS: Final = "request.auth."
_NETWORKS: Final = frozenset({"ip_blocks", "remote_ip_blocks"})
_ALWAYS_THERE: Final = frozenset({"hosts", "methods", "paths"})
"""What every request has: without all values, none is left."""
_PAIRS: Final = 10_000


def check_excluded(report: Report, policy: Object[AuthorizationPolicy]) -> None:
    """Report fields of which nothing is left; nothing of those with very many values."""
    for field in policy_fields(policy):
        if len(field.values) * len(field.others) <= _PAIRS and _leaves_nothing(field):
            report.add(
                VALUES_EXCLUDED,
                field.others_at.key,
                f"these leave nothing of {camel(field.subject)}, so the rule never matches by this",
                hint="remove what excludes what is meant",
            )


def _leaves_nothing(field: PolicyField) -> bool:
    if field.subject in _ALWAYS_THERE and "*" in field.others:
        return True
    return bool(field.values) and all(
        any(_covers(field.subject, other, value) for other in field.others)
        for value in field.values
    )


def _covers(subject: str, wide: str, narrow: str) -> bool:
    """Whether whatever ``narrow`` stands for is something that ``wide`` does."""
    if wide in ("*", narrow):
        return True
    if subject in _NETWORKS:
        return _contains(ip_network(network(wide)), ip_network(network(narrow)))
    if subject == "paths" and (is_path_template(wide) or is_path_template(narrow)):
        return False
    if wide.endswith("*"):
        return not narrow.startswith("*") and narrow.startswith(wide[:-1])
    return wide.startswith("*") and not narrow.endswith("*") and narrow.endswith(wide[1:])


def _contains(wide: IPv4Network | IPv6Network, narrow: IPv4Network | IPv6Network) -> bool:
    if isinstance(wide, IPv4Network) and isinstance(narrow, IPv4Network):
        return wide.supernet_of(narrow)
    if isinstance(wide, IPv6Network) and isinstance(narrow, IPv6Network):
        return wide.supernet_of(narrow)
    return False


def check_tokens(report: Report, graph: Graph, policy: Object[AuthorizationPolicy]) -> None:
    """Report what is said of tokens where no RequestAuthentication can be attached; nothing of
    policies of the root namespace, whose workloads may have one of their own namespace.
    """
    if policy.namespace == mesh_config(graph).root_namespace:
        return
    field = next(filter(_is_of_tokens, policy_fields(policy)), None)
    if field is None or _are_verified(graph, policy):
        return
    at = field.values_at if field.values else field.others_at
    report.add(
        TOKENS_NOT_VERIFIED,
        at.key,
        "no RequestAuthentication is attached to these workloads, so no request has a verified "
        f"token, and the rule {_consequence(policy.spec.action, field)}",
        hint="verify tokens with a RequestAuthentication for the same workloads",
    )


def check_gateway_ports(
    report: Report, graph: Graph, policy: Object[AuthorizationPolicy], selector: Labels
) -> None:
    """Report ports at which no gateway of the policy listens."""
    listening = frozenset(_listening(graph, selector))
    for field in policy_fields(policy) if listening else ():
        if field.subject != "ports":
            continue
        for i, port in enumerate(field.values):
            if int(port) and int(port) not in listening:
                report.add(
                    GATEWAY_PORT_UNKNOWN,
                    field.values_at / i,
                    f"no gateway of this policy listens on port {port}, so the rule never matches",
                    note=f"they listen on {listed(sorted(listening))}",
                    hint="name the port at the gateway (targetPort of its Service)",
                )


def _is_of_tokens(field: PolicyField) -> bool:
    return field.subject == "request_principals" or field.subject.startswith(_OF_TOKENS)


def _are_verified(graph: Graph, policy: Object[AuthorizationPolicy]) -> bool:
    own = PlacedPolicy(policy.namespace, attachment(policy.spec))
    return any(
        overlap(graph, own, PlacedPolicy(of, found))
        for of in reaching_namespaces(graph, policy.namespace)
        for _, found, _ in policies_of_namespace(graph, (REQUEST_AUTHENTICATION, of))
    )


def _consequence(action: Action, field: PolicyField) -> str:
    if not field.values:
        return "matches whatever token a request has"
    said = {Action.ALLOW: "allows nothing", Action.DENY: "refuses nothing"}
    return said.get(action, "never matches")


def _listening(graph: Graph, selector: Labels) -> Iterator[int]:
    """The ports of the gateways that a policy selects, where the Services in front of them lead."""
    leading = _target_ports(graph, selector)
    for key in selected_gateways(graph, selector):
        for server in gateway_servers(graph, key):
            yield from leading.get(server.port, {server.port})


def _target_ports(graph: Graph, selector: Labels) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    keys = {key for label in selector for key in services_by_selected_label(graph, label)}
    for key in sorted(keys):
        service = object_of(graph, key)
        for port in service.spec.ports if service is not None else ():
            target = port.target_port
            number = target if isinstance(target, int) and target else port.port
            found.setdefault(port.port, set()).add(number)
    return found
