"""Which policies are attached to a proxy: the part of a view that says who may call."""

from dataclasses import dataclass, field
from typing import Final

from controlplane.base.hashing import hashed_once
from controlplane.base.names import ObjectKey


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyKeys:
    """``authorization`` are AuthorizationPolicies, ``tokens`` RequestAuthentications: those of the
    root namespace first, then the oldest. ``are_known``: no internal error hides others.
    """

    authorization: tuple[ObjectKey, ...] = ()
    tokens: tuple[ObjectKey, ...] = ()
    are_known: bool = True
    _hash: int = field(default=0, init=False, repr=False, compare=False)


NO_POLICIES: Final = PolicyKeys()
UNKNOWN_POLICIES: Final = PolicyKeys(are_known=False)
