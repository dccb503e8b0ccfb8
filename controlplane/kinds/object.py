"""An object: who it is, its labels and annotations, and its body."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Generic

from typing_extensions import TypeIs

from controlplane.base.names import Kind, Namespace, ObjectKey, S, S_co

UNDATED: Final = "2026-12-01T00:00:00Z"
"""When an object without a timestamp counts as created: an API server dates what is written without
one when it comes. A clock would make the order of objects depend on restarts, so it is the date of
this release: what a cluster dated before is older, and a timestamp of the future makes an object
younger than those without one.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Object(Generic[S_co]):
    """An accepted object.

    ``spec`` is the ``spec`` of kinds that have one, and the whole body without its head of those
    that do not (Secret, ConfigMap, EndpointSlice, Endpoints). ``created`` is
    ``metadata.creationTimestamp`` (RFC 3339) or ``UNDATED``: files rarely have one. Ties break by
    name, then namespace. ``is_healthy`` is what its ``status`` says of that, if it does.
    ``generation`` is ``metadata.generation``; 0 where it is not written.
    """

    key: ObjectKey[S_co]
    spec: S_co
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    created: str = UNDATED
    is_healthy: bool | None = None
    generation: int = 0

    @property
    def name(self) -> str:
        return self.key.name

    @property
    def namespace(self) -> Namespace:
        return self.key.namespace

    @property
    def kind(self) -> Kind[S_co]:
        return self.key.kind

    @property
    def age(self) -> tuple[str, str, Namespace]:
        """Sort key, oldest first; Istio breaks ties by name before namespace."""
        return (self.created, self.key.name, self.key.namespace)


def is_of(declared: Object[object], kind: Kind[S]) -> TypeIs[Object[S]]:
    return declared.key.kind == kind
