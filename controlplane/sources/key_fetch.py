"""Key sets of issuers, over HTTP. Neither addresses nor answers are trusted.

Limits: the caller's time for everything, 1 MiB, and those of ``http_fetch``.
Source: RFC 7517; OpenID Connect Discovery 1.0 §4; Istio ``pilot/pkg/model/jwks_resolver.go``
"""

import asyncio
from datetime import timedelta
from typing import Final

import h11
import msgspec

from controlplane.kinds.validation.key_set import (
    KEYS_LIMIT,
    KeySetMalformed,
    checked_key,
    public_part,
)
from controlplane.model.tokens import KeySource
from controlplane.sources.http_fetch import (
    Dial,
    FetchFailed,
    Wanted,
    check_downgrade,
    content,
    reason_of,
)

LARGEST: Final = 1 << 20  # bytes of a body
LONGEST: Final = timedelta(seconds=30)  # whatever a rule's timeout is
_WANTED: Final = Wanted(accept="application/json", largest=LARGEST)


class KeysUnavailable(Exception):
    """No key set was fetched; the message says why."""


async def fetched_key_set(source: KeySource, timeout: timedelta, dial: Dial) -> str:
    """The key set at ``source`` in its one form: sorted by key ids, without private parts.

    Raises ``KeysUnavailable``. ``timeout`` is for all of it.
    """
    within = min(timeout, LONGEST)
    try:
        async with asyncio.timeout(within.total_seconds()):
            uri = source.uri
            if source.is_discovery:
                named = _named_by(await content(uri, _WANTED, dial), uri)
                check_downgrade(uri, "names", named)
                uri = named
            return key_set(await content(uri, _WANTED, dial))
    except TimeoutError:
        raise KeysUnavailable(f"no answer within {within.total_seconds():g} s") from None
    except (FetchFailed, OSError, h11.ProtocolError, ValueError) as error:
        raise KeysUnavailable(reason_of(error)) from None


def key_set(body: bytes) -> str:
    """The one form of a key set, so that another order of its keys is no change.

    Keys that verify no token are left out, unless there are no others. Source: RFC 7517 §5
    """
    keys = _object(body).get("keys")
    if not isinstance(keys, list):
        raise KeysUnavailable('the answer is not a key set: it has no list "keys"')
    if len(keys) > KEYS_LIMIT:
        raise KeysUnavailable(f"the key set has {len(keys)} keys (at most {KEYS_LIMIT})")
    usable: list[dict[str, object]] = []
    fault: KeySetMalformed | None = None
    for i, key in enumerate(keys):
        try:
            if not checked_key(key, f"key {i}").has_known_curve:
                raise KeySetMalformed(f"has key {i} of an unknown curve")
        except KeySetMalformed as unusable:
            fault = fault or unusable
        else:
            usable.append(dict(sorted(public_part(key).items())))
    if fault is not None and not usable:
        raise KeysUnavailable(f"the key set {fault}")
    usable.sort(key=lambda key: (str(key.get("kid", "")), msgspec.json.encode(key)))
    return msgspec.json.encode({"keys": usable}).decode()


def _object(body: bytes) -> dict[str, object]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise KeysUnavailable("the answer is not JSON") from None
    if not isinstance(found, dict):
        raise KeysUnavailable("the answer is not a JSON object")
    return found


def _named_by(body: bytes, uri: str) -> str:
    named = _object(body).get("jwks_uri")
    if not isinstance(named, str) or not named:
        raise KeysUnavailable(f'the discovery document at {uri} has no "jwks_uri"')
    return named
