"""Configuration files as they are, once, and how what was found is handed on."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from controlplane.sources.printable import printable
from controlplane.sources.secret_folders import SecretFolders
from controlplane.sources.tree import Changed, Moment, Tree


def loaded(paths: Sequence[Path], secrets: Sequence[Path] = ()) -> tuple[Changed, ...]:
    """All files below ``paths``, and Secrets of the folders below ``secrets``.

    ``ConfigMissing`` when one of these does not exist.
    """
    now = Moment(time.monotonic(), time.time())
    return SecretFolders(secrets).gathered(shown(Tree(paths, secrets).load(now)))


def shown(batch: Iterable[Changed]) -> Iterator[Changed]:
    """``batch`` with the names that are shown instead of the system's."""
    return (replace(changed, path=printable(changed.path)) for changed in batch)
