"""What becomes of a call by the rules that a proxy has: what its Envoy answers, and why.

The rules are the values that are encoded, and each condition is read as Envoy does.
Source: envoy/config/rbac/v3/rbac.proto, envoy/type/matcher/v3/metadata.proto,
Envoy ``source/extensions/path/uri_template_lib/uri_template_internal.cc``.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeVar, assert_never

import re2  # type: ignore[import-untyped]  # google-re2 comes without types

from controlplane.model.authorization import (
    AddressIn,
    AllOf,
    Authorization,
    ClaimIs,
    ClientAddressIn,
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
    Present,
    Principal,
    Rule,
    Rules,
    ServerNameIs,
    TokenIs,
    Verdict,
)
from controlplane.model.external_authorization import CustomRules
from controlplane.model.text import Text, in_lower_case, is_meant

Condition = Principal | Permission
Clause = OneOf[Principal] | NoneOf[Principal] | OneOf[Permission] | NoneOf[Permission]
C = TypeVar("C", bound=Principal | Permission)
_SEGMENT: Final = r"[a-zA-Z0-9\-._~%!$&'()+,;:@=]"
_ANY_SEGMENTS: Final = r"[a-zA-Z0-9\-._~%!$&'()+,;:@=/]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a proxy knows of a call; what is unset it does not know, or there is no such.

    ``names`` are of the caller's verified certificate. ``path`` is normalized. ``headers`` are
    without pseudo headers; a name may be there several times. ``claims`` are of a verified token,
    those that are parted at spaces as lists.
    """

    names: tuple[str, ...] = ()
    peer_address: str | None = None
    client_address: str | None = None
    method: str | None = None
    host: str | None = None
    path: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    claims: Mapping[str, object] | None = None
    port: int | None = None
    address: str | None = None
    server_name: str | None = None


