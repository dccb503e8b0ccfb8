"""What made a resource: the fields of the user's text that it came from, part by part."""

from dataclasses import dataclass
from enum import Enum

from controlplane.base.locations import FieldRef


class BuiltIn(Enum):
    """What exists without being configured; everything else has fields that made it."""

    BLACK_HOLE = "the cluster for requests without a destination"
    SIDECAR = "what every sidecar has"
    UNKNOWN_TRAFFIC = "what a sidecar does with calls to what is in no service"


Origin = FieldRef | BuiltIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The origins of a resource or of a part of it, the nearest first.

    ``parts`` are in the order of the message: the virtual hosts of a route table and the routes of
    each, the chains of a listener, the endpoints of an assignment. Parts are empty where they are
    not known, which happens only after an internal error.
    """

    name: str
    origins: tuple[Origin, ...]
    parts: tuple["Provenance", ...] = ()
