"""RequestAuthentications that protect less than they seem to: nobody is selected, a request without
a token passes, or another rule accepts the tokens that one refuses.

Source: https://istio.io/latest/docs/reference/config/security/request_authentication/
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.codes import CANNOT_WORK, TOKENS_ACCEPTED_ANYWAY, TOKENS_NOT_DEMANDED
from controlplane.base.diagnostics import Diagnostics, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.authorization_policy import (
    AUTHORIZATION_POLICY,
    Action,
    AuthorizationPolicy,
    Rule,
)
from controlplane.kinds.istio.request_authentication import (
    REQUEST_AUTHENTICATION,
    JwtRule,
    RequestAuthentication,
    RequestAuthenticationKey,
)
from controlplane.kinds.object import Object
from controlplane.model.endpoint import selects
from controlplane.queries.analysis.claim_routes import claims_are_routed_by
from controlplane.queries.analysis.policy_overlap import PlacedPolicy, overlap
from controlplane.queries.analysis.policy_targets import check_targets
from controlplane.queries.analysis.selectors import check_selected
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.policy.attachment import policies_of_namespace
from controlplane.queries.policy.tokens import jwt_rules
from controlplane.queries.selection.gateways import is_for_gateways
from controlplane.translate.istio.authorization_policy import is_dry_run
from controlplane.translate.istio.policy_attachment import Attachment, BySelector, attachment
from controlplane.translate.istio.request_authentication import accepts_all_of, key_source

_ADDRESSES: Final = ("http://", "https://")
EVERYWHERE: Final = Namespace("*")
"""Instead of a namespace: the policies of all of them. No namespace has this name."""
Declared = Object[RequestAuthentication]


@index(AUTHORIZATION_POLICY)
def policies_about_tokens(
    policy: Object[AuthorizationPolicy],
) -> Iterator[tuple[Namespace, tuple[Namespace, Attachment]]]:
    """What decides by tokens is attached to, by its namespace and under ``EVERYWHERE``. CUSTOM
    decides before tokens are read.
    """
    decides = policy.spec.action in (Action.ALLOW, Action.DENY) and not is_dry_run(policy)
    if decides and any(map(_asks_for_tokens, policy.spec.rules)):
        found = (policy.namespace, attachment(policy.spec))
        yield policy.namespace, found
        yield EVERYWHERE, found


def _asks_for_tokens(rule: Rule) -> bool:
    sources = (each.source for each in rule.from_ if each.source is not None)
    return any(s.request_principals or s.not_request_principals for s in sources) or any(
        condition.key.startswith("request.auth.") for condition in rule.when
    )


@derived
def request_authentication_diagnostics(graph: Graph, key: RequestAuthenticationKey) -> Diagnostics:
    """Runs again when the policy, a workload that it selects, another policy about tokens of the
    namespace or the root namespace, or a VirtualService with claims changes.
    """
    policy = object_of(graph, key)
    if policy is None:
        return ()
    report = Report()
    root = Namespace(mesh_config(graph).root_namespace)
    found = attachment(policy.spec)
    labels = found.labels if isinstance(found, BySelector) else ()
    if labels and policy.namespace != root and not is_for_gateways(graph, labels):
        at = FieldRef(key) / "spec" / "selector" / "matchLabels"
        check_selected(report, graph, at, labels)
    check_targets(report, graph, key, policy.spec.target_refs, policy.spec.target_ref)
    _check_discovery(report, policy)
    _check_demanded(report, graph, policy, found, root)
    _check_others(report, graph, policy, found, root)
    return tuple(report)


def _check_discovery(report: Report, policy: Declared) -> None:
    """Report issuers that keys can be discovered at only if they were addresses."""
    for i, rule in enumerate(policy.spec.jwt_rules):
        source = key_source(rule)
        if source is None or not source.is_discovery or source.uri.startswith(_ADDRESSES):
            continue
        report.add(
            CANNOT_WORK,
            FieldRef(policy.key) / "spec" / "jwtRules" / i / "issuer",
            f'the issuer "{rule.issuer}" is no address, so its keys cannot be discovered and no '
            "token of it is accepted",
            hint="write jwksUri or jwks",
        )


def _check_demanded(
    report: Report, graph: Graph, policy: Declared, own: Attachment, root: Namespace
) -> None:
    """Report that requests without a token pass, unless what is called may see to it itself."""
    rules = policy.spec.jwt_rules
    if not rules or all(map(_is_passed_on, rules)):
        return
    labels = own.labels if isinstance(own, BySelector) else ()
    if claims_are_routed_by(graph) and (not labels or is_for_gateways(graph, labels)):
        return
    is_everywhere = policy.namespace == root
    namespaces = (EVERYWHERE,) if is_everywhere else dict.fromkeys((policy.namespace, root))
    for each in namespaces:
        for namespace, found in policies_about_tokens(graph, each):
            one = PlacedPolicy(policy.namespace, own)
            if overlap(graph, one, PlacedPolicy(namespace, found)):
                return
    report.add(
        TOKENS_NOT_DEMANDED,
        FieldRef(policy.key) / "spec" / "jwtRules",
        "bad tokens are refused here, but requests without a token pass: no AuthorizationPolicy of "
        "these workloads asks for one",
        hint="add an AuthorizationPolicy of action ALLOW whose rules have "
        'from.source.requestPrincipals: ["*"]',
    )


def _is_passed_on(rule: JwtRule) -> bool:
    """Whether the workload sees something of a token, so that it may refuse who has none."""
    return bool(
        rule.forward_original_token or rule.output_payload_to_header or rule.output_claim_to_headers
    )


def _check_others(
    report: Report, graph: Graph, policy: Declared, own: Attachment, root: Namespace
) -> None:
    """Report each rule that is useless because of another at each of its workloads."""
    tried = sorted(
        _attached_as_widely(graph, policy, own, root), key=lambda pair: pair[1].issuer or ""
    )
    for i, (at, rule) in enumerate(tried):
        if at.object != policy.key:
            continue
        for j, (place, other) in enumerate(tried):
            if i != j and _makes_useless(other, rule, is_tried_first=j < i):
                _report_useless(report, at, rule, place, other)
                break


def _makes_useless(other: JwtRule, rule: JwtRule, *, is_tried_first: bool) -> bool:
    """A token that several rules accept has the effect of the one that is tried first."""
    if not accepts_all_of(other, rule):
        return False
    return is_tried_first or (
        not accepts_all_of(rule, other)
        and (rule.output_payload_to_header, rule.output_claim_to_headers)
        == (other.output_payload_to_header, other.output_claim_to_headers)
        and (rule.forward_original_token, set(rule.space_delimited_claims))
        == (other.forward_original_token, set(other.space_delimited_claims))
    )


def _report_useless(
    report: Report, at: FieldRef, rule: JwtRule, place: FieldRef, other: JwtRule
) -> None:
    where = place.object.display_name if place.object != at.object else "another rule"
    related = (Related(place=place, message="accepts them"),)
    if rule.audiences and set(rule.audiences) != set(other.audiences):
        wider = "more audiences" if other.audiences else "any audience"
        report.add(
            TOKENS_ACCEPTED_ANYWAY,
            at / "audiences",
            f"{where} accepts tokens of this issuer for {wider}, and one rule that accepts a token "
            "is enough, so these audiences restrict nothing",
            hint="restrict the audiences of the other rule as well",
            related=related,
        )
        return
    message = f"{where} accepts the same tokens and is tried first, so this rule does nothing"
    report.add(TOKENS_ACCEPTED_ANYWAY, at, message, hint="keep one of them", related=related)


def _attached_as_widely(
    graph: Graph, policy: Declared, own: Attachment, root: Namespace
) -> Iterator[tuple[FieldRef, JwtRule]]:
    """The rules of policies that are attached to every workload of this one, its own too, in the
    order in which proxies try those of one issuer.
    """
    for namespace in dict.fromkeys((root, policy.namespace)):
        for _, found, key in policies_of_namespace(graph, (REQUEST_AUTHENTICATION, namespace)):
            if found != own and not _is_as_wide(found, own):
                continue
            for i, rule in enumerate(jwt_rules(graph, key)):
                yield FieldRef(key) / "spec" / "jwtRules" / i, rule


def _is_as_wide(found: Attachment, own: Attachment) -> bool:
    labels = own.labels if isinstance(own, BySelector) else ()
    return isinstance(found, BySelector) and selects(found.labels, labels)
