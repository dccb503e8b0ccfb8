"""Filters that users bring themselves, as modules of WebAssembly or programs of Lua."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from controlplane.base.hashing import hashed_once
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey, PortNumber
from controlplane.model.authorization import Transport
from controlplane.model.http_settings import ListenerContext
from controlplane.model.proxy import Labels


class Phase(Enum):
    """Where a filter acts, between those that decide who may call."""

    AUTHN = auto()
    AUTHZ = auto()
    STATS = auto()
    UNSPECIFIED = auto()


class FailurePolicy(Enum):
    """What becomes of traffic whose module fails, or cannot be had at all."""

    CLOSED = auto()
    OPEN = auto()
    RELOAD = auto()
    """As ``CLOSED``, but the module is started again."""

    @property
    def passes(self) -> bool:
        return self is FailurePolicy.OPEN


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class WasmFilter:
    """A module, whose configuration the proxy asks for by ``name``. ``admits_without``: calls pass
    where the proxy cannot use what it is told.
    """

    name: str
    phase: Phase
    transport: Transport
    admits_without: bool = False
    _hash: int = field(default=0, init=False, repr=False, compare=False)


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class LuaFilter:
    """A program, which is in the filter itself."""

    name: str
    phase: Phase
    code: str
    _hash: int = field(default=0, init=False, repr=False, compare=False)


ExtensionFilter = WasmFilter | LuaFilter


@dataclass(frozen=True, slots=True)
class Traffic:
    """Listeners for calls that come in (``server``) or go out (``client``), on one of ``ports``;
    without any on all.
    """

    client: bool
    server: bool
    ports: tuple[PortNumber, ...] = ()

    def includes(self, context: ListenerContext, port: PortNumber) -> bool:
        """A gateway's listeners are those of a client, as in Istio."""
        is_meant = self.server if context is ListenerContext.INBOUND else self.client
        return is_meant and (not self.ports or port in self.ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A filter and the listeners that have it: those of any ``traffic``; without any all.

    ``place`` is the object's spec.
    """

    filter: ExtensionFilter
    traffic: tuple[Traffic, ...]
    place: FieldRef

    def is_for(self, context: ListenerContext, port: PortNumber) -> bool:
        return not self.traffic or any(each.includes(context, port) for each in self.traffic)


@dataclass(frozen=True, slots=True)
class FileAtProxy:
    """A module that is at a path of the proxy's own."""

    path: str


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class ModuleSource:
    """From where the control plane fetches a module: an address of ``http``, ``https`` or ``oci``,
    or one of ``file`` below the folder that it may read.

    ``checksum`` is of the module, or of the image; empty for any. ``secret`` names what the
    registry is shown. ``change`` differs with every edit of an object that asks for the newest one.
    """

    uri: str
    checksum: str = ""
    secret: ObjectKey | None = None
    change: str = ""


ModuleCode = FileAtProxy | ModuleSource


@dataclass(frozen=True, slots=True, kw_only=True)
class WasmConfiguration:
    """What a proxy is told of a module. ``configuration`` is JSON; ``None`` for none.

    ``host_variables`` are taken from the proxy's own environment.
    """

    name: str
    title: str
    transport: Transport
    code: ModuleCode
    root_id: str = ""
    configuration: str | None = None
    failure: FailurePolicy = FailurePolicy.CLOSED
    variables: Labels = ()
    host_variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Module:
    """A module by its SHA-256; its bytes are not shown."""

    digest: str
    content: bytes = field(repr=False, compare=False)


Modules = Mapping[ModuleSource, Module]
