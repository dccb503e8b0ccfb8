"""What the admin interface shows, as the values that the server fills in and the commands read.

One struct for each JSON object of ``/api/v1``; the field names are the JSON's. None holds a private
key. The module imports nothing of the control plane, so that a command which only asks starts fast.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Final

import msgspec


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A value of the admin interface."""


class DeclaredObject(View, frozen=True):
    """An object, ``Kind/namespace/name``, and where it is declared: ``path`` is empty for one that
    is in no file, ``line`` is 0 for a file as a whole.
    """

    object: str
    path: str = ""
    line: int = 0


# /api/v1/objects


class ListedObject(DeclaredObject, frozen=True, kw_only=True):
    """``in_force``: it is served, in the form that was accepted last; ``refused``: the form that is
    declared now is not accepted. Both hold while an object keeps the form before its mistake.
    """

    in_force: bool
    refused: bool


# /api/v1/status


class SyncState(Enum):
    """``UNASKED``: the proxy never asked for the type. ``WAITING``: it has yet to answer.

    ``OVERDUE``: it should have answered by now; later changes no longer wait for it.
    """

    UNASKED = "unasked"
    SYNCED = "synced"
    WAITING = "waiting"
    OVERDUE = "overdue"
    REJECTED = "rejected"


class Rejection(View, frozen=True):
    """A resource that the proxy rejects; it continues with the form before it, if any."""

    name: str
    version: str
    error: str


class TypeStatus(View, frozen=True):
    """One xDS type of one proxy. ``since``: when the response was sent that it has yet to answer.
    ``revision`` is the last one that it acknowledged completely.
    """

    type: str
    state: SyncState
    since: datetime | None = None
    revision: int | None = None
    rejections: tuple[Rejection, ...] = ()


class ProxyStatus(View, frozen=True):
    """One connected proxy."""

    name: str
    namespace: str
    role: str
    service_account: str
    node: str
    peer: str
    variant: str
    connected: datetime
    revision: int | None
    types: tuple[TypeStatus, ...]
    version: str = ""
    """Of the Envoy, ``1.40.0``; empty where it does not say."""

    @property
    def full_name(self) -> str:
        """``NAME.NAMESPACE``, as commands take it."""
        return f"{self.name}.{self.namespace}"


class Origin(View, frozen=True):
    """A field of the user's text that made something: its object, its path there
    (``spec.http[0]``), and file and line; without those it is in no file. ``built_in`` alone is set
    for what exists without being configured, and says what that is.
    """

    object: str | msgspec.UnsetType = msgspec.UNSET
    field: str | msgspec.UnsetType = msgspec.UNSET
    path: str | msgspec.UnsetType = msgspec.UNSET
    line: int | msgspec.UnsetType = msgspec.UNSET
    built_in: str | msgspec.UnsetType = msgspec.UNSET


class IdlePatch(Origin, frozen=True):
    """The field of its match that nothing has, and what there is; empty where all have one."""

    reason: str = ""
    hint: str = ""


class RejectedResource(View, frozen=True):
    """A resource that a proxy rejects, in Envoy's words, with a field of each object that it came
    from.
    """

    type: str
    name: str
    error: str
    origins: tuple[Origin, ...] = ()


class ShownProxy(View, frozen=True):
    """A proxy and all that it rejects.

    ``group`` is the WorkloadGroup that registered it. ``mtls`` is what a sidecar's workload accepts
    (``STRICT, 9090 PERMISSIVE``); both are empty where that is nothing. ``certificate_ends`` is of
    its own certificate of the mesh.
    """

    proxy: ProxyStatus
    rejected: tuple[RejectedResource, ...] = ()
    group: str = ""
    mtls: str = ""
    certificate_ends: datetime | None = None


class AuthorityStatus(View, frozen=True, kw_only=True):
    """The mesh's authority. ``step``: of a change of its roots, ``steady`` where there is none;
    ``until``: when what was before the step is over; ``waits_for``: proxies that may lack what the
    step gives.
    """

    step: str
    since: datetime
    until: datetime | None
    waits_for: tuple[str, ...]
    is_plugged_in: bool
    root_expires: datetime


class RegisteredWorkload(View, frozen=True):
    """A workload that registered itself: ``WorkloadEntry/namespace/name``. ``ready``: callers may
    choose it. ``healthy``: what its Envoy found last, ``None`` where it is not probed or has not
    said.
    """

    object: str
    since: datetime
    connected: bool
    ready: bool
    healthy: bool | None = None

    @property
    def short_name(self) -> str:
        """``WorkloadEntry reviews-v1-172-18-0-7``, with its namespace where that is not default."""
        kind, namespace, name = self.object.split("/")
        return f"{kind} {name}" if namespace == "default" else f"{kind} {namespace}/{name}"


