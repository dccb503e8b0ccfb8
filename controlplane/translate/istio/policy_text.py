"""How the values of a policy are compared: asterisks, identities, paths, addresses.

Source: Istio ``pilot/pkg/security/authz/matcher`` and ``authz/model/generator.go``
"""

import ipaddress
from collections.abc import Callable, Iterable
from typing import Final

import re2  # type: ignore[import-untyped]  # google-re2 comes without types

from controlplane.base.names import Namespace
from controlplane.model.authorization import PRESENT, HeaderText, TokenIs
from controlplane.model.text import FILLED, Exact, Pattern, Prefix, Suffix, Text

SPIFFE: Final = "spiffe://"
_SPECIAL: Final = frozenset(r"\.+*?()|[]{}^$")
_SURELY_SMALL: Final = 1024
"""Characters of an expression of this module that RE2 needs less than 10 instructions each for."""
_PROGRAM_LIMIT: Final = 32_768  # re2.max_program_size.error_level in the bootstrap of our proxies


def text(value: str) -> Text:
    """An asterisk stands for any text at the end or the start, alone for any that is not empty."""
    if value == "*":
        return FILLED
    if value.startswith("*"):
        return Suffix(value[1:])
    return Prefix(value[:-1]) if value.endswith("*") else Exact(value)


def header_text(value: str) -> HeaderText:
    """As ``text``, but an asterisk alone stands for the empty text too."""
    found = text(value)
    return PRESENT if found is FILLED else found


def identity(principal: str) -> Text:
    """A principal, which is an identity without its scheme."""
    found = text(principal)
    match found:
        case Exact(text=exact):
            return Exact(SPIFFE + exact)
        case Prefix(text=prefix):
            return Prefix(SPIFFE + prefix)
        case Suffix(text=suffix):
            return Pattern(f"{SPIFFE}.*{quoted(suffix)}")
    return found


def of_namespace(namespace: str) -> Text:
    """The identities of a namespace; every asterisk stands for any text."""
    return Pattern(f".*/ns/{_wild(namespace, '.*')}/.*")


def of_account(account: str, own: Namespace) -> Text:
    """The identities of a service account, of ``own`` where it names no namespace; Envoys of others
    may have more between and behind.
    """
    namespace, slash, name = account.rpartition("/")
    within = quoted(namespace if slash else own)
    return Pattern(f"{SPIFFE}.+/ns/{within}/(.+/|)sa/{quoted(name)}(/.+)?")


def of_trust_domain(domain: str) -> Text:
    if domain == "*":
        return Prefix(SPIFFE)
    if "*" not in domain:
        return Prefix(f"{SPIFFE}{domain}/")
    return Pattern(f"{SPIFFE}{_wild(domain, '[^/]*')}/.*")


def token(principal: str) -> TokenIs:
    """Issuer and subject of a request principal, parted at its last slash: an issuer has more.

    Only one of the two may have an asterisk, the subject where the whole ends with it.
    """
    issuer, slash, subject = principal.rpartition("/")
    if principal == "*":
        return TokenIs(issuer=FILLED, subject=FILLED)
    if principal.startswith("*"):
        if slash:
            return TokenIs(issuer=text_of_start(issuer), subject=Exact(subject))
        return TokenIs(issuer=FILLED, subject=Suffix(principal[1:]))
    if principal.endswith("*"):
        if slash:
            return TokenIs(issuer=Exact(issuer), subject=text_of_end(subject))
        return TokenIs(issuer=Prefix(principal[:-1]), subject=FILLED)
    if slash:
        return TokenIs(issuer=Exact(issuer), subject=Exact(subject))
    return TokenIs(issuer=Exact(principal), subject=Exact(""))


def text_of_start(value: str) -> Text:
    """``value`` begins with an asterisk, and no other is one."""
    return FILLED if value == "*" else Suffix(value[1:])


def text_of_end(value: str) -> Text:
    """``value`` ends with an asterisk, and no other is one."""
    return FILLED if value == "*" else Prefix(value[:-1])


def network(block: str) -> str:
    """An address or a block, in CIDR notation. The zone of an address is of the host alone that
    wrote it, so it is left off, as istiod does.
    """
    address, slash, bits = block.partition("/")
    plain = address.partition("%")[0]
    return str(ipaddress.ip_network(f"{plain}/{bits}" if slash else plain, strict=False))


def bracketed(key: str, prefix: str) -> str | None:
    """``name`` of ``prefix[name]``; ``None`` where there is something between the two."""
    rest = key.removeprefix(prefix)
    if not (rest.startswith("[") and rest.endswith("]")):
        return None
    return rest[1:-1]


def claim_path(key: str, prefix: str) -> tuple[str, ...] | None:
    """``a``, ``b`` of ``prefix[a][b]``; where that is not what the brackets say, all within them is
    one name.
    """
    whole = bracketed(key, prefix)
    if whole is None:
        return None
    parts = tuple(whole.split("]["))
    return (whole,) if any("[" in part or "]" in part for part in parts) else parts


def quoted(literal: str) -> str:
    """``literal`` as RE2 reads it, written as Go does."""
    return "".join(f"\\{each}" if each in _SPECIAL else each for each in literal)


def is_small(found: Text) -> bool:
    """Whether a proxy takes it: expressions have a limit."""
    if not isinstance(found, Pattern) or len(found.pattern) <= _SURELY_SMALL:
        return True
    return bool(re2.compile(found.pattern).programsize <= _PROGRAM_LIMIT)


def _wild(value: str, any_text: str) -> str:
    return any_text.join(map(quoted, value.split("*")))


def texts(of: Callable[[str], Text], values: Iterable[str]) -> tuple[Text, ...] | None:
    """Each value; ``None`` where a proxy would not take one of them."""
    found = tuple(map(of, values))
    return found if all(map(is_small, found)) else None
