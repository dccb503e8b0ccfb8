"""The folder of ``--status-dir``: a file for each object that has a status, written at once and
removed with its object, so that a pipeline can wait for what it says.
"""

import errno
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

import structlog

from controlplane.base.names import Kind, ObjectKey

_OURS: Final = re.compile(r"(?P<kind>[a-z]+)(_[a-z0-9.-]+){1,2}\.yaml")
_LONGEST: Final = 240  # of a name without what is put around it; file systems take 255 bytes
_DIGITS: Final = 10  # of the hash that ends a name that is cut
_OF_THE_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""What every other file would meet, too."""

log = structlog.stdlib.get_logger("status")


def file_name(key: ObjectKey) -> str:
    """``httproute_shop_reviews.yaml``; a cluster-wide object has no namespace in its name. What is
    too long for a file system ends with a hash.
    """
    parts = (key.kind.name.lower(), key.namespace, key.name)
    name = "_".join(part for part in parts if part)
    if len(name) > _LONGEST:
        digest = sha256(name.encode()).hexdigest()[:_DIGITS]
        name = f"{name[: _LONGEST - _DIGITS - 1]}-{digest}"
    return f"{name}.yaml"


class StatusFiles:
    """Writes what changed since the last call; for a thread, because it waits for the disk.

    Files of other names are left alone. What cannot be written is logged once, keeps no other file
    from being written, and is tried again by the next call.
    """

    def __init__(self, folder: Path, kinds: Iterable[Kind]) -> None:
        self._folder = folder
        self._kinds = frozenset(kind.name.lower() for kind in kinds)
        self._texts: dict[str, str] = {}
        self._written: dict[str, str] = {}
        self._problem: str | None = None

    def write(self, changed: Mapping[ObjectKey, str | None]) -> None:
        """Have a file for each text; ``None``: the object has no status any longer."""
        for key, text in changed.items():
            if text is None:
                self._texts.pop(file_name(key), None)
            else:
                self._texts[file_name(key)] = text
        reason = next(self._faults(), None)
        if reason is not None and reason != self._problem:
            log.error("status_not_written", folder=str(self._folder), reason=reason)
        self._problem = reason

    @property
    def must_try_again(self) -> bool:
        """Whether something could not be written."""
        return self._problem is not None

    def _faults(self) -> Iterator[str]:
        """Write everything; why some of it is not written."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            present = {file.name for file in self._folder.iterdir() if self._is_ours(file.name)}
        except OSError as error:
            return iter((_reason(error),))
        faults = []
        for name in (*self._texts, *sorted(present - self._texts.keys())):
            try:
                self._bring(name, is_present=name in present)
            except OSError as error:
                faults.append(f"{name}: {_reason(error)}")
                if error.errno in _OF_THE_DISK:
                    break
        return iter(faults)

    def _bring(self, name: str, *, is_present: bool) -> None:
        """Have the file that there is to be, or none."""
        text = self._texts.get(name)
        if text is None:
            self._written.pop(name, None)
            (self._folder / name).unlink(missing_ok=True)
        elif self._written.get(name) != text or not is_present:
            self._replace(name, text)

    def _replace(self, name: str, text: str) -> None:
        """Beside it, then renamed: no reader sees half a file. The draft is made anew, so that no
        link leads elsewhere.
        """
        draft = self._folder / f".{name}.new"
        try:
            draft.unlink(missing_ok=True)
            with draft.open("x", encoding="utf-8") as file:
                file.write(text)
            draft.replace(self._folder / name)
        except OSError:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        self._written[name] = text

    def _is_ours(self, name: str) -> bool:
        found = _OURS.fullmatch(name)
        return found is not None and found["kind"] in self._kinds


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
