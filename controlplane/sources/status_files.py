"""The folder of ``--status-dir``: a file for each object that has a status, written at once and
removed with its object, so that a pipeline can wait for what it says.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import structlog

from controlplane.base.names import Kind, ObjectKey

_OURS: Final = re.compile(r"(?P<kind>[a-z]+)(_[a-z0-9.-]+){1,2}\.yaml")

log = structlog.stdlib.get_logger("status")


def file_name(key: ObjectKey) -> str:
    """``httproute_shop_reviews.yaml``; a cluster-wide object has no namespace in its name."""
    parts = (key.kind.name.lower(), key.namespace, key.name)
    return f"{'_'.join(part for part in parts if part)}.yaml"


class StatusFiles:
    """Writes what changed since the last call; for a thread, because it waits for the disk.

    Files of other names are left alone. What cannot be written is logged once and tried again.
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
        try:
            self._write()
        except OSError as error:
            reason = error.strerror or str(error)
            if reason != self._problem:
                log.error("status_not_written", folder=str(self._folder), reason=reason)
            self._problem = reason
        else:
            self._problem = None

    def _write(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        present = {file.name for file in self._folder.iterdir() if self._is_ours(file.name)}
        for name, text in self._texts.items():
            if self._written.get(name) != text or name not in present:
                self._replace(name, text)
        for name in present - self._texts.keys():
            (self._folder / name).unlink(missing_ok=True)
            self._written.pop(name, None)

    def _replace(self, name: str, text: str) -> None:
        """Beside it, then renamed: no reader sees half a file."""
        draft = self._folder / f".{name}.new"
        draft.write_text(text, encoding="utf-8")
        draft.replace(self._folder / name)
        self._written[name] = text

    def _is_ours(self, name: str) -> bool:
        found = _OURS.fullmatch(name)
        return found is not None and found["kind"] in self._kinds