class Reason(Enum):
    """Why a call is admitted or refused."""

    UNASKABLE = auto()
    """A CUSTOM rule matches, and nobody can be asked."""
    DENIED = auto()
    ALLOWED = auto()
    NOT_ALLOWED = auto()
    """There are ALLOW policies, and no rule of them matches."""
    UNRESTRICTED = auto()
    """There are no ALLOW policies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A rule that does not match, and the clauses of it that are not true. Without clauses the rule
    never matches at all.
    """

    rule: Rule
    failed: tuple[Clause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """``rule`` is the one that decides. ``asked``: with a provider's name the rule because of which
    it is asked first; it may refuse what is admitted here. ``nearest`` is the ALLOW rule of which
    the fewest clauses failed.
    """

    reason: Reason
    rule: Rule | None = None
    asked: tuple[tuple[str, Rule], ...] = ()
    audited: Rules = ()
    nearest: Miss | None = None

    @property
    def is_admitted(self) -> bool:
        return self.reason in (Reason.ALLOWED, Reason.UNRESTRICTED)


def decision(filters: Sequence[object], call: Call) -> Decision:
    """What the filters of a chain, in any order, make of a call. Those that decide nothing about
    who may call what are skipped.
    """
    custom = [each for each in filters if isinstance(each, CustomRules)]
    of = {each.verdict: each for each in filters if isinstance(each, Authorization)}
    asked: list[tuple[str, Rule]] = []
    for rules in custom:
        found = matching(rules.rules, call)
        if found is not None and rules.refused is not None:
            return Decision(reason=Reason.UNASKABLE, rule=found)
        if found is not None:
            asked.append((rules.provider, found))
    audited = tuple(r for r in _enforced(of.get(Verdict.AUDIT)) or () if matches(r, call))
    denied = matching(_enforced(of.get(Verdict.DENY)) or (), call)
    if denied is not None:
        return Decision(reason=Reason.DENIED, rule=denied, asked=tuple(asked), audited=audited)
    allow = _enforced(of.get(Verdict.ALLOW))
    if allow is None:
        return Decision(reason=Reason.UNRESTRICTED, asked=tuple(asked), audited=audited)
    rule = matching(allow, call)
    return Decision(
        reason=Reason.NOT_ALLOWED if rule is None else Reason.ALLOWED,
        rule=rule,
        asked=tuple(asked),
        audited=audited,
        nearest=nearest(allow, call) if rule is None else None,
    )


def _enforced(found: Authorization | None) -> Rules | None:
    return found.enforced if found is not None else None


def matching(rules: Rules, call: Call) -> Rule | None:
    """The first rule that matches."""
    return next((rule for rule in rules if matches(rule, call)), None)


def matches(rule: Rule, call: Call) -> bool:
    return any(_is_met(each, call) for each in rule.who) and any(
        _is_met(each, call) for each in rule.what
    )


def nearest(rules: Rules, call: Call) -> Miss | None:
    """The first rule with the fewest clauses that fail; rules that never match come last."""
    misses = [Miss(rule=rule, failed=_failed(rule, call)) for rule in rules]
    return min(misses, key=lambda miss: (not miss.failed, len(miss.failed)), default=None)


def _failed(rule: Rule, call: Call) -> tuple[Clause, ...]:
    """Of a rule that does not match: of the caller and of the call the alternative that lacks the
    least.
    """
    if not rule.who or not rule.what:
        return ()
    who = min((_untrue(each, call) for each in rule.who), key=len)
    what = min((_untrue(each, call) for each in rule.what), key=len)
    return (*who, *what)


def _untrue(wanted: AllOf[C], call: Call) -> tuple[OneOf[C] | NoneOf[C], ...]:
    return tuple(clause for clause in wanted.clauses if not _is_true(clause, call))


def _is_met(wanted: AllOf[C], call: Call) -> bool:
    return all(_is_true(clause, call) for clause in wanted.clauses)


def _is_true(clause: OneOf[C] | NoneOf[C], call: Call) -> bool:
    return any(holds(each, call) for each in clause.conditions) is isinstance(clause, OneOf)


def conditions(filters: Iterable[object]) -> Iterator[Condition]:
    """Every condition that is asked about calls, as often as it is."""
    for each in filters:
        rules = each.rules if isinstance(each, CustomRules) else ()
        rules = (each.enforced or ()) if isinstance(each, Authorization) else rules
        for rule in rules:
            for who in rule.who:
                for of_caller in who.clauses:
                    yield from of_caller.conditions
            for what in rule.what:
                for of_call in what.clauses:
                    yield from of_call.conditions


def holds(condition: Condition, call: Call) -> bool:
    """Whether a condition is true of a call; of what is not known none is."""
    match condition:
        case PeerIs(name=name):
            return any(is_meant(name, each) for each in call.names)
        case PeerAddressIn(network=network):
            return _is_in(call.peer_address, network)
        case ClientAddressIn(network=network):
            return _is_in(call.client_address, network)
        case HeaderIs(name=name, value=value):
            return any(_is_header(value, each) for each in _headers(call, name))
        case TokenIs(issuer=issuer, subject=subject):
            return _is_claim(call, ("iss",), (issuer,)) and _is_claim(call, ("sub",), (subject,))
        case ClaimIs(path=path, values=values):
            return _is_claim(call, path, values, in_lists=True)
        case HostIs(value=value):
            wanted = value if isinstance(value, Present) else in_lower_case(value)
            return call.host is not None and _is_header(wanted, call.host.lower())
        case MethodIs(value=value):
            return call.method is not None and _is_header(value, call.method)
        case PathIs(value=value):
            return call.path is not None and is_meant(value, _plain(call.path))
        case PathLike(template=template):
            return call.path is not None and is_like(template, _plain(call.path))
        case PortIs(port=port):
            return call.port == port
        case AddressIn(network=network):
            return _is_in(call.address, network)
        case ServerNameIs(name=name):
            return is_meant(name, call.server_name or "")
        case MetadataIs():
            return False  # what filters of the user note is not known here
    assert_never(condition)


def is_like(template: str, path: str) -> bool:
    """Whether Envoy's template with ``*`` and ``**`` fits the whole path."""
    segments = (
        {"*": f"{_SEGMENT}+", "**": f"{_ANY_SEGMENTS}*"}.get(segment, re2.escape(segment))
        for segment in template.split("/")
    )
    return re2.fullmatch("/".join(segments), path) is not None


def _plain(path: str) -> str:
    return path.partition("?")[0].partition("#")[0]


def _headers(call: Call, name: str) -> Iterator[str]:
    wanted = name.lower()
    pseudo = {
        ":method": call.method,
        ":authority": call.host,
        "host": call.host,
        ":path": call.path,
    }
    if wanted in pseudo:
        found = pseudo[wanted]
        yield from () if found is None else (found,)
        return
    yield from (value for each, value in call.headers if each.lower() == wanted)


def _is_header(wanted: HeaderText, value: str) -> bool:
    return isinstance(wanted, Present) or is_meant(wanted, value)


def _is_in(address: str | None, network: str) -> bool:
    return address is not None and (
        ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    )


def _is_claim(
    call: Call, path: tuple[str, ...], wanted: tuple[Text, ...], *, in_lists: bool = False
) -> bool:
    found: object = call.claims
    for key in path:
        if not isinstance(found, Mapping):
            return False
        found = found.get(key)
    values = found if in_lists and isinstance(found, list) else [found]
    return any(isinstance(v, str) and is_meant(text, v) for v in values for text in wanted)
