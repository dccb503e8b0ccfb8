"""Which generation of its spec an object is in: counted here where no API server counts.

A status says which generation it was made for. Whoever writes ``metadata.generation`` counts
himself; for others the first accepted spec is 1, and each accepted change of it one more. What else
changes (labels, annotations, comments) is no new generation.
Source: Kubernetes API conventions, "Metadata" (``generation``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec
import xxhash

from controlplane.base.names import ObjectKey
from controlplane.documents.document import RawObject
from controlplane.queries.analysis.object_status import WITH_STATUS


@dataclass(frozen=True, slots=True)
class Counted:
    """A generation, and a hash of the spec that it is of."""

    generation: int
    spec: str


class Generations:
    """The generations of the objects that have a status; ``known`` are those of an earlier run."""

    def __init__(self, known: Mapping[ObjectKey, Counted] | None = None) -> None:
        self._counted = dict(known or {})

    def of(self, key: ObjectKey) -> int:
        """0 for an object that is not in force."""
        counted = self._counted.get(key)
        return counted.generation if counted is not None else 0

    def counted(self) -> Iterator[tuple[ObjectKey, Counted]]:
        """Every object that is counted, to be remembered."""
        yield from self._counted.items()

    def note(
        self, keys: Iterable[ObjectKey], accepted: Callable[[ObjectKey], RawObject | None]
    ) -> None:
        """Count what an edit brought of ``keys``; one that was removed begins again at 1."""
        for key in keys:
            if key.kind not in WITH_STATUS:
                continue
            raw = accepted(key)
            if raw is None:
                self._counted.pop(key, None)
                continue
            spec, before = _hash_of(raw), self._counted.get(key)
            if before is None or before.spec != spec:
                count = before.generation + 1 if before is not None else 1
                self._counted[key] = Counted(count, spec)

    def forget_others(self, known: Callable[[ObjectKey], object]) -> None:
        """Forget what was removed while nothing ran: all that ``known`` gives ``None`` for."""
        for key in [key for key in self._counted if known(key) is None]:
            del self._counted[key]


def _hash_of(raw: RawObject) -> str:
    return xxhash.xxh3_64_hexdigest(msgspec.json.encode(raw.body.get("spec"), order="sorted"))
