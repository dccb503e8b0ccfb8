"""Routes by claims of tokens, at gateways that verify no tokens: there no request has claims.

Source: istioctl's IST0149 (``JwtClaimBasedRoutingWithoutRequestAuthN``)
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from controlplane.base.codes import CLAIMS_UNVERIFIED
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.graph import Graph
from controlplane.kinds.istio.gateway import Gateway
from controlplane.kinds.istio.request_authentication import REQUEST_AUTHENTICATION
from controlplane.kinds.istio.virtual_service import (
    VIRTUAL_SERVICE,
    HttpMatch,
    VirtualService,
    VirtualServiceKey,
)
from controlplane.kinds.object import Object
from controlplane.model.proxy import labels_of
from controlplane.queries.analysis.homes import gateway_homes
from controlplane.queries.analysis.policy_overlap import PlacedPolicy, overlap
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index
from controlplane.queries.policy.attachment import policies_of_namespace
from controlplane.queries.policy.tokens import jwt_rules
from controlplane.translate.istio.gateway_reference import gateway_reference
from controlplane.translate.istio.http_match import claim_path
from controlplane.translate.istio.policy_attachment import ByReference, BySelector

_EVERY: Final = "every"


@index(VIRTUAL_SERVICE)
def routes_by_claims(declared: Object[VirtualService]) -> Iterator[tuple[str, VirtualServiceKey]]:
    if any(_claims(block) for rule in declared.spec.http for block in rule.match):
        yield _EVERY, declared.key


def claims_are_routed_by(graph: Graph) -> bool:
    """Whether some VirtualService asks for claims, so that requests without a token may have no
    route.
    """
    return bool(routes_by_claims(graph, _EVERY))


def check_claims(
    report: Report,
    graph: Graph,
    declared: Object[VirtualService],
    gateways: Collection[Object[Gateway]],
) -> None:
    """Report what asks for claims where none of the gateways that it is for verifies tokens."""
    if declared.key not in routes_by_claims(graph, _EVERY):
        return
    by_name = {f"{each.namespace}/{each.name}": each for each in gateways}
    unverified = [name for name, each in by_name.items() if not _verifies_tokens(graph, each)]
    at = FieldRef(declared.key) / "spec" / "http"
    for i, rule in enumerate(declared.spec.http):
        for j, block in enumerate(rule.match):
            own = [gateway_reference(name, declared.namespace) for name in block.gateways]
            names = [name for name in by_name if not own or name in own]
            if names and set(names) <= set(unverified):
                for field, header in _claims(block):
                    _report(report, at / i / "match" / j / field / header, by_name[names[0]])


def _report(report: Report, at: FieldRef, gateway: Object[Gateway]) -> None:
    is_wanted = at.path[-2] == "headers"
    report.add(
        CLAIMS_UNVERIFIED,
        at.key,
        f"no RequestAuthentication verifies tokens at {gateway.key.display_name}, so no request "
        f"has claims there and the match {'never' if is_wanted else 'always'} holds",
        hint="add a RequestAuthentication for its proxies, with the issuer of the tokens",
    )


def _claims(block: HttpMatch) -> tuple[tuple[str, str], ...]:
    """The claims that a match asks for: the field and the name that they are under."""
    fields: tuple[tuple[str, Mapping[str, object]], ...] = (
        ("headers", block.headers),
        ("withoutHeaders", block.without_headers),
    )
    return tuple(
        (field, name)
        for field, names in fields
        for name in names
        if (path := claim_path(name)) is not None and "" not in path  # which has no match
    )


def _verifies_tokens(graph: Graph, gateway: Object[Gateway]) -> bool:
    """Whether a RequestAuthentication with rules may be attached to proxies of a Gateway."""
    root = Namespace(mesh_config(graph).root_namespace)
    proxies = BySelector(labels_of(dict(gateway.spec.selector)))
    homes = gateway_homes(graph, gateway.key).namespaces
    for namespace in dict.fromkeys((root, *homes)):
        for _, found, key in policies_of_namespace(graph, (REQUEST_AUTHENTICATION, namespace)):
            if not jwt_rules(graph, key):
                continue
            of_both = homes if namespace == root else (namespace,)
            if isinstance(found, ByReference) or any(
                overlap(graph, PlacedPolicy(home, proxies), PlacedPolicy(namespace, found))
                for home in of_both
            ):
                return True
    return False
