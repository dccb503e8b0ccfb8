"""A workload that registers itself by connecting: what is known of it, and what is served of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from controlplane.base.names import Namespace
from controlplane.model.proxy import NOWHERE, Locality, Role


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class WorkloadId:
    """Which workload it is: its group, as its token proves, and its address, as its node says.

    ``is_proven``: its connections come from the address. Who only says an address is another
    workload than the one that is there.
    """

    namespace: Namespace
    group: str
    address: str
    is_proven: bool

    def __str__(self) -> str:
        return f"{self.namespace}/{self.group} at {self.address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a proxy says that it is when it connects. Only ``locality`` and the address are the
    node's words, the rest its token's. ``peer`` is the address that its connection comes from,
    empty where it has none.
    """

    id: WorkloadId
    service_account: str
    role: Role
    peer: str
    locality: Locality = NOWHERE


class Reason(Enum):
    """Why a workload is not registered."""

    NO_GROUP = "there is no such WorkloadGroup"
    OTHER_ACCOUNT = "the group's workloads have another service account"
    OTHER_ADDRESS = "its connection comes from another address"
    NOT_AN_ADDRESS = "no other host reaches it at its address"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedClaim:
    """A connected workload that is not registered."""

    claim: Claim
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A workload as it is registered now.

    ``is_present``: it is connected, or gone for a reason that is not its own. ``is_healthy``: what
    its proxy found last; ``None`` where it has not said. ``order``: of two at one address, the
    higher one connected last.
    """

    claim: Claim
    since: datetime
    is_connected: bool
    is_present: bool
    is_healthy: bool | None = None
    order: int = 0
