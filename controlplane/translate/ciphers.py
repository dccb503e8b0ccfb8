"""What ``cipherSuites`` may say: names of ciphers, and rules about them.

Istio passes on its list of names and whatever begins with a sign; Envoy refuses a whole listener
for one word that it does not know. Each word here was accepted by Envoy 1.40. Source: Istio
``pkg/config/security``, ``IsValidCipherSuite``; BoringSSL ``ssl_create_cipher_list``.
"""

from collections.abc import Iterable
from typing import Final

CIPHERS: Final = frozenset(
    {
        *(f"ECDHE-{key}-AES{bits}" for key in ("ECDSA", "RSA") for bits in ("128-SHA", "256-SHA")),
        *(f"ECDHE-{key}-AES128-GCM-SHA256" for key in ("ECDSA", "RSA")),
        *(f"ECDHE-{key}-AES256-GCM-SHA384" for key in ("ECDSA", "RSA")),
        *(f"ECDHE-{key}-CHACHA20-POLY1305" for key in ("ECDSA", "RSA")),
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "AES128-SHA",
        "AES256-SHA",
        "DES-CBC3-SHA",
        "ALL",
    }
)
_GROUPS: Final = frozenset(
    {
        *("kRSA", "kECDHE", "ECDHE", "kPSK", "aRSA", "RSA", "aECDSA", "ECDSA", "PSK"),
        *("3DES", "AES128", "AES256", "AES", "AESGCM", "CHACHA20", "SHA", "SHA1"),
    }
)
"""Names of sets of ciphers, for rules."""


def is_cipher(word: str) -> bool:
    """Whether Envoy accepts ``word``: a name, ``[A|B]`` (equally good), ``-A``, ``!A``, ``+A``, or
    several with colons between them.
    """
    if word in CIPHERS:
        return True
    return word[:1] in ("-", "!", "+", "@", "[") and all(map(_is_rule, word.split(":")))


def usable_ciphers(words: Iterable[str]) -> tuple[str, ...]:
    """The words that Envoy accepts, each once; none where they only remove, which would leave
    nothing.
    """
    known = tuple(dict.fromkeys(word for word in words if is_cipher(word)))
    return known if any(map(_adds, known)) else ()


def _is_rule(rule: str) -> bool:
    if rule.startswith("[") and rule.endswith("]"):
        return all(_is_named(name) for name in rule[1:-1].split("|"))
    if rule[:1] in ("-", "!", "+"):
        return all(_is_named(name) for name in rule[1:].split("+"))
    return rule == "@STRENGTH" or _is_named(rule)


def _is_named(name: str) -> bool:
    return name in CIPHERS or name in _GROUPS


def _adds(word: str) -> bool:
    return any(rule[:1] not in ("-", "!", "+", "@") for rule in word.split(":"))