class ConnectedRunner(View, frozen=True, kw_only=True):
    """A runner, ``controlplane gateways``: ``published`` are the ports that others reach, as it
    says; ``gateways`` those that it is to run, ``NAME.NAMESPACE``; ``rejections`` those that it
    does not.
    """

    name: str
    namespace: str
    peer: str
    connected: datetime
    published: str = ""
    gateways: tuple[str, ...] = ()
    rejections: tuple[Rejection, ...] = ()

    @property
    def full_name(self) -> str:
        """``NAME.NAMESPACE``."""
        return f"{self.name}.{self.namespace}"


class Status(View, frozen=True):
    """``revision`` counts the edits since the start; ``waiting`` the objects that are held as they
    were, for at most a second, until the rest of their change comes: ``waiting_objects``.
    ``held_removals`` are the objects (``Kind/namespace/name``) that no file declares any more and
    that stay in force until their removal is confirmed. ``idle_gateways`` are the Gateways whose
    selector no connected proxy has.
    """

    ready: bool
    revision: int
    objects: int
    refused: int
    waiting: int = 0
    waiting_objects: tuple[str, ...] = ()
    held_removals: tuple[str, ...] = ()
    idle_gateways: tuple[DeclaredObject, ...] = ()
    proxies: tuple[ShownProxy, ...] = ()
    authority: AuthorityStatus | None = None
    registered: tuple[RegisteredWorkload, ...] = ()
    runners: tuple[ConnectedRunner, ...] = ()

    @property
    def is_synced(self) -> bool:
        """Whether every proxy has all that it should have, every runner runs what it should, no
        object is refused, and no removal waits to be confirmed.
        """
        if any(runner.rejections for runner in self.runners):
            return False
        states = {t.state for shown in self.proxies for t in shown.proxy.types}
        settled = {SyncState.SYNCED, SyncState.UNASKED}
        return self.ready and not self.refused and not self.held_removals and states <= settled


# /api/v1/confirm-removal


class Removed(View, frozen=True):
    """The objects (``Kind/namespace/name``) whose removal was held and is confirmed."""

    objects: tuple[str, ...]


# /api/v1/diagnostics, and the diagnostics of ``check --output json``


class Finding(View, frozen=True):
    """A diagnostic and where it is. ``path``, ``line`` and ``column`` are ``None`` for an object in
    no file; ``line`` and ``column`` are 0 for a file as a whole.
    """

    code: str
    severity: str
    message: str
    hint: str | None
    path: str | None
    line: int | None
    column: int | None
    object: str | None
    refused: bool
    in_force: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether an accepted version of the object is served; a running control plane says so."""
    consequence: str | msgspec.UnsetType = msgspec.UNSET
    """What requests get because of it (``requests to shop.example.com get 503``), where it takes an
    answer away; a running control plane says so.
    """


class Diagnosis(View, frozen=True):
    """All that is wrong, sorted by file, line and column, with how much was looked at."""

    diagnostics: tuple[Finding, ...]
    objects: int
    refused: int


# /api/v1/config/PROXY


class ConfigPart(View, frozen=True):
    """A part of a resource: a virtual host and its routes, a filter chain, an endpoint."""

    name: str
    origins: tuple[Origin, ...]
    parts: tuple["ConfigPart", ...] = ()


class ConfigResource(View, frozen=True):
    """A resource of a proxy as protobuf's JSON, fields named as in the proto files, without keys.

    ``origins`` made it, the nearest first. ``parts`` are in the order of the resource: the virtual
    hosts of a route table, with their routes; the chains of a listener; endpoints. They are empty
    where they are not known, which happens only after an internal error.
    """

    name: str
    version: str
    resource: Mapping[str, object]
    origins: tuple[Origin, ...] = ()
    parts: tuple[ConfigPart, ...] = ()


PARTS: Final = ("all", "listeners", "routes", "clusters", "endpoints", "secrets", "extensions")
"""What of a proxy's configuration can be asked for."""


class ProxyConfig(View, frozen=True):
    """What a proxy was sent, or the parts of it that were asked for. ``idle_patches`` are those of
    EnvoyFilters that are attached to it and find nothing in that, with all parts only.
    """

    proxy: str
    role: str
    service_account: str
    labels: Mapping[str, str]
    addresses: tuple[str, ...]
    revision: int
    listeners: tuple[ConfigResource, ...] | msgspec.UnsetType = msgspec.UNSET
    routes: tuple[ConfigResource, ...] | msgspec.UnsetType = msgspec.UNSET
    clusters: tuple[ConfigResource, ...] | msgspec.UnsetType = msgspec.UNSET
    endpoints: tuple[ConfigResource, ...] | msgspec.UnsetType = msgspec.UNSET
    secrets: tuple[ConfigResource, ...] | msgspec.UnsetType = msgspec.UNSET
    extensions: tuple[ConfigResource, ...] | msgspec.UnsetType = msgspec.UNSET
    idle_patches: tuple[IdlePatch, ...] | msgspec.UnsetType = msgspec.UNSET


def json_text(value: object) -> str:
    """``value``, of the structs above and plain data, as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
