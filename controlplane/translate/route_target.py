"""Where a destination of a route leads, as both APIs need it."""

from dataclasses import dataclass

from controlplane.base.locations import FieldRef
from controlplane.model.routing import HashPolicy, Offer

Origins = tuple[FieldRef, ...]
"""The fields that made something, the nearest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTarget:
    """Where a destination leads: its cluster's name, and what pins requests to one of its
    endpoints.
    """

    cluster: str
    described: str
    """``host:port``, for traces."""
    hash_policies: tuple[HashPolicy, ...] = ()
    offer: Offer | None = None
    """What the mesh's own TLS offers for a request to it, where its cluster does not say."""
    origins: Origins = ()
    """What gave the hash policies, where the caller asks for it."""
