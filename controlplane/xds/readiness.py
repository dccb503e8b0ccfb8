"""Whether the clusters of one client are ready for the listeners and routes that lead to them."""

from collections.abc import Mapping

from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.xds.order import LED_TO, REFERRING
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.subscription import SubscriptionState


class Readiness:
    """What listeners and routes wait for, as the state of each type shows it."""

    def __init__(self, states: Mapping[TypeUrl, SubscriptionState], cache: ResponseCache) -> None:
        self._states = states
        self._cache = cache
        self.is_reconnect = False
        """Whether the client has something from an earlier stream."""

    def waits_for_clusters(self, state: SubscriptionState, held_back: tuple[TypeUrl, ...]) -> bool:
        """Whether the next routes may lead to a cluster that the client cannot use yet.

        Clusters, endpoints and secrets wait for their own answers only, so nothing ever waits in a
        circle.
        """
        if state.type_url not in REFERRING:
            return False
        # One that waits its turn has a cluster, or the endpoints of one, for these routes.
        return self._clusters_are_unready() or any(
            type_url in LED_TO and not self._states[type_url].is_overdue for type_url in held_back
        )

    def _clusters_are_unready(self) -> bool:
        """Whether clusters that were sent are not usable yet, and it is worth waiting for them."""
        clusters, endpoints = self._states[TypeUrl.CLUSTER], self._states[TypeUrl.ENDPOINT]
        for state in (clusters, endpoints):
            if state.is_bisecting and not state.is_overdue:
                return True  # part of what was sent is not with the client
        if clusters.is_warming:
            return True
        if endpoints.owes_unasked and not endpoints.is_overdue:
            # Its first clusters with EDS: it will ask for their endpoints now.
            return self._leads_to_clusters()
        # Envoy, when it reconnects while a cluster warms, asks for clusters once that is warm.
        return self.is_reconnect and not clusters.asked and not clusters.is_overdue

    def _leads_to_clusters(self) -> bool:
        """Whether the client may have listeners or routes. Until then it loses no request, and need
        not be one that asks for clusters and endpoints.
        """
        return self.is_reconnect or any(
            self._states[type_url].may_be_in_use for type_url in REFERRING
        )

    def has_news(self, state: SubscriptionState) -> bool:
        """Whether ``state`` has more to send than removals."""
        if state.names_to_answer:
            return True
        put = self._cache.change(state.sent, state.target).put
        return any(state.covers(name) for name, _ in put)

    def may_warm(self, clusters: SubscriptionState, own: Mapping[str, Resource]) -> bool:
        """Whether new clusters that are being sent may lack more than their endpoints.

        Envoy answers 503 for a cluster until it is warm (DNS, secrets), and withholds the answer to
        clusters as long (measured with 1.40). One with EDS or secrets that it has loses no request.
        """
        if not self._leads_to_clusters():
            return False
        put = self._cache.change(clusters.sent, clusters.target).put
        new = {name for name, _ in put if name not in clusters.sent and clusters.covers(name)}
        new |= clusters.names_to_answer
        if not new:
            return False
        endpoints, secrets = self._states[TypeUrl.ENDPOINT], self._states[TypeUrl.SECRET]
        if any(name not in endpoints.target for name in new):
            return True
        # Which clusters name which secrets is not known here; but a secret that the client is to
        # have and has not asked for is named by what it does not have yet.
        if not secrets.is_answered or self.has_news(secrets):
            return True
        return any(name not in secrets.names for name in (*secrets.target, *own))
