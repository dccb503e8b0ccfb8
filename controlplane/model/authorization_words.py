"""What rules about who may call what ask for, and what a call has, in words."""

from collections.abc import Iterator, Mapping
from typing import Final, assert_never

import re2  # type: ignore[import-untyped]  # google-re2 comes without types

from controlplane.model.authorization import (
    AddressIn,
    ClaimIs,
    ClientAddressIn,
    ElementIs,
    HeaderIs,
    HostIs,
    MetadataIs,
    MethodIs,
    NoneOf,
    PathIs,
    PathLike,
    PeerAddressIn,
    PeerIs,
    PortIs,
    Present,
    ServerNameIs,
    TokenIs,
)
from controlplane.model.authorization_verdict import Call, Clause, Condition
from controlplane.model.text import Exact, Filled, Pattern, Prefix, Suffix, Text

_SHOWN: Final = 4  # values of a clause; the others are counted
_NAMESPACE: Final = r"\.\*/ns/(.*)/\.\*"
_ACCOUNT: Final = r"spiffe://\.\+/ns/(.*)/\(\.\+/\|\)sa/(.*)\(/\.\+\)\?"


def failed(clause: Clause, call: Call) -> str:
    """``method is POST, wanted is GET or PUT``."""
    wanted = _alternatives([asked(each) for each in clause.conditions])
    if not clause.conditions:
        return "nothing fits it"
    first = clause.conditions[0]
    no = "none of " if isinstance(clause, NoneOf) else ""
    return f"{subject(first)} is {said(first, call)}, wanted is {no}{wanted}"


def _alternatives(values: list[str]) -> str:
    shown = list(dict.fromkeys(values))
    if len(shown) > _SHOWN:
        return f"{', '.join(shown[:_SHOWN])} or {len(shown) - _SHOWN} more"
    return " or ".join((", ".join(shown[:-1]), shown[-1])) if len(shown) > 1 else shown[0]


def subject(condition: Condition) -> str:
    """What a condition is about."""
    match condition:
        case PeerIs():
            return "the caller's identity"
        case PeerAddressIn():
            return "the address of the connection"
        case ClientAddressIn():
            return "the client's address"
        case HeaderIs(name=name):
            return f"header {name}"
        case TokenIs():
            return "the token's principal"
        case ClaimIs(path=path):
            return f"claim {'.'.join(path)}"
        case HostIs():
            return "host"
        case MethodIs():
            return "method"
        case PathIs() | PathLike():
            return "path"
        case PortIs():
            return "port"
        case AddressIn():
            return "the address that is called"
        case ServerNameIs():
            return "SNI"
        case MetadataIs(filter=filter_, key=key):
            return f"metadata {filter_}[{key}]"
    assert_never(condition)


def asked(condition: Condition) -> str:
    """The values that a condition is for, as users write them where that can be."""
    match condition:
        case PeerIs(name=name):
            return _identity(name)
        case HeaderIs(value=value) | HostIs(value=value) | MethodIs(value=value):
            return "any" if isinstance(value, Present) else text(value)
        case TokenIs(issuer=issuer, subject=of):
            return f"{text(issuer)}/{text(of)}"
        case ClaimIs(values=values):
            return _alternatives([text(each) for each in values])
        case PathIs(value=value):
            return text(value)
        case PathLike(template=template):
            return template.replace("**", "{ }").replace("*", "{*}").replace("{ }", "{**}")
        case PortIs(port=port):
            return str(port)
        case PeerAddressIn(network=n) | ClientAddressIn(network=n) | AddressIn(network=n):
            return n.removesuffix("/32").removesuffix("/128")
        case ServerNameIs(name=name):
            return text(name)
        case MetadataIs(values=noted):
            return _alternatives(
                [f"[{text(v.value)}]" if isinstance(v, ElementIs) else text(v) for v in noted]
            )
    assert_never(condition)


def text(found: Text) -> str:
    match found:
        case Exact(text=exact):
            return exact or '""'
        case Prefix(text=prefix):
            return f"{prefix}*"
        case Suffix(text=suffix):
            return f"*{suffix}"
        case Filled():
            return "*"
        case Pattern(pattern=pattern):
            return f"~{pattern}"
    assert_never(found)


def _identity(name: Text) -> str:
    if isinstance(name, Pattern):
        in_namespace = re2.fullmatch(_NAMESPACE, name.pattern)
        if in_namespace is not None:
            return f"one of namespace {_unquoted(in_namespace.group(1))}"
        account = re2.fullmatch(_ACCOUNT, name.pattern)
        if account is not None:
            return f"service account {_unquoted(account.group(1))}/{_unquoted(account.group(2))}"
    return text(name)


def _unquoted(pattern: str) -> str:
    return pattern.replace(".*", "*").replace("\\", "")


def said(condition: Condition, call: Call) -> str:
    """What the call has of what a condition is about."""
    found = list(_has(condition, call))
    return ", ".join(found) if found else "unknown or missing"


def is_unknown(condition: Condition, call: Call) -> bool:
    """Whether nothing is known of what a condition is about."""
    return not list(_has(condition, call))


def _has(condition: Condition, call: Call) -> Iterator[str]:
    known: str | None = None
    match condition:
        case PeerIs():
            yield from call.names
        case PeerAddressIn():
            known = call.peer_address
        case ClientAddressIn():
            known = call.client_address
        case HeaderIs(name=name):
            yield from (value for each, value in call.headers if each.lower() == name.lower())
        case TokenIs():
            claims = call.claims or {}
            if claims:
                yield f"{claims.get('iss', '')}/{claims.get('sub', '')}"
        case ClaimIs(path=path):
            yield from _claim(call.claims, path)
        case HostIs():
            known = call.host
        case MethodIs():
            known = call.method
        case PathIs() | PathLike():
            known = call.path
        case PortIs():
            known = str(call.port) if call.port is not None else None
        case AddressIn():
            known = call.address
        case ServerNameIs():
            known = call.server_name
        case MetadataIs():
            pass
        case _:
            assert_never(condition)
    if known is not None:
        yield known


def _claim(claims: object, path: tuple[str, ...]) -> Iterator[str]:
    for key in path:
        claims = claims.get(key) if isinstance(claims, Mapping) else None
    if claims is not None:
        yield str(claims)
