"""What the admin interface shows of single objects and of Gateways of the Gateway API.

One struct for each JSON object of ``/api/v1``, as in ``view``. None holds a private key.
"""

from collections.abc import Mapping
from datetime import datetime

from controlplane.admin.view import DeclaredObject, ListedObject, View

# /api/v1/objects/KIND


class KindObject(ListedObject, frozen=True, kw_only=True):
    """An object; ``kind`` is the word for its kind alone: ``gateway.networking.istio.io``."""

    kind: str


class ObjectsOfKind(View, frozen=True, kw_only=True):
    """The objects of the kinds that a word means, by kind, namespace and name."""

    objects: tuple[KindObject, ...]


# /api/v1/objects/KIND/NAME and /api/v1/objects/KIND/NAMESPACE/NAME


class ShownObject(DeclaredObject, frozen=True, kw_only=True):
    """An object that is in force, as Kubernetes would show it, with its ``status`` if it has one.
    ``refused``: what its file says now is not accepted.
    """

    refused: bool
    manifest: Mapping[str, object]


class FoundObjects(View, frozen=True, kw_only=True):
    """The objects that a kind and a name may mean; of several the kind says too little.
    ``refused`` are declared and were never accepted.
    """

    objects: tuple[ShownObject, ...]
    refused: tuple[DeclaredObject, ...] = ()


# /api/v1/gateways


class ListenerRow(View, frozen=True, kw_only=True):
    """A listener of a Gateway or of one of its ListenerSets. ``parent`` declares it;
    ``programmed`` is ``True`` or the reason why not; ``problem`` says what is not as wanted.
    """

    parent: DeclaredObject
    name: str
    protocol: str
    port: int
    hostname: str
    programmed: str
    attached_routes: int
    problem: str = ""


class GatewayRow(View, frozen=True, kw_only=True):
    """A Gateway that is served here; ``accepted`` and ``programmed`` as of listeners, ``since``
    from when it is or is not programmed.
    """

    declared: DeclaredObject
    class_name: str
    addresses: tuple[str, ...]
    accepted: str
    programmed: str
    since: datetime | None
    problem: str = ""
    listeners: tuple[ListenerRow, ...] = ()


class Gateways(View, frozen=True, kw_only=True):
    """``unserved`` are Gateways of classes that are other controllers'."""

    gateways: tuple[GatewayRow, ...]
    unserved: tuple[DeclaredObject, ...] = ()

    @property
    def is_programmed(self) -> bool:
        """Whether all are."""
        return all(gateway.programmed == "True" for gateway in self.gateways)
