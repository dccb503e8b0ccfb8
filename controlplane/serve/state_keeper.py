"""Looks after the state directory while a control plane runs.

Everything in it may be deleted or broken at any time. What is in memory is written again; what was
put there by others is reported, and left alone.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import structlog

from controlplane.base.errors import ControlPlaneError, KeyLost, StateHeld, StateUnusable
from controlplane.identity.authority import AUTHORITY, TOKEN_KEY, kept_fault
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
    found = {name: area.content(name) for name in (AUTHORITY, TOKEN_KEY)}
    return {name: content for name, content in found.items() if content is not None}


class StateKeeper:
    """Keeps ``keys`` (file contents by name) and the lock in the directory.

    ``look`` is for a thread of its own: it waits for the disk. Each trouble is logged once, as is
    its end.
    """

    def __init__(
        self, state: StateDirectory, lock: StateLock | None, keys: Mapping[str, bytes]
    ) -> None:
        self._state = state
        self._lock = lock
        self._keys = keys
        self._troubles: dict[str, str] = {}
        self._unreadable: dict[str, bytes] = {}
        """What was no key at the last look: somebody may be in the middle of writing it."""

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
        for name, content in self._keys.items():
            file = str(self._state.authority.path / name)
            try:
                if self._look_at(name, content, now):
                    deleted.append(name)
            except StateUnusable as fault:
                self._report(file, fault, _REFUSED_LATER)
        if deleted:
            files = deleted[0] if str(directory) in deleted else ", ".join(deleted)
            log.error("state_deleted", directory=str(directory), files=files, effect=_AGAIN)

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
