"""What an earlier run accepted, without a file."""

from collections.abc import Iterable
from pathlib import Path

from controlplane.base.names import ObjectKey
from controlplane.documents.document import RawObject


class Memory:
    """What an earlier run accepted, as the next finds it."""

    def __init__(self) -> None:
        self.objects: dict[ObjectKey, RawObject] = {}

    def keys(self) -> tuple[ObjectKey, ...]:
        return tuple(self.objects)

    def differing(self, objects: Iterable[RawObject]) -> tuple[RawObject, ...]:
        by_key = {raw.key: raw.body for raw in objects}
        return tuple(r for r in self.objects.values() if by_key.get(r.key) != r.body)

    def of_key(self, key: ObjectKey) -> RawObject | None:
        return self.objects.get(key)

    def of_file(self, path: Path) -> tuple[RawObject, ...]:
        return tuple(raw for raw in self.objects.values() if raw.origin.path == path)

    def save(self, put: Iterable[RawObject], removed: Iterable[ObjectKey]) -> None:
        self.objects.update((raw.key, raw) for raw in put)
        for key in removed:
            self.objects.pop(key, None)
