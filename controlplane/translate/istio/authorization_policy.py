"""Rules of an AuthorizationPolicy become the rules that a proxy decides by.

Chains of TCP know nothing of requests, and a few values are such that no proxy takes them. A rule
that allows is then left out whole, any other does without the attribute and so concerns more: never
is a call let through because of it.
Source: Istio ``pilot/pkg/security/authz/model`` (``New``, ``Generate``)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeVar

from controlplane.base.names import Namespace, ObjectKey, PortNumber
from controlplane.kinds.istio.authorization_policy import (
    DRY_RUN,
    Action,
    AuthorizationPolicy,
    Condition,
    Operation,
    Rule as DeclaredRule,
    Source,
)
from controlplane.kinds.object import Object
from controlplane.kinds.validation.authorization_rules import is_path_template
from controlplane.model.authorization import (
    AddressIn,
    AllOf,
    ClaimIs,
    ClientAddressIn,
    ElementIs,
    HeaderIs,
    HeaderText,
    HostIs,
    MetadataIs,
    MethodIs,
    NoneOf,
    OneOf,
    PathIs,
    PathLike,
    PeerAddressIn,
    PeerIs,
    Permission,
    PortIs,
    Principal,
    Rule,
    Rules,
    ServerNameIs,
    Transport,
    Verdict,
)
from controlplane.model.text import Text
from controlplane.translate.istio import policy_text as values
from controlplane.translate.istio.trust_domains import (
    TrustDomains,
    identities_of,
    trust_domains_of,
)

C = TypeVar("C", bound=Principal | Permission)
VERDICTS: Final = {
    Action.ALLOW: Verdict.ALLOW,
    Action.DENY: Verdict.DENY,
    Action.AUDIT: Verdict.AUDIT,
}
"""CUSTOM is decided by others."""
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleScope:
    """What the meaning of a rule depends on besides itself. ``widens``: what cannot be said is left
    out of the rule, instead of the rule.
    """

    policy: ObjectKey
    transport: Transport
    widens: bool
    trust_domains: TrustDomains


def is_dry_run(policy: Object[AuthorizationPolicy]) -> bool:
    return policy.annotations.get(DRY_RUN, "") in _TRUE


def rules(
    policy: Object[AuthorizationPolicy], transport: Transport, trust_domains: TrustDomains
) -> Rules:
    """The rules of a policy as they are for calls of ``transport``, in the user's order; one that
    never matches where it has none.
    """
    scope = RuleScope(
        policy=policy.key,
        transport=transport,
        widens=policy.spec.action is not Action.ALLOW,
        trust_domains=trust_domains,
    )
    if not policy.spec.rules:
        return (Rule(policy=policy.key, index=0, who=(), what=()),)
    found = (rule(scope, index, declared) for index, declared in enumerate(policy.spec.rules))
    return tuple(each for each in found if each is not None)


def rule(scope: RuleScope, index: int, declared: DeclaredRule) -> Rule | None:
    """One rule; ``None`` where it cannot be said and must not be wider."""
    try:
        conditions = [_condition(scope, each) for each in declared.when]
        of_caller = tuple(c for each in conditions for c in each.who)
        of_call = tuple(c for each in conditions for c in each.what)
        sources = [from_.source for from_ in declared.from_] or [Source()]
        operations = [to.operation for to in declared.to] or [Operation()]
        return Rule(
            policy=scope.policy,
            index=index,
            who=tuple(
                AllOf((*_clauses(scope, _sources(scope, source)), *of_caller))
                for source in sources
                if source is not None
            ),
            what=tuple(
                AllOf((*_clauses(scope, _operations(operation)), *of_call))
                for operation in operations
                if operation is not None
            ),
        )
    except _NotSaid:
        return None


class _NotSaid(Exception):
    """A proxy cannot be told an attribute of a rule that must not be wider."""


@dataclass(frozen=True, slots=True)
class _Attribute(Generic[C]):
    """What one field of a rule says: one of ``values`` and none of ``others``, as ``means`` reads
    them; it gives ``None`` where a proxy cannot be told one. ``of_requests``: TCP has no such.
    """

    values: Sequence[str]
    others: Sequence[str]
    means: Callable[[Sequence[str]], tuple[C, ...] | None]
    of_requests: bool = False


@dataclass(frozen=True, slots=True)
class _Clauses:
    """What a condition comes to: it is about the caller or about what is called."""

    who: tuple[OneOf[Principal] | NoneOf[Principal], ...] = ()
    what: tuple[OneOf[Permission] | NoneOf[Permission], ...] = ()


def _clauses(
    scope: RuleScope, attributes: Sequence[_Attribute[C]]
) -> Iterator[OneOf[C] | NoneOf[C]]:
    for attribute in attributes:
        is_known = scope.transport is Transport.HTTP or not attribute.of_requests
        for written, made in ((attribute.values, OneOf), (attribute.others, NoneOf)):
            if not written:
                continue
            found = attribute.means(written) if is_known else None
            if found is not None:
                yield made(found)
            elif not scope.widens:
                raise _NotSaid


def _sources(scope: RuleScope, source: Source) -> tuple[_Attribute[Principal], ...]:
    """In istiod's order."""
    own = scope.policy.namespace
    domains = scope.trust_domains
    return (
        _Attribute(source.principals, source.not_principals, partial(_principals, domains)),
        _Attribute(
            source.request_principals, source.not_request_principals, _tokens, of_requests=True
        ),
        _Attribute(source.service_accounts, source.not_service_accounts, partial(_accounts, own)),
        _Attribute(source.trust_domains, source.not_trust_domains, partial(_domains, domains)),
        _Attribute(source.namespaces, source.not_namespaces, _namespaces),
        _Attribute(source.remote_ip_blocks, source.not_remote_ip_blocks, _client_addresses),
        _Attribute(source.ip_blocks, source.not_ip_blocks, _peer_addresses),
    )


