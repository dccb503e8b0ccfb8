"""The last good key sets of issuers, kept for a restart while an issuer is gone."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final

import msgspec
import structlog

from controlplane.model.tokens import KeySource
from controlplane.sources.key_fetch import KeysUnavailable, key_set
from controlplane.sources.state import StateDirectory

KEY_SETS: Final = "key-sets.json"
_LARGEST: Final = 64 << 20  # bytes

log = structlog.stdlib.get_logger("state")


class _Kept(msgspec.Struct, frozen=True):
    uri: str
    is_discovery: bool
    key_set: str


def kept_key_sets(state: StateDirectory) -> dict[KeySource, str]:
    """What an earlier process fetched, checked like what is fetched now; nothing where that is not
    known.
    """
    file = state.path / KEY_SETS
    try:
        with file.open("rb") as opened:
            found = msgspec.json.decode(opened.read(_LARGEST), type=tuple[_Kept, ...])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
        log.warning("key_sets_unreadable", file=str(file), reason=str(error))
        return {}
    return dict(_usable(found))


def _usable(found: Iterable[_Kept]) -> Iterator[tuple[KeySource, str]]:
    for kept in found:
        with suppress(KeysUnavailable):
            source = KeySource(uri=kept.uri, is_discovery=kept.is_discovery)
            yield source, key_set(kept.key_set.encode())


def keep_key_sets(state: StateDirectory, key_sets: Mapping[KeySource, str]) -> None:
    """Write ``key_sets`` in place of what was there; ``OSError``."""
    kept = [
        _Kept(uri=source.uri, is_discovery=source.is_discovery, key_set=key_sets[source])
        for source in sorted(key_sets)
    ]
    state.write(KEY_SETS, msgspec.json.encode(kept))
