"""Changes that the user makes to messages before they are sent: what each is for, and what it does.

Values of patches are serialized messages, since nothing here knows their types.
Source: https://istio.io/latest/docs/reference/config/networking/envoy-filter/
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from controlplane.base.hashing import hashed_once
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey


class PatchTarget(Enum):
    """The part of what a proxy is sent that a patch is for."""

    LISTENER = auto()
    LISTENER_FILTER = auto()
    FILTER_CHAIN = auto()
    NETWORK_FILTER = auto()
    HTTP_FILTER = auto()
    ROUTE_CONFIGURATION = auto()
    VIRTUAL_HOST = auto()
    ROUTE = auto()
    CLUSTER = auto()
    EXTENSION = auto()


class Operation(Enum):
    MERGE = auto()
    """Fields that the value sets are merged; lists are appended to."""
    MERGE_LISTS_REPLACED = auto()
    """As above, but a list of the value takes the place of the list that was there."""
    ADD = auto()
    REMOVE = auto()
    INSERT_BEFORE = auto()
    INSERT_AFTER = auto()
    INSERT_FIRST = auto()
    REPLACE = auto()

    @property
    def merges(self) -> bool:
        return self in (Operation.MERGE, Operation.MERGE_LISTS_REPLACED)


class PatchContext(Enum):
    """What a proxy is configured for; each thing that it is sent is for one of these."""

    GATEWAY = auto()
    SIDECAR_INBOUND = auto()
    SIDECAR_OUTBOUND = auto()


@dataclass(frozen=True, slots=True, order=True)
class PatchReference:
    """One patch of an object, by its place there, from 0."""

    object: ObjectKey
    number: int

    @property
    def place(self) -> FieldRef:
        return FieldRef(self.object, ("spec", "configPatches", self.number, "patch"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainCondition:
    """Everything that is given must match. ``filter`` and ``sub_filter`` are ``None`` where
    nothing is asked of them.
    """

    name: str = ""
    server_name: str = ""
    transport_protocol: str = ""
    application_protocols: tuple[str, ...] = ()
    destination_port: int = 0
    filter: str | None = None
    sub_filter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerCondition:
    name: str = ""
    port: int = 0
    listener_filter: str = ""
    chain: ChainCondition | None = None


class RouteAction(Enum):
    FORWARD = auto()
    REDIRECT = auto()
    RESPOND = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteCondition:
    """``action`` is ``None`` for any."""

    name: str = ""
    action: RouteAction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualHostCondition:
    name: str = ""
    domain: str = ""
    route: RouteCondition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCondition:
    """Of a route table; ``gateway`` is ``NAMESPACE/NAME``."""

    name: str = ""
    port: int = 0
    port_name: str = ""
    gateway: str = ""
    virtual_host: VirtualHostCondition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterCondition:
    """``name`` is compared alone where it is given."""

    name: str = ""
    service: str = ""
    port: int = 0
    subset: str = ""


Condition = ListenerCondition | TableCondition | ClusterCondition


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """``condition`` is ``None`` for all that ``target`` may be; ``context`` likewise. ``value`` is
    the serialized message of a REMOVE or of none at all where it is empty.
    """

    reference: PatchReference
    target: PatchTarget
    operation: Operation
    context: PatchContext | None = None
    condition: Condition | None = None
    value: bytes = field(default=b"", repr=False)
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def is_for(self, context: PatchContext) -> bool:
        return self.context is None or self.context is context

    def adds_to(self, context: PatchContext) -> bool:
        """Whether it adds a listener or cluster there: without a context, to what is called."""
        if self.context is None:
            return context is not PatchContext.SIDECAR_INBOUND
        return self.context is context


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyCondition:
    """Which proxies a patch is for: those whose version a regular expression is found in, and whose
    node says all of ``metadata``.
    """

    version: str = ""
    metadata: tuple[tuple[str, str], ...] = ()