def _operations(operation: Operation) -> tuple[_Attribute[Permission], ...]:
    """In istiod's order."""
    return (
        _Attribute(operation.hosts, operation.not_hosts, _hosts, of_requests=True),
        _Attribute(operation.methods, operation.not_methods, _methods, of_requests=True),
        _Attribute(operation.paths, operation.not_paths, _paths, of_requests=True),
        _Attribute(operation.ports, operation.not_ports, _ports),
    )


def _condition(scope: RuleScope, condition: Condition) -> _Clauses:
    key, written = condition.key, (condition.values, condition.not_values)
    principal = _principal_of(scope, key)
    if principal is not None:
        means, of_requests = principal
        caller = _Attribute(*written, means, of_requests)
        return _Clauses(who=tuple(_clauses(scope, (caller,))))
    call = _Attribute(*written, _permission_of(key))
    return _Clauses(what=tuple(_clauses(scope, (call,))))


_OfCaller = Callable[[Sequence[str]], tuple[Principal, ...] | None]


def _principal_of(scope: RuleScope, key: str) -> tuple[_OfCaller, bool] | None:
    """What the values of a condition on the caller say, and whether it is about requests; ``None``
    where it is about what is called.
    """
    match key:
        case "source.ip":
            return _peer_addresses, False
        case "remote.ip":
            return _client_addresses, False
        case "source.namespace":
            return _namespaces, False
        case "source.trustDomain":
            return partial(_domains, scope.trust_domains), False
        case "source.serviceAccount":
            return partial(_accounts, scope.policy.namespace), False
        case "source.principal":
            return partial(_principals, scope.trust_domains), False
        case "request.auth.principal":
            return _tokens, True
        case "request.auth.audiences":
            return partial(_claim, ("aud",)), True
        case "request.auth.presenter":
            return partial(_claim, ("azp",)), True
    if key.startswith("request.headers"):
        return partial(_header, values.bracketed(key, "request.headers")), True
    if key.startswith("request.auth.claims"):
        return partial(_claim, values.claim_path(key, "request.auth.claims")), True
    return None


