"""The objects in force, and the Gateways of the Gateway API, as the admin interface shows them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from controlplane.admin.objects import (
    FoundObjects,
    GatewayRow,
    Gateways,
    ListenerRow,
    ShownObject,
)
from controlplane.admin.view import DeclaredObject
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.engine.engine import Engine
from controlplane.kinds.gateway_api.gateway import (
    KUBERNETES_GATEWAY,
    KubernetesGateway,
    KubernetesGatewayKey,
)
from controlplane.kinds.object import Object
from controlplane.model.gateway_api import Condition, ConditionStatus
from controlplane.queries.gateway_api.listeners import listeners_of
from controlplane.serve.object_view import key_for, manifest, meant_kinds, sorted_value
from controlplane.serve.status_value import Json
from controlplane.serve.statuses import Statuses
from controlplane.translate.gateway_api.conditions import ACCEPTED, CONFLICTED, PROGRAMMED
from controlplane.translate.gateway_api.status import (
    GatewayStatus,
    ListenerSetStatus,
    ListenerStatus,
)

DEFAULT: Final = "default"


class ShownObjects:
    """Reads the engine and the statuses; changes nothing that is served."""

    def __init__(self, engine: Engine, statuses: Statuses) -> None:
        self._engine = engine
        self._statuses = statuses

    def found(self, kind: str, namespace: str, name: str) -> FoundObjects | None:
        """The objects that are meant; ``None`` where no object is of such a kind."""
        declared = {each.key.kind for each in self._engine.declarations()}
        in_force = {raw.key.kind for raw in self._engine.accepted()}
        keys = [
            key_for(each, namespace or DEFAULT, name)
            for each in meant_kinds(kind, declared | in_force)
        ]
        if not keys:
            return None
        shown = [each for key in keys for each in self._shown(key)]
        lost = [key for key in keys if self._engine.is_refused(key) and not list(self._shown(key))]
        return FoundObjects(
            objects=tuple(shown), refused=tuple(declared_at(self._engine, key) for key in lost)
        )

    def _shown(self, key: ObjectKey) -> Iterator[ShownObject]:
        self._statuses.value(key)  # of now
        shown = self.manifest(key)
        if shown is not None:
            declared = declared_at(self._engine, key)
            yield ShownObject(
                object=declared.object,
                path=declared.path,
                line=declared.line,
                refused=self._engine.is_refused(key),
                manifest=shown,
            )

    def manifest(self, key: ObjectKey) -> Json | None:
        """An object as Kubernetes would show it, with the status that was seen last; ``None`` where
        it is not in force.
        """
        raw = self._engine.raw(key)
        if raw is None:
            return None
        shown = sorted_value(
            manifest(raw, self._statuses.seen(key), self._statuses.generation(key))
        )
        assert isinstance(shown, Mapping), "an object is a mapping"
        return shown

    def gateways(self) -> Gateways:
        """The Gateways of the Gateway API, by namespace and name."""
        keys = sorted(each.key for each in self._engine.objects(KUBERNETES_GATEWAY))
        rows = {key: self._row(key) for key in keys}
        unserved = (key for key, row in rows.items() if row is None)
        return Gateways(
            gateways=tuple(row for row in rows.values() if row is not None),
            unserved=tuple(declared_at(self._engine, key) for key in unserved),
        )

    def _row(self, key: KubernetesGatewayKey) -> GatewayRow | None:
        self._statuses.value(key)  # notes since when conditions are as they are
        status = self._statuses.observed(key)
        gateway: Object[KubernetesGateway] | None = self._engine.object(key)
        if gateway is None or not isinstance(status, GatewayStatus):
            return None
        return GatewayRow(
            declared=declared_at(self._engine, key),
            class_name=gateway.spec.gateway_class_name,
            addresses=tuple(each["value"] for each in self._statuses.addresses(key)),
            accepted=_said(status.conditions, ACCEPTED),
            programmed=_said(status.conditions, PROGRAMMED),
            since=self._statuses.since(key, PROGRAMMED),
            problem=_problem(status.conditions),
            listeners=tuple(self._listeners(key)),
        )

    def _listeners(self, key: KubernetesGatewayKey) -> Iterator[ListenerRow]:
        by_parent: dict[ObjectKey, Mapping[str, ListenerStatus]] = {}
        for listener in listeners_of(self._engine.graph, key):
            parent = listener.id.parent
            if parent not in by_parent:
                by_parent[parent] = _by_name(self._statuses.observed(parent))
            status = by_parent[parent].get(listener.id.name)
            conditions = status.conditions if status is not None else ()
            yield ListenerRow(
                parent=declared_at(self._engine, parent),
                name=listener.id.name,
                protocol=listener.protocol,
                port=listener.port,
                hostname=listener.hostname,
                programmed=_said(conditions, PROGRAMMED),
                attached_routes=status.attached_routes if status is not None else 0,
                problem=_problem(conditions),
            )


def declared_at(engine: Engine, key: ObjectKey) -> DeclaredObject:
    """An object with its file and line."""
    location = engine.location(FieldRef(key))
    return DeclaredObject(
        object=str(key),
        path=str(location.path) if location is not None else "",
        line=location.line if location is not None else 0,
    )


def _by_name(status: object) -> Mapping[str, ListenerStatus]:
    if isinstance(status, GatewayStatus | ListenerSetStatus):
        return {listener.name: listener for listener in status.listeners}
    return {}


def _said(conditions: Iterable[Condition], type_: str) -> str:
    """``True``, or the reason why not."""
    found = next((each for each in conditions if each.type == type_), None)
    if found is None:
        return ConditionStatus.UNKNOWN.value
    return found.status.value if found.status is ConditionStatus.TRUE else found.reason


def _problem(conditions: Iterable[Condition]) -> str:
    """What is not as wanted, in the words of the first condition that says so."""
    unwanted = (
        each.message
        for each in conditions
        if each.type != CONFLICTED and each.status is not ConditionStatus.TRUE
    )
    return next(unwanted, "")
