"""Names of objects and of the things they refer to, each its own type so that they cannot be
confused.
"""

from dataclasses import dataclass, field
from typing import Final, Generic, NewType

from typing_extensions import TypeIs, TypeVar

Namespace = NewType("Namespace", str)
Host = NewType("Host", str)
"""A complete host name or a wildcard (``*``, ``*.example.com``), as the user spelled it."""
PortNumber = NewType("PortNumber", int)
SubsetName = NewType("SubsetName", str)

CLUSTER_DOMAIN: Final = "cluster.local"
ROOT_NAMESPACE: Final = Namespace("istio-system")  # MeshConfig.rootNamespace, default


S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True, default=object)
"""The struct that objects of a kind have for a spec; ``object`` where any kind may be meant."""


@dataclass(frozen=True, slots=True, order=True)
class Kind(Generic[S_co]):
    """A kind of object: API group (empty for core) and name. ``Gateway`` exists in two groups."""

    group: str
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey(Generic[S_co]):
    """Identity of an object: kind, namespace, name. Cluster-wide kinds have the namespace
    ``""``.
    """

    kind: Kind[S_co]
    namespace: Namespace
    name: str
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # A key is looked up far more often than it is made.
        object.__setattr__(self, "_hash", hash((self.kind.name, self.namespace, self.name)))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return f"{self.kind.name}/{self.namespace}/{self.name}"

    @property
    def display_name(self) -> str:
        """``DestinationRule default/reviews``: how messages name an object."""
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind.name} {place}"


def key_is_of(key: ObjectKey, kind: Kind[S]) -> TypeIs[ObjectKey[S]]:
    return key.kind == kind