def _permission_of(key: str) -> Callable[[Sequence[str]], tuple[Permission, ...] | None]:
    match key:
        case "destination.ip":
            return _addresses
        case "destination.port":
            return _ports
        case "connection.sni":
            return _server_names
    return partial(_metadata, key.removeprefix("experimental."))


def _principals(domains: TrustDomains, written: Sequence[str]) -> tuple[Principal, ...] | None:
    return _peers(values.identity, identities_of(domains, written))


def _domains(domains: TrustDomains, written: Sequence[str]) -> tuple[Principal, ...] | None:
    return _peers(values.of_trust_domain, trust_domains_of(domains, written))


def _namespaces(written: Sequence[str]) -> tuple[Principal, ...] | None:
    return _peers(values.of_namespace, written)


def _accounts(own: Namespace, written: Sequence[str]) -> tuple[Principal, ...] | None:
    return _peers(partial(values.of_account, own=own), written)


def _peers(of: Callable[[str], Text], written: Sequence[str]) -> tuple[Principal, ...] | None:
    found = values.texts(of, written)
    return None if found is None else tuple(map(PeerIs, found))


def _tokens(written: Sequence[str]) -> tuple[Principal, ...]:
    return tuple(map(values.token, written))


def _peer_addresses(written: Sequence[str]) -> tuple[Principal, ...]:
    return tuple(PeerAddressIn(values.network(block)) for block in written)


def _client_addresses(written: Sequence[str]) -> tuple[Principal, ...]:
    return tuple(ClientAddressIn(values.network(block)) for block in written)


def _header(name: str | None, written: Sequence[str]) -> tuple[Principal, ...] | None:
    if not name or any(each in name for each in "\0\r\n"):
        return None  # Envoy refuses such a name
    return tuple(HeaderIs(name, values.header_text(value)) for value in written)


def _claim(path: tuple[str, ...] | None, written: Sequence[str]) -> tuple[Principal, ...] | None:
    if path is None or not all(path):
        return None  # Envoy refuses an empty name
    return (ClaimIs(path, tuple(map(values.text, written))),)


def _hosts(written: Sequence[str]) -> tuple[Permission, ...]:
    return tuple(HostIs(_header_text(value)) for value in written)


def _methods(written: Sequence[str]) -> tuple[Permission, ...]:
    return tuple(MethodIs(_header_text(value)) for value in written)


def _header_text(value: str) -> HeaderText:
    return values.header_text(value)


def _paths(written: Sequence[str]) -> tuple[Permission, ...] | None:
    """A template without a slash in front means no path at all. Envoy 1.40 ends with a crash when
    it is given such a one, or one with an empty segment.
    """
    found: list[Permission] = []
    for path in written:
        if not is_path_template(path):
            found.append(PathIs(values.text(path)))
        elif "//" in path:
            return None
        elif path.startswith("/"):
            found.append(PathLike(path.replace("{*}", "*").replace("{**}", "**")))
    return tuple(found)


def _ports(written: Sequence[str]) -> tuple[Permission, ...]:
    return tuple(PortIs(PortNumber(int(port))) for port in written)


def _addresses(written: Sequence[str]) -> tuple[Permission, ...]:
    return tuple(AddressIn(values.network(block)) for block in written)


def _server_names(written: Sequence[str]) -> tuple[Permission, ...]:
    return tuple(ServerNameIs(values.text(name)) for name in written)


def _metadata(key: str, written: Sequence[str]) -> tuple[Permission, ...] | None:
    """``envoy.filters.http.a[b]``: what that filter notes under ``b``; ``[v]`` is an element of a
    list.
    """
    filter_, bracket, name = key.removesuffix("]").partition("[")
    if not bracket or not name:
        return None
    return (MetadataIs(filter_, name, tuple(map(_noted, written))),)


def _noted(value: str) -> Text | ElementIs:
    if value.startswith("[") and value.endswith("]"):
        return ElementIs(values.text(value.strip("[]")))
    return values.text(value)
