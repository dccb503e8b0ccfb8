"""When a cluster may lose its last endpoints: after the routes that led to it.

Requests to a cluster without endpoints get 503. An edit that moves routes away from a cluster and
empties it sends its endpoints first, as it must for clusters that are new; so the emptied ones are
for later.
"""

from collections.abc import Mapping

from controlplane.base.shelf import Shelf, shard_of
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.xds.order import LED_TO, REFERRING
from controlplane.xds.response_cache import Names, ResponseCache
from controlplane.xds.subscription import SubscriptionState


class Emptying:
    """What would empty clusters of one client, and waits until nothing leads to them."""

    def __init__(self, states: Mapping[TypeUrl, SubscriptionState], cache: ResponseCache) -> None:
        self._endpoints = states[TypeUrl.ENDPOINT]
        self._referring = tuple(states[type_url] for type_url in REFERRING)
        self._states = states
        self._cache = cache
        self._unanswered: dict[TypeUrl, Names] = {}
        """What changed, while the client was away, of clusters that are empty now."""

    @property
    def waits(self) -> bool:
        """Whether a client that came back has still to get something."""
        return bool(self._unanswered)

    def target(self, state: SubscriptionState, newer: Shelf[Resource]) -> Shelf[Resource]:
        """``newer``, in which clusters that the client has endpoints of keep them."""
        if state is not self._endpoints:
            return newer
        found = self._cache.without_emptied(state.target, newer)
        kept: dict[int, dict[str, Resource]] = {}
        for name, form in state.pending_removal.items():
            if form is not None and not form.is_empty and _is_empty(found, name):
                number = shard_of(name)
                kept.setdefault(number, dict(found.shards[number]))[name] = form
        return found.over(kept)

    def of_before(self, state: SubscriptionState, changed: Names) -> Names:
        """Those of ``changed``, which the client has from an earlier stream in another form, that
        are for later.
        """
        if state.type_url not in LED_TO:
            return frozenset()
        emptied = frozenset(name for name in changed if _is_empty(self._endpoints.target, name))
        if emptied:
            self._unanswered[state.type_url] = emptied
        return emptied

    def let(self, newest: Shelf[Resource], *, may_ask_more: bool) -> SubscriptionState:
        """Let clusters become empty, unless requests may yet be led to them."""
        endpoints = self._endpoints
        if may_ask_more or (endpoints.target is newest and not self._unanswered):
            return endpoints
        if not any(s.has_changes or not (s.is_answered or s.is_overdue) for s in self._referring):
            endpoints.retarget(newest)
            for type_url, names in self._unanswered.items():
                self._states[type_url].must_answer(names)
            self._unanswered.clear()
        return endpoints


def _is_empty(assignments: Shelf[Resource], cluster: str) -> bool:
    found = assignments.get(cluster)
    return found is not None and found.is_empty
