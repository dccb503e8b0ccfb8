"""Looks after the state directory while a control plane runs.

Everything in it may be deleted or broken at any time. What is in memory is written again; what was
put there by others is reported, and left alone.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import structlog

from controlplane.base.errors import (
    ControlPlaneError,
    KeyLost,
    KeyUnusable,
    StateHeld,
    StateUnusable,
)
from controlplane.identity.kept_keys import KEPT, kept_fault
from controlplane.identity.revoked_tokens import REVOKED, RevokedTokens
from controlplane.identity.token_keys import TOKEN_KEY, TokenKeys, token_keys_of
from controlplane.identity.tokens import key_id
from controlplane.sources.state import StateDirectory
from controlplane.sources.state_lock import StateLock

_GOES_ON: Final = "this control plane goes on with its own key"
_REFUSED_LATER: Final = f"{_GOES_ON}; a restart refuses the file"
_AGAIN: Final = "what this control plane has in memory is written again"
_NOT_KEPT: Final = "serving goes on; nothing is kept there meanwhile"

log = structlog.get_logger(__name__)


def kept_keys(state: StateDirectory) -> Mapping[str, bytes]:
    """The files of the keys that are in use."""
    area = state.authority
    found = {name: area.content(name) for name in KEPT}
    return {name: content for name, content in found.items() if content is not None}


class StateKeeper:
    """Keeps ``keys`` (file contents by name) and the lock in the directory.

    ``on_rotation`` gets the keys of tokens where ``controlplane token --rotate-key`` added one.

    ``look`` is for a thread of its own: it waits for the disk. Each trouble is logged once, as is
    its end.
    """

    def __init__(
        self,
        state: StateDirectory,
        lock: StateLock | None,
        keys: Mapping[str, bytes],
        revoked: RevokedTokens,
        on_rotation: Callable[[TokenKeys], None] = lambda _: None,
    ) -> None:
        self._state = state
        self._lock = lock
        self._keys = dict(keys)
        self._revoked = revoked
        self._on_rotation = on_rotation
        self._troubles: dict[str, str] = {}
        self._unreadable: dict[str, bytes] = {}
        """What was no key at the last look: somebody may be in the middle of writing it."""

    def keep(self, files: Mapping[str, bytes]) -> None:
        """These were replaced, by this control plane."""
        self._keys.update(files)

    def look(self, now: datetime) -> None:
        directory = self._state.path
        deleted = [] if directory.exists() else [str(directory)]
        try:
            StateDirectory.opened(directory)
            if self._lock is not None and self._lock.renew():
                deleted.append("lock")
        except (StateHeld, StateUnusable) as fault:
            self._report(str(directory), fault, _NOT_KEPT)
            return
        self._over(str(directory))
        for name, content in tuple(self._keys.items()):
            file = str(self._state.authority.path / name)
            try:
                if self._look_at(name, content, now):
                    deleted.append(name)
            except StateUnusable as fault:
                self._report(file, fault, _REFUSED_LATER)
        self._look_for_revoked()
        if deleted:
            files = deleted[0] if str(directory) in deleted else ", ".join(deleted)
            log.error("state_deleted", directory=str(directory), files=files, effect=_AGAIN)

    def _look_for_revoked(self) -> None:
        file = str(self._state.authority.path / REVOKED)
        try:
            for token in sorted(self._revoked.look()):
                log.info("token_revoked", token=token)
        except StateUnusable as fault:
            self._report(file, fault, "what was revoked since is not known")
        else:
            self._over(file)

    def _look_at(self, name: str, own: bytes, now: datetime) -> bool:
        """See to one key; whether it was deleted."""
        area = self._state.authority
        file = str(area.path / name)
        found = area.content(name)
        if found is None:
            area.made_once(name, lambda: own)
            return True
        if found == own:
            self._over(file)
        elif name == TOKEN_KEY and (rotated := _rotated(own, found, file)):
            self._keys[name] = found
            self._on_rotation(rotated)
            log.info("token_key_rotated", key=key_id(rotated[0]))
            self._over(file)
        elif not isinstance(kept_fault(name, found, area, now), KeyLost):
            reason = f"{file} is no longer the key of this control plane"
            effect = f"{_GOES_ON}, which bootstraps made from that file do not trust; restart it"
            self._report(file, StateUnusable(reason), effect)
        elif self._unreadable.pop(name, None) != found:
            self._unreadable[name] = found
        else:
            aside = area.set_aside(name)
            area.made_once(name, lambda: own)
            log.error("key_broken", file=file, kept_as=str(aside), effect=_AGAIN)
        return False

    def _report(self, subject: str, fault: ControlPlaneError, effect: str) -> None:
        is_said = fault.message in self._troubles.values()  # of the folder of several keys, say
        self._troubles[subject] = fault.message
        if not is_said:
            log.error("state_unusable", reason=fault.message, hint=fault.hint, effect=effect)

    def _over(self, subject: str) -> None:
        if self._troubles.pop(subject, None) is not None:
            log.info("state_usable_again", path=subject)


def _rotated(own: bytes, found: bytes, file: str) -> TokenKeys:
    """The keys in ``found`` where they are those of ``own`` with a new one before them."""
    try:
        before, after = token_keys_of(own, file), token_keys_of(found, file)
    except KeyUnusable:
        return ()
    return after if key_id(before[0]) in map(key_id, after[1:]) else ()
