"""What is shown of a document, without what may be key material or a password.

A document is known by its text alone, because one that does not parse is shown as well. Of a
Secret, or what may be one, only keys, names and types are shown. Of other documents these are
left out: private keys in PEM, long runs of base64, and values of keys that are called like secrets.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Final

from controlplane.base.diagnostics import Diagnostic

_SECRET: Final = re.compile(r"""\bkind["']?\s*:\s*["']?Secret(List)?\b""")
_WITH_DATA: Final = re.compile(r"""^[\s{,-]*["']?(data|stringData)["']?\s*:""", re.MULTILINE)
_CONFIG_MAP: Final = re.compile(r"""\bkind["']?\s*:\s*["']?ConfigMap(List)?\b""")
_PUBLIC: Final = frozenset(
    {
        *("apiversion", "kind", "metadata", "name", "namespace", "type", "immutable", "items"),
        *("data", "stringdata", "labels", "annotations"),
    }
)
"""Keys of a Secret whose values are shown, in lower case; those of the maps are masked below."""
_MAPS: Final = frozenset({"data", "stringdata", "labels", "annotations"})
_KEY: Final = re.compile(
    r"""(?P<lead>[\s\-?{,]*)(?P<quote>["']?)(?P<key>[\w.\-/]{1,40})(?P=quote)(?P<colon>\s*:)(?=\s|$)"""
)
_NAME: Final = re.compile(r"[a-z0-9._-]+|[A-Z0-9_]+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")  # 30 bytes or more
_OF_SECRET: Final = re.compile(r"[A-Za-z0-9+/=_-]{16,}")  # in what may be a Secret: 12 bytes
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END|\Z)", re.DOTALL)
_NAMED: Final = re.compile(
    r"""(?P<key>[\w.-]+)["']?\s*:\s*(?P<value>"[^"\n]*"|'[^'\n]*'|[^\s,{}\[\]"'][^\n,{}\]]*)"""
)
_CALLED: Final = (
    *("password", "passwd", "passphrase", "secret", "token", "apikey", "privatekey"),
    *("authorization", "cookie"),
)
_WORD: Final = re.compile(r"""[^\s"'…{}\[\],]{4,}""")
_TOKEN: Final = re.compile(r"[^\s\"'{}\[\],]+")
_HIDDEN: Final = "***"
_SHORTEST: Final = 4  # characters of what is left out of a message where it is not in quotes
_MASK: Final = "*"


def redacted(line: str, document: str) -> str:
    """``line`` of ``document``, as long as it was, so that a caret is still below its value."""
    if _may_be_secret(document):
        return _stars(line) if _is_in_key(line, document) else _only_keys(line)
    masked = line
    for secret in sorted(_secrets(document), key=len, reverse=True):
        for part in secret.split("\n"):
            if part.strip():
                masked = masked.replace(part, _stars(part))
    return masked


def redacted_message(message: str, document: str) -> str:
    """``message``, which may quote ``document``, without what may be a secret there."""
    secrets = _secrets(document)
    if not secrets:
        return message

    def hidden(word: re.Match[str]) -> str:
        """A word may be cut off at its end, where a long value is."""
        return _HIDDEN if any(secret.startswith(word[0]) for secret in secrets) else word[0]

    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            message = message.replace(secret, _HIDDEN)
        else:
            message = message.replace(f'"{secret}"', f'"{_HIDDEN}"')
    return _WORD.sub(hidden, message)


def without_secrets(diagnostic: Diagnostic, document: str) -> Diagnostic:
    """``diagnostic`` of ``document``, whose texts may quote it."""

    def shown(text: str | None) -> str | None:
        return None if text is None else redacted_message(text, document)

    message, hint, note = diagnostic.message, diagnostic.hint, diagnostic.note
    masked = (redacted_message(message, document), shown(hint), shown(note))
    if masked == (message, hint, note):
        return diagnostic
    return replace(diagnostic, message=masked[0], hint=masked[1], note=masked[2])


@lru_cache(maxsize=8)
def _may_be_secret(document: str) -> bool:
    """Whether a document says so, or has data and does not say that it is a ConfigMap's."""
    if _SECRET.search(document):
        return True
    return _WITH_DATA.search(document) is not None and not _CONFIG_MAP.search(document)


def _is_in_key(line: str, document: str) -> bool:
    """Whether a line is one of a private key's, where what looks like a key of YAML is none."""
    return bool(line.strip()) and any(line in found[0] for found in _PEM.finditer(document))


def _only_keys(line: str) -> str:
    """A line of what may be a Secret: its key where it has one, a value where that is public."""
    found = _KEY.match(line)
    if found is None:
        return re.sub(r"[^\s\-\[\]{},:#]", _MASK, line)
    key, rest = found["key"], line[found.end() :]
    shown = line[: found.end()] if _is_plain(key) else _stars(line[: found.end()])
    if key.lower() in _MAPS or key.lower() not in _PUBLIC:
        return shown + _stars(rest)
    return shown + _only_public(rest)


def _is_plain(key: str) -> bool:
    """Whether a key is a name rather than a part of a secret that has come to its place."""
    if key.lower() in _PUBLIC:
        return True
    return _NAME.fullmatch(key) is not None and not _OF_SECRET.fullmatch(key)


def _only_public(value: str) -> str:
    """The value of a public key. One in braces may hold data as well."""
    if "{" in value or "[" in value:
        return _stars(value)
    return _OF_SECRET.sub(lambda long: _stars(long[0]), value) if len(value) > 253 else value


def _stars(text: str) -> str:
    return re.sub(r"\S", _MASK, text)


@lru_cache(maxsize=8)
def _secrets(document: str) -> frozenset[str]:
    """The texts in ``document`` that must not be shown."""
    if _may_be_secret(document):
        return frozenset(filter(None, _of_a_secret(document)))
    return frozenset(_of_others(document))


def _of_a_secret(document: str) -> Iterator[str]:
    for line in document.split("\n"):
        found = _KEY.match(line)
        if found is None:
            yield from _values(line)
            continue
        if not _is_plain(found["key"]):
            yield found["key"]
        rest = line[found.end() :]
        key = found["key"].lower()
        if key in _MAPS or key not in _PUBLIC or "{" in rest or "[" in rest:
            yield from _values(rest)


def _values(text: str) -> Iterator[str]:
    """The words of ``text`` that are no key, and what may be quoted as one."""
    whole = text.strip()
    if whole and not whole.startswith(("#", "{", "[", "|", ">")):
        yield whole
        yield whole.strip("\"'")
    for word in _TOKEN.findall(text):
        is_key = word.endswith(":") and _is_plain(word[:-1])
        if not is_key and word.strip("-|>&*!:"):
            yield word
            yield word.rstrip(":").lstrip("&*!%@#|>-")


def _of_others(document: str) -> Iterator[str]:
    yield from (found[0] for found in _BASE64.finditer(document) if _looks_random(found[0]))
    for found in _PEM.finditer(document):
        yield from (line.strip() for line in found[0].split("\n") if "-----" not in line)
    for named in _NAMED.finditer(document):
        name = re.sub(r"[-_.]", "", named["key"]).lower()
        value = named["value"].strip().strip("\"'")
        if name.endswith(_CALLED) and value.lower() not in ("", "true", "false", "|", ">"):
            yield value


def _looks_random(text: str) -> bool:
    """Whether a long word is made of upper and lower case and digits, as no name is."""
    kinds = (r"[a-z]", r"[A-Z]", r"\d")
    return all(re.search(kind, text) for kind in kinds)
