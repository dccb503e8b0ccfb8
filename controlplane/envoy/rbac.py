"""Rules about who may call what: Envoy's RBAC, which the filters for requests and for connections
share.

A policy of RBAC holds where one of its principals and one of its permissions does.
Source: envoy/config/rbac/v3/rbac.proto, envoy/type/matcher/v3/metadata.proto.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, assert_never

from envoy.config.core.v3.address_pb2 import CidrRange
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.rbac.v3.rbac_pb2 import (
    RBAC,
    Permission as PermissionMessage,
    Policy,
    Principal as PrincipalMessage,
)
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from envoy.extensions.path.match.uri_template.v3.uri_template_match_pb2 import (
    UriTemplateMatchConfig,
)
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.path_pb2 import PathMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from envoy.type.matcher.v3.value_pb2 import ListMatcher, OrMatcher, ValueMatcher
from google.protobuf.wrappers_pb2 import UInt32Value

from controlplane.envoy.packing import packed
from controlplane.envoy.routes.match import CLAIMS, JWT_AUTHN
from controlplane.envoy.text_matcher import regex
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
    Present,
    Principal,
    Rule,
    Rules,
    ServerNameIs,
    TokenIs,
    Verdict,
)
from controlplane.model.text import Exact, Filled, Pattern, Prefix, Suffix, Text

ACTIONS: Final[Mapping[Verdict, "RBAC.Action"]] = {
    Verdict.AUDIT: RBAC.Action.LOG,
    Verdict.DENY: RBAC.Action.DENY,
    Verdict.ALLOW: RBAC.Action.ALLOW,
}
_ANY_CALLER: Final = PrincipalMessage(any=True)
_ANY_CALL: Final = PermissionMessage(any=True)


def role_based_access(
    rules: Rules, verdict: Verdict, name: Callable[[Rule], str] = lambda rule: rule.name
) -> RBAC:
    """The rules of one verdict, each under its ``name``."""
    return RBAC(action=ACTIONS[verdict], policies={name(rule): _policy(rule) for rule in rules})


def _policy(rule: Rule) -> Policy:
    return Policy(
        permissions=list(map(_all_permissions, rule.what)) or [_no_permission()],
        principals=list(map(_all_principals, rule.who)) or [_no_principal()],
    )


def _no_principal() -> PrincipalMessage:
    return PrincipalMessage(not_id=_ANY_CALLER)


def _no_permission() -> PermissionMessage:
    return PermissionMessage(not_rule=_ANY_CALL)


def _all_principals(wanted: AllOf[Principal]) -> PrincipalMessage:
    each = list(map(_principals, wanted.clauses)) or [_ANY_CALLER]
    return PrincipalMessage(and_ids=PrincipalMessage.Set(ids=each))


def _all_permissions(wanted: AllOf[Permission]) -> PermissionMessage:
    each = list(map(_permissions, wanted.clauses)) or [_ANY_CALL]
    return PermissionMessage(and_rules=PermissionMessage.Set(rules=each))


def _principals(clause: OneOf[Principal] | NoneOf[Principal]) -> PrincipalMessage:
    each = list(map(_principal, clause.conditions))
    one = PrincipalMessage(or_ids=PrincipalMessage.Set(ids=each)) if each else _no_principal()
    match clause:
        case OneOf():
            return one
        case NoneOf():
            return PrincipalMessage(not_id=one)
    assert_never(clause)


def _permissions(clause: OneOf[Permission] | NoneOf[Permission]) -> PermissionMessage:
    each = list(map(_permission, clause.conditions))
    one = (
        PermissionMessage(or_rules=PermissionMessage.Set(rules=each)) if each else _no_permission()
    )
    match clause:
        case OneOf():
            return one
        case NoneOf():
            return PermissionMessage(not_rule=one)
    assert_never(clause)


def _principal(condition: Principal) -> PrincipalMessage:
    match condition:
        case PeerIs(name=name):
            authenticated = PrincipalMessage.Authenticated(principal_name=_text(name))
            return PrincipalMessage(authenticated=authenticated)
        case PeerAddressIn(network=network):
            return PrincipalMessage(direct_remote_ip=_network(network))
        case ClientAddressIn(network=network):
            return PrincipalMessage(remote_ip=_network(network))
        case HeaderIs(name=header, value=value):
            return PrincipalMessage(header=_header(header, value))
        case TokenIs(issuer=issuer, subject=subject):
            claims = (("iss", issuer), ("sub", subject))
            each = [PrincipalMessage(metadata=_claim((k,), _value(v))) for k, v in claims]
            return PrincipalMessage(and_ids=PrincipalMessage.Set(ids=each))
        case ClaimIs(path=path, values=values):
            one = _any_value(map(_value, values))
            in_list = ValueMatcher(list_match=ListMatcher(one_of=one))
            return PrincipalMessage(metadata=_claim(path, _any_value((in_list, one))))
    assert_never(condition)


def _permission(condition: Permission) -> PermissionMessage:
    match condition:
        case HostIs(value=value):
            return PermissionMessage(header=_header(":authority", value, ignores_case=True))
        case MethodIs(value=value):
            return PermissionMessage(header=_header(":method", value))
        case PathIs(value=path):
            return PermissionMessage(url_path=PathMatcher(path=_text(path)))
        case PathLike(template=template):
            like = UriTemplateMatchConfig(path_template=template)
            extension = TypedExtensionConfig(name="uri-template", typed_config=packed(like))
            return PermissionMessage(uri_template=extension)
        case PortIs(port=port):
            return PermissionMessage(destination_port=port)
        case AddressIn(network=network):
            return PermissionMessage(destination_ip=_network(network))
        case ServerNameIs(name=name):
            return PermissionMessage(requested_server_name=_text(name))
        case MetadataIs(filter=filter_, key=key, values=values):
            matcher = _metadata(filter_, (key,), _any_value(map(_noted, values)))
            return PermissionMessage(metadata=matcher)
    assert_never(condition)


def _header(name: str, value: HeaderText, *, ignores_case: bool = False) -> HeaderMatcher:
    if isinstance(value, Present):
        return HeaderMatcher(name=name, present_match=True)
    return HeaderMatcher(name=name, string_match=_text(value, ignores_case=ignores_case))


def _claim(path: tuple[str, ...], value: ValueMatcher) -> MetadataMatcher:
    return _metadata(JWT_AUTHN, (CLAIMS, *path), value)


def _metadata(filter_: str, path: Sequence[str], value: ValueMatcher) -> MetadataMatcher:
    keys = [MetadataMatcher.PathSegment(key=key) for key in path]
    return MetadataMatcher(filter=filter_, path=keys, value=value)


def _noted(value: Text | ElementIs) -> ValueMatcher:
    if isinstance(value, ElementIs):
        return ValueMatcher(list_match=ListMatcher(one_of=_value(value.value)))
    return _value(value)


def _value(value: Text) -> ValueMatcher:
    return ValueMatcher(string_match=_text(value))


def _any_value(values: Iterable[ValueMatcher]) -> ValueMatcher:
    """``or_match`` needs two of them at least."""
    each = list(values)
    return each[0] if len(each) == 1 else ValueMatcher(or_match=OrMatcher(value_matchers=each))


def _text(text: Text, *, ignores_case: bool = False) -> StringMatcher:
    match text:
        case Exact(text=exact):
            return StringMatcher(exact=exact, ignore_case=ignores_case)
        case Prefix(text=prefix):
            return StringMatcher(prefix=prefix, ignore_case=ignores_case)
        case Suffix(text=suffix):
            return StringMatcher(suffix=suffix, ignore_case=ignores_case)
        case Filled():
            return StringMatcher(safe_regex=regex(".+"))
        case Pattern(pattern=pattern):
            return StringMatcher(safe_regex=regex(pattern))
    assert_never(text)


def _network(network: str) -> CidrRange:
    address, _, bits = network.partition("/")
    return CidrRange(address_prefix=address, prefix_len=UInt32Value(value=int(bits)))
