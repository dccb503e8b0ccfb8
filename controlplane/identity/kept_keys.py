"""The files of keys in the state directory: what is wrong with them, and what their loss means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from controlplane.base.errors import KeyLost, KeyUnusable
from controlplane.identity.authority import AUTHORITY, authority_of
from controlplane.identity.mesh_authority import INTERMEDIATE, ROOT, intermediate_of, root_of
from controlplane.identity.rotation_file import ROTATION, rotation_of
from controlplane.identity.token_keys import TOKEN_KEY, token_keys_of
from controlplane.sources.state import Area

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeptKey:
    """How a file is read, and what its loss means."""

    read: Callable[[bytes, Area, datetime], object]
    lost: str
    is_kept: bool = True
    """Whether a running control plane writes it again; the root may be moved away."""


KEYS: Final[Mapping[str, KeptKey]] = {
    AUTHORITY: KeptKey(
        authority_of,
        "a new authority is made: every proxy needs a new bootstrap, every client the new root "
        "certificate",
    ),
    TOKEN_KEY: KeptKey(
        lambda content, area, _: token_keys_of(content, str(area.path / TOKEN_KEY)),
        "a new key is made: every proxy needs a new bootstrap",
    ),
    ROOT: KeptKey(
        lambda content, area, _: root_of(content, area),
        "the intermediate signs until it expires, and is not renewed",
        is_kept=False,
    ),
    INTERMEDIATE: KeptKey(
        lambda content, area, _: intermediate_of(content, area),
        "a new one is made, by the root if that is there",
    ),
    ROTATION: KeptKey(
        lambda content, area, _: rotation_of(content, area),
        "what is trusted changes at once to what is configured",
    ),
}
KEPT: Final = tuple(name for name, key in KEYS.items() if key.is_kept)


def make_lost_anew(area: Area, now: datetime) -> None:
    """Set aside the files of keys that cannot be read, so that new ones are made.

    For the control plane that has the state directory; other commands raise ``KeyLost``.
    """
    for name, key in KEYS.items():
        content = area.content(name)
        fault = None if content is None else kept_fault(name, content, area, now)
        if isinstance(fault, KeyLost):
            aside = area.set_aside(name)
            log.error("key_lost", reason=fault.message, kept_as=str(aside), effect=key.lost)


def kept_fault(name: str, content: bytes, area: Area, now: datetime) -> KeyUnusable | None:
    """Why ``content`` could not be used as the file ``name`` of ``area``."""
    try:
        KEYS[name].read(content, area, now)
    except KeyUnusable as fault:
        return fault
    return None
