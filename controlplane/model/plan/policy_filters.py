"""What policies put into the chains of a proxy: the same into each of them, because ports are a
part of rules.
"""

from dataclasses import dataclass
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.model.plan.network_filters import HttpFilter, NetworkFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFilters:
    """``http`` are for every chain that reads requests, ``network`` for every other. ``origins``
    are the policies.
    """

    http: tuple[HttpFilter, ...] = ()
    network: tuple[NetworkFilter, ...] = ()
    origins: tuple[FieldRef, ...] = ()


NO_POLICY_FILTERS: Final = PolicyFilters()
