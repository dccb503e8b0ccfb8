"""Which folders are watched for a tree, and what an event in one of them means for it.

Watched are the folders that files were seen in, those that links lead to, and the one above each
root, where the root itself comes and goes. Events carry complete paths; the tree knows paths as
they were given.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from watchfiles import Change

from controlplane.sources.sight import is_hidden
from controlplane.sources.tree import Tree

Kinds = frozenset[Change]
"""What happened to one path in one batch of events, in no order."""

_SWAPPED = "..data"  # the link that Kubernetes replaces when it updates a mounted ConfigMap


class Watched:
    """The folders of ``tree`` as they were when watching began."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._state = (tree.folders, tree.links())
        self._folders = {_complete(folder.path): folder.path for folder in tree.folders}
        self._roots = {_complete(root): root for root in tree.roots}
        self._links = tree.links()
        above = {str(Path(root).parent) for root in self._roots}
        self.all = {f for f in {*self._folders, *above, *self._links} if Path(f).is_dir()}
        self._is_incomplete = not self.all.issuperset(self._folders)

    def is_outdated(self) -> bool:
        """Whether the tree has other folders now, or some was away when watching began."""
        return self._is_incomplete or self._state != (self._tree.folders, self._tree.links())

    def are_lost(self, events: Mapping[str, Kinds]) -> bool:
        """Whether a watched folder was removed: nothing more is heard of it, even if it is back."""
        return any(Change.deleted in kinds and path in self.all for path, kinds in events.items())

    def demand_scan(self, events: Mapping[str, Kinds]) -> bool:
        """Whether something happened that a glance at known files would not find."""
        return any(
            self._demands_scan(path)
            for path, kinds in events.items()
            if not self.knows(path) or (path in self._roots and Change.deleted in kinds)
        )

    def knows(self, path: str) -> bool:
        shown = self.shown(path)
        return bool(shown) and self._tree.knows(shown)

    def shown(self, path: str) -> str:
        """``path`` as the tree names it; empty where the tree sees nothing."""
        if path in self._roots:
            return self._roots[path]
        folder, name = os.path.split(path)
        return f"{self._folders[folder]}{os.sep}{name}" if folder in self._folders else ""

    def _demands_scan(self, path: str) -> bool:
        folder, name = os.path.split(path)
        if path in self._roots or folder in self._links or path in self._folders:
            return True
        if folder not in self._folders:
            return False
        if is_hidden(name):
            return name == _SWAPPED
        return self._tree.wants(self.shown(path)) or Path(path).is_dir()


def _complete(path: str) -> str:
    return str(Path(path).absolute())
