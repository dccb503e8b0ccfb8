"""What is shown of a document, without what may be key material or a password.

A document is known by its text alone, because one that does not parse is shown as well. Of a
Secret, or what may be one, only keys, names and types are shown. Of other documents these are
left out: private keys in PEM, long runs of base64, and values of keys that are called like secrets.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from controlplane.base.diagnostics import Diagnostic

_SECRET: Final = re.compile(r"""\bkind["']?\s*:\s*["']?Secret(List)?\b""")
_ODD_KIND: Final = re.compile(
    r"""\bkind["']?\s*:\s*([&!*|>]|"[^"\n]*\\)|\?\s+["']?kind\b|\\[xuU][^"\s]*"\s*:"""
)
"""A kind with an anchor, tag or escape, or in a block: what it says is not seen in the text."""
_TOP_KIND: Final = re.compile(r"""^["']?kind["']?\s*:\s*["']?(\w*)""", re.MULTILINE)
_REFERRING: Final = frozenset({"Gateway", "ListenerSet", "ReferenceGrant"})
"""Kinds that refer to Secrets by ``kind: Secret``. Source: Gateway API, ``certificateRefs``."""
_WITH_DATA: Final = re.compile(
    r"""^[ \t{,-]*["']?(data|stringData)["']?\s*:""", re.MULTILINE | re.IGNORECASE
)
_CONFIG_MAP: Final = re.compile(r"""\bkind["']?\s*:\s*["']?ConfigMap(List)?\b""")
_PUBLIC: Final = frozenset(
    {
        *("apiversion", "kind", "metadata", "name", "namespace", "type", "items"),
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
_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#.*")
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END|\Z)", re.DOTALL)
_VALUE: Final = (
    r"""(?:[&!][^\s,{}\[\]]*[ \t]+)*"""  # an anchor and a tag
    r"""(?P<value>"(?:[^"\\\n]|\\.)*"|'(?:[^'\n]|'')*'|\[[^\]\n]*\]?|["'][^\n]*|"""
    r"""[^\s,{}\[\]"'][^\n,{}\]]*|)"""
)
_NAMED: Final = re.compile(rf"""(?<![\w.-])(?P<key>[\w.-]+)\\?["']?[ \t]*:[ \t]*{_VALUE}""")
_NAME_FIELD: Final = r"""\b(?:name|key)["']?[ \t]*:[ \t]*["']?(?P<key>[\w.-]+)["']?"""
_VALUE_FIELD: Final = r"""\bvalue["']?[ \t]*:[ \t]*""" + _VALUE
_PAIRS: Final = tuple(
    re.compile(rf"""{one}[ \t]*[,\n]\s*["']?{other}""")
    for one, other in ((_NAME_FIELD, _VALUE_FIELD), (_VALUE_FIELD, _NAME_FIELD))
)
"""A name and a value beside each other, as Gateway API has headers."""
_CALLED: Final = (
    *("password", "passwd", "pwd", "passphrase", "secret", "token", "apikey", "privatekey"),
    *("accesskey", "credentials", "authorization", "cookie"),
)
_IN_URL: Final = re.compile(r"://[^/\s:@]*:([^@/\s]+)@")
_NO_SECRETS: Final = frozenset({"", "true", "false", "null"})
_WORD: Final = re.compile(r"""[^\s"'…{}\[\],]{4,}""")
_TOKEN: Final = re.compile(r"[^\s\"'{}\[\],]+")
_HIDDEN: Final = "***"
_SHORTEST: Final = 4  # characters of what is hidden wherever it is; less is, where it is a value
_A_WORD: Final = 8  # characters of what is hidden only where it is a word, not a part of one
_MASK: Final = "*"


def redacted(line: str, document: str) -> str:
    """``line`` of ``document``, as long as it was, so that a caret is still below its value."""
    if _may_be_secret(document):
        return _stars(line) if _is_in_key(line, document) else _only_keys(line)
    masked = line
    for secret in sorted(_secrets(document), key=len, reverse=True):
        for part in secret.split("\n"):
            if len(part) >= _SHORTEST or (part.strip() and any(_called(line))):
                masked = _without(masked, part)
    return masked


def _without(line: str, part: str) -> str:
    """``line`` with stars for ``part``. A short one is not looked for within words."""
    if len(part) >= _A_WORD:
        return line.replace(part, _stars(part))
    return re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", _stars(part), line)


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
    if _SECRET.search(document) or _ODD_KIND.search(document):
        kinds = {found[1] for found in _TOP_KIND.finditer(document)}
        return not kinds or not kinds <= _REFERRING or _WITH_DATA.search(document) is not None
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
    """The value of a public key. One in braces may hold data as well, a comment may, too."""
    if "{" in value or "[" in value:
        return _stars(value)
    value = _COMMENT.sub(lambda comment: _stars(comment[0]), value)
    return _OF_SECRET.sub(lambda long: _stars(long[0]), value) if len(value) > 253 else value


def _stars(text: str) -> str:
    return re.sub(r"\S", _MASK, text)


@lru_cache(maxsize=8)
def _secrets(document: str) -> frozenset[str]:
    """The texts in ``document`` that must not be shown."""
    found = _of_a_secret(document) if _may_be_secret(document) else _of_others(document)
    return frozenset(text for text in found if text.lower() not in _NO_SECRETS)


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
    yield from (found[1] for found in _IN_URL.finditer(document))
    for pattern in _PAIRS:
        for named in pattern.finditer(document):
            if _is_called(named["key"]):
                yield from _scalars(named["value"])
    lines = document.split("\n")
    for number, line in enumerate(lines):
        for named in _NAMED.finditer(line):
            value = named["value"]
            if value.startswith(('"', "'")):  # which may be JSON, whose keys have names as well
                yield from (inner["value"].strip("\"'\\") for inner in _called(value[1:]))
            if _is_called(named["key"]):
                yield from _scalars(value)
                if not value or value.startswith(("|", ">")):
                    yield from _below(lines, number + 1, named.start(), is_block=bool(value))


def _called(text: str) -> Iterator[re.Match[str]]:
    """The keys with names of secrets, and their values."""
    return (named for named in _NAMED.finditer(text) if _is_called(named["key"]))


def _is_called(key: str) -> bool:
    """Whether a key has the name of a secret."""
    return re.sub(r"[-_.]", "", key).lower().endswith(_CALLED)


def _scalars(value: str) -> Iterator[str]:
    """The texts of a value, or of the values of a list, in one line."""
    for text in value[1:].split(",") if value.startswith("[") else (value,):
        text = text.strip().strip("\"'\\]")
        if not text.startswith(("|", ">")):
            yield text
            yield text.lstrip("&*!%@")  # as a message about an alias or a tag has it


def _below(lines: Sequence[str], first: int, column: int, *, is_block: bool) -> Iterator[str]:
    """The lines from ``first`` on of the block, list or text that is the value of a key at
    ``column``; none of a mapping, whose values have names of their own.
    """
    for number in range(first, len(lines)):
        line = lines[number]
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        is_item = text.startswith("- ") and not is_block
        if not text:
            continue
        if indent < column or (indent == column and not is_item):
            return
        if not is_block:
            text = text.removeprefix("- ").strip()
            if _KEY.match(text) or text.startswith(("{", "}", "]")):
                return
        yield text.strip("\"',")


def _looks_random(text: str) -> bool:
    """Whether a long word is made of upper and lower case and digits, as no name is."""
    kinds = (r"[a-z]", r"[A-Z]", r"\d")
    return all(re.search(kind, text) for kind in kinds)
