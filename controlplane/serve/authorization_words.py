"""AuthorizationPolicies and what they come to, in a line of text each."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, assert_never

from controlplane.kinds.istio.authorization_policy import Action, Operation, Rule, Source
from controlplane.kinds.istio.request_authentication import JwtRule
from controlplane.model.authorization import (
    AddressIn,
    ClaimIs,
    ClientAddressIn,
    HeaderIs,
    HostIs,
    MetadataIs,
    MethodIs,
    PathIs,
    PathLike,
    PeerAddressIn,
    PeerIs,
    PortIs,
    ServerNameIs,
    TokenIs,
)
from controlplane.model.authorization_verdict import Condition, Reason
from controlplane.model.external_authorization import BECAUSE, TooMany, Unusable
from controlplane.model.tokens import JwtAuthentication, JwtProvider

_SHOWN: Final = 6  # values of a field; the others are counted
REASONS: Final = {
    Reason.UNASKABLE: "nobody can be asked about what a CUSTOM rule matches",
    Reason.DENIED: "a DENY rule matches",
    Reason.ALLOWED: "an ALLOW rule matches",
    Reason.NOT_ALLOWED: "no ALLOW rule matches",
    Reason.UNRESTRICTED: "no DENY rule matches, and there is no ALLOW policy",
}
NO_IDENTITY: Final = "the workload takes mutual TLS alone (STRICT), and the caller has no identity"
ONLY_CONNECTION: Final = (
    "the connection is not read as HTTP: ALLOW rules that ask for what only requests have "
    "allow nothing, other rules ignore it"
)
TOKEN_TAKEN: Final = (
    "claims count as those of a good token, which is not verified: a proxy refuses a bad one with "
    "401 before it asks rules"
)
TOKEN_UNREAD: Final = "no RequestAuthentication reads tokens here, so claims are not known"
TOKEN_REFUSED: Final = (
    "401, no RequestAuthentication of this workload takes tokens of this issuer and audience"
)
ON_TCP_NARROWER: Final = "on TCP ports it allows nothing, for it asks for what only requests have"
ON_TCP_WIDER: Final = "on TCP ports what only requests have is ignored, so it matches more"


def rule_text(rule: Rule) -> str:
    """``from namespaces a or b; to methods GET, paths /x; when request.headers[x] v``."""
    sources = [_fields(from_.source) for from_ in rule.from_ if from_.source is not None]
    operations = [_fields(to.operation) for to in rule.to if to.operation is not None]
    parts = [
        *_part("from", sources),
        *_part("to", operations),
        *_part(
            "when",
            [
                " ".join((each.key, *_values("", each.values), *_values("not ", each.not_values)))
                for each in rule.when
            ],
            " and ",
        ),
    ]
    return "; ".join(parts) or "every call"


def _part(word: str, each: Sequence[str], joined: str = " | ") -> Iterator[str]:
    if each:
        yield f"{word} {joined.join(each)}"


def _fields(of: Source | Operation) -> str:
    found = []
    for name in of.__struct_fields__:
        values = getattr(of, name)
        if values:
            first, *rest = name.split("_")
            label = "".join((first, *(word.capitalize() for word in rest)))
            found += [f"{label} {value}" for value in _values("", values)]
    return ", ".join(found) or "anything"


def _values(prefix: str, values: Sequence[str]) -> Iterator[str]:
    if values:
        more = f" or {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
        yield f"{prefix}{' or '.join(values[:_SHOWN])}{more}"


def no_rules(action: Action) -> str:
    return "no rules: allows nothing" if action is Action.ALLOW else "no rules: matches nothing"


def token_text(rule: JwtRule) -> str:
    """What tokens are good: ``issuer I, audiences A``."""
    of = f", audiences {' or '.join(rule.audiences)}" if rule.audiences else ""
    return f"tokens of issuer {rule.issuer or 'any'}{of}; another token is refused with 401"


class Untaken:
    """No provider takes the token."""


def known_claims(
    tokens: JwtAuthentication | None, claims: Mapping[str, object] | None
) -> Mapping[str, object] | Untaken | None:
    """The claims of a token as rules see them: its signature is not read, texts that its provider
    parts at spaces are lists. A token of which the issuer is not said is any provider's.
    """
    if tokens is None or claims is None:
        return None
    found = next((each for each in tokens.providers if _takes(each, claims)), None)
    if found is None:
        return Untaken()
    return {
        name: value.split() if name in found.space_delimited and isinstance(value, str) else value
        for name, value in claims.items()
    }


def _takes(provider: JwtProvider, claims: Mapping[str, object]) -> bool:
    if "iss" not in claims:
        return True
    said = claims.get("aud", ())
    audiences = said if isinstance(said, list) else [said]
    return provider.issuer in ("", claims["iss"]) and (
        not provider.audiences or any(each in provider.audiences for each in audiences)
    )


def refusal(refused: Unusable | TooMany) -> str:
    match refused:
        case Unusable(why=why):
            return f"what it matches is refused, because its provider {BECAUSE[why]}"
        case TooMany(names=names):
            several = ", ".join(names)
            return f"what it matches is refused: a workload can have one provider, not {several}"
    assert_never(refused)


def missing(condition: Condition) -> str:
    """What to say of a call so that the condition is decided."""
    match condition:
        case PeerIs():
            return "--as"
        case PeerAddressIn() | ClientAddressIn():
            return "--ip"
        case HeaderIs(name=name):
            return f"--header {name}=VALUE"
        case TokenIs() | ClaimIs():
            return "--token or --claim"
        case HostIs():
            return "--host"
        case MethodIs():
            return "--method"
        case PathIs() | PathLike():
            return "--path"
        case PortIs():
            return "--port"
        case AddressIn():
            return "the workload's address"
        case ServerNameIs():
            return "--sni"
        case MetadataIs():
            return "metadata of Envoy filters"
    assert_never(condition)
