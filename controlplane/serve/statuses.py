"""The status of every object that has one, with what only a running control plane knows: which
generation it is of, since when its conditions are as they are, where a Gateway is reached, and what
proxies have acknowledged.

Nothing that is computed for proxies depends on any of it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from controlplane.base.names import ObjectKey, key_is_of
from controlplane.base.paced import paced
from controlplane.engine.engine import Engine
from controlplane.engine.generations import Counted, Generations
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET
from controlplane.model.gateway_api import Condition
from controlplane.queries.gateway_api.listeners import named_gateway
from controlplane.queries.registry.services import service_of
from controlplane.serve.gateway_addresses import gateway_addresses
from controlplane.serve.programmed import (
    NO_PROXIES,
    Proxies,
    programmed_gateway,
    programmed_set,
    proxies_of_gateways,
)
from controlplane.serve.status_value import Json, status_value
from controlplane.sources.kept_statuses import KeptStatus
from controlplane.translate.gateway_api.addresses import gateway_services, is_managed, own_address
from controlplane.translate.gateway_api.status import GatewayStatus, ListenerSetStatus, Status
from controlplane.xds.connections import Connections

Transitions = dict[str, tuple[str, datetime]]
"""By condition (``http Accepted``) its status, and since when."""


def generations(kept: Iterable[KeptStatus]) -> Generations:
    """The generations that an earlier run counted."""
    return Generations({each.key: Counted(each.generation, each.spec) for each in kept})


@dataclass(slots=True, eq=False)
class Statuses:
    """Keeps the last value of each status; ``clock`` gives the time in UTC."""

    engine: Engine
    connections: Connections
    clock: Callable[[], datetime]
    _transitions: dict[ObjectKey, Transitions] = field(default_factory=dict)
    _values: dict[ObjectKey, Json] = field(default_factory=dict)
    _proxies: Mapping[ObjectKey, Proxies] = field(default_factory=dict)
    _reached: Mapping[ObjectKey, tuple[str, ...]] = field(default_factory=dict)

    def remember(self, kept: Iterable[KeptStatus]) -> None:
        """Go on from what an earlier run kept."""
        self._transitions.update((each.key, dict(each.transitions)) for each in kept)

    def kept(self) -> tuple[KeptStatus, ...]:
        """What a later run is to go on from."""
        return tuple(
            KeptStatus(
                group=key.kind.group,
                kind=key.kind.name,
                namespace=key.namespace,
                name=key.name,
                generation=counted.generation,
                spec=counted.spec,
                transitions=self._transitions.get(key, {}),
            )
            for key, counted in sorted(self.engine.generations.counted())
        )

    def value(self, key: ObjectKey) -> Json | None:
        """The status of an object as of now; ``None`` where it has none."""
        self._look_at_proxies()
        return self._updated(key)

    def observed(self, key: ObjectKey) -> Status | None:
        """What ``value`` shows, before it is JSON."""
        status = self.engine.status(key)
        return self._observed(key, status) if status is not None else None

    def since(self, key: ObjectKey, condition: str) -> datetime | None:
        """Since when a condition of an object (not of a part of it) is as it was last seen."""
        known = self._transitions.get(key, {}).get(condition)
        return known[1] if known is not None else None

    def has(self, key: ObjectKey) -> bool:
        """Whether ``look`` saw a status of the object."""
        return key in self._values

    def seen(self, key: ObjectKey) -> Json | None:
        """The value that was seen last."""
        return self._values.get(key)

    async def look(self) -> tuple[ObjectKey, ...]:
        """Bring every status up to date that may be another one; gives their objects."""
        doubtful = dict.fromkeys(self.engine.take_statuses())
        if self._look_at_proxies():
            doubtful |= dict.fromkeys(k for k in self._values if k.kind in _WITH_LISTENERS)
        async for key in paced(doubtful):
            self._updated(key)
        return tuple(doubtful)

    def _updated(self, key: ObjectKey) -> Json | None:
        status = self.engine.status(key)
        if status is None:
            self._values.pop(key, None)
            self._transitions.pop(key, None)
            return None
        before, now = self._transitions.get(key, {}), self.clock().replace(microsecond=0)
        since: Transitions = {}
        generation = self.generation(key)

        def stamp(about: str, condition: Condition) -> Json:
            name = f"{about} {condition.type}".strip()
            said, begun = before.get(name, ("", now))
            begun = begun if said == condition.status.value else now
            since[name] = condition.status.value, begun
            return {"lastTransitionTime": timestamp(begun), "observedGeneration": generation}

        value = status_value(self._observed(key, status), stamp, self.addresses(key))
        self._transitions[key], self._values[key] = since, value
        return value

    def generation(self, key: ObjectKey) -> int:
        """Of an object's spec: what is written, or else what is counted; 0 for one of a kind that
        has no status.
        """
        declared = self.engine.object(key)
        written = declared.generation if declared is not None else 0
        return written or self.engine.generations.of(key)

    def _observed(self, key: ObjectKey, status: Status) -> Status:
        """``status`` with what proxies have acknowledged."""
        if isinstance(status, GatewayStatus):
            assert key_is_of(key, KUBERNETES_GATEWAY), "a status is of its key's kind"
            asking = self.engine.object(key)
            asks = asking is not None and own_address(asking) is not None
            served = self._proxies.get(key, NO_PROXIES)
            return programmed_gateway(status, served, asks_for_address=asks)
        if isinstance(status, ListenerSetStatus):
            assert key_is_of(key, LISTENER_SET), "a status is of its key's kind"
            declared = self.engine.object(key)
            gateway = named_gateway(declared) if declared is not None else None
            served = self._proxies.get(gateway, NO_PROXIES) if gateway is not None else NO_PROXIES
            return programmed_set(status, served)
        return status

    def addresses(self, key: ObjectKey) -> tuple[Mapping[str, str], ...]:
        """Where a Gateway is reached: by the names of the Services that it asks for, or else at the
        addresses of its own proxies, which its own Service names until there are any.
        """
        gateway = self.engine.object(key)
        if gateway is None or not key_is_of(key, KUBERNETES_GATEWAY):
            return ()
        own = self._reached.get(key, ()) if is_managed(gateway.spec) else ()
        if own:
            return tuple({"type": "IPAddress", "value": address} for address in own)
        hosts, graph = gateway_services(gateway), self.engine.graph
        declared = (host for host in hosts if service_of(graph, host, key.namespace) is not None)
        return tuple({"type": "Hostname", "value": host} for host in declared)

    def _look_at_proxies(self) -> bool:
        """Take note of the connected proxies; says whether anything is otherwise."""
        before = self._proxies, self._reached
        self._proxies = proxies_of_gateways(self.engine, self.connections)
        self._reached = gateway_addresses(self.engine, self.connections.proxies)
        return before != (self._proxies, self._reached)


_WITH_LISTENERS = frozenset({KUBERNETES_GATEWAY, LISTENER_SET})


def timestamp(time: datetime) -> str:
    """``2026-11-30T12:00:00Z``, as Kubernetes writes times."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
