"""Folders of PEM files become Secrets: ``SECRETS/NAMESPACE/NAME/tls.crt`` and so on.

The files are named as the entries of a Secret are (``tls.crt``, ``tls.key``, ``ca.crt``,
``ca.crl``), which is how Kubernetes mounts a Secret and cert-manager's tools write one. All files
of a folder that changed in one batch become one change of one Secret. YAML and JSON in between is
configuration like any other.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from controlplane.documents.content import SecretFolder, Skipped, Unreadable
from controlplane.sources.scan import is_configuration
from controlplane.sources.tree import Changed

_LIKE_PEM: Final = (".crt", ".key", ".crl", ".pem", ".cer")
_MISPLACED: Final = Unreadable("a Secret's entries lie in a folder NAMESPACE/NAME")


class SecretFolders:
    """The entries of each folder below ``roots`` as they were last reported."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = tuple(roots)
        self._skipped: set[Path] = set()
        self._entries: dict[Path, dict[str, bytes | Unreadable]] = {}

    def gathered(self, batch: Iterable[Changed]) -> tuple[Changed, ...]:
        """``batch`` with the changed entries of each folder as one change of the folder."""
        others: list[Changed] = []
        folders: dict[Path, None] = {}
        for change in batch:
            depth = self._depth(change.path)
            if isinstance(change.text, Skipped):
                self._skipped.add(change.path)
                others.append(change)
            elif change.path in self._skipped and change.text is None:
                self._skipped.discard(change.path)
                others.append(change)
            elif depth == 3:
                self._take(change)
                folders[change.path.parent] = None
            elif depth is None or not isinstance(change.text, bytes):
                # Configuration; or a folder that cannot be seen, or can be again.
                others.append(change)
            elif change.path.suffix in _LIKE_PEM:
                others.append(Changed(path=change.path, text=_MISPLACED))
        return (*others, *map(self._secret, folders))

    def _depth(self, path: Path) -> int | None:
        """How many names lead from a root to ``path``; ``None`` where it is configuration."""
        if is_configuration(path.name):
            return None
        below = (path.relative_to(root) for root in self._roots if path.is_relative_to(root))
        return max((len(relative.parts) for relative in below), default=None)

    def _take(self, change: Changed) -> None:
        entries = self._entries.setdefault(change.path.parent, {})
        if isinstance(change.text, bytes | Unreadable):
            entries[change.path.name] = change.text
        else:
            entries.pop(change.path.name, None)

    def _secret(self, folder: Path) -> Changed:
        entries = self._entries[folder]
        if entries:
            return Changed(path=folder, text=SecretFolder(tuple(sorted(entries.items()))))
        del self._entries[folder]
        return Changed(path=folder, text=None)
