"""What is kept for connected proxies, and what the graph knows of them."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from controlplane.base.names import ObjectKey
from controlplane.graph import Graph
from controlplane.model.proxy import Proxy
from controlplane.model.proxy_view import ConnectedGateway, ProxyView
from controlplane.model.registration import RefusedClaim
from controlplane.queries.inputs.connected_gateways import CONNECTED, connected_gateways
from controlplane.queries.inputs.patched_proxies import PATCHED, patched_views
from controlplane.queries.inputs.refused_claims import REFUSED_CLAIMS
from controlplane.queries.registry.proxies import resolved_or_as_it_says
from controlplane.queries.snapshot.snapshot import resources
from controlplane.queries.views.views import view_of


@dataclass(frozen=True, slots=True)
class Doubt:
    """What an edit may have changed: the views of ``proxies``, and the resources of ``views``."""

    proxies: tuple[Proxy, ...]
    views: tuple[ProxyView, ...]


@dataclass(slots=True)
class Connected:
    """Keeps the views of connected proxies, and the resources of views that are in use."""

    graph: Graph
    is_unsettled: bool = False
    """Whether gateways or views with patches came or went, or views of gateways came into doubt,
    since ``settle``.
    """
    _proxies: dict[Proxy, int] = field(default_factory=dict)
    _gateways: dict[Proxy, None] = field(default_factory=dict)
    """Those of the proxies that are gateways, as far as that is known."""
    _views: dict[ProxyView, int] = field(default_factory=dict)
    _doubted_proxies: dict[Proxy, None] = field(default_factory=dict)
    _doubted_views: dict[ProxyView, None] = field(default_factory=dict)
    _refused: dict[ObjectKey, tuple[RefusedClaim, ...]] = field(default_factory=dict)
    """What the graph is to know of workloads that are not registered, by WorkloadGroup."""

    def join(self, proxy: Proxy) -> None:
        """Keep the view of a proxy, until ``leave`` was called as often."""
        if not self._proxies.setdefault(proxy, 0):
            self.graph.pin(view_of, proxy)
            view = view_of(self.graph, proxy)
            if view is None or view.gateway is not None:
                self._gateways[proxy] = None
                self.is_unsettled = True
        self._proxies[proxy] += 1

    def leave(self, proxy: Proxy) -> None:
        self._proxies[proxy] -= 1
        if not self._proxies[proxy]:
            del self._proxies[proxy]
            if proxy in self._gateways:
                del self._gateways[proxy]
                self.is_unsettled = True
            self.graph.unpin(view_of, proxy)

    def hold(self, view: ProxyView) -> None:
        """Keep the resources of a view, until ``release`` was called as often."""
        if not self._views.setdefault(view, 0):
            self.graph.pin(resources, view)
            self.is_unsettled |= bool(view.patches)
        self._views[view] += 1

    def release(self, view: ProxyView) -> None:
        self._views[view] -= 1
        if not self._views[view]:
            del self._views[view]
            self.graph.unpin(resources, view)
            self.is_unsettled |= bool(view.patches)

    def refuse(self, group: ObjectKey, claims: tuple[RefusedClaim, ...]) -> None:
        """Note which connected workloads of a WorkloadGroup are not registered now."""
        self._refused[group] = claims

    def settle(self) -> None:
        """Let the graph know which gateways are connected, what patches are attached to and which
        workloads are refused, in a revision of its own where others are than it knew.
        """
        if self._refused:
            self.graph.edit()
            for group, claims in self._refused.items():
                self.graph.set(REFUSED_CLAIMS, group, claims)
            self._refused.clear()
        if not self.is_unsettled:
            return
        self.is_unsettled = False
        found = tuple(dict.fromkeys(self._connected_gateways()))
        if found != connected_gateways(self.graph):
            self.graph.edit()
            self.graph.set(CONNECTED, "gateways", found)
        patched = tuple(view for view in self._views if view.patches)
        if patched != patched_views(self.graph):
            self.graph.edit()
            self.graph.set(PATCHED, "views", patched)

    def _connected_gateways(self) -> Iterator[ConnectedGateway]:
        for proxy in sorted(self._gateways, key=lambda proxy: (proxy.namespace, proxy.name)):
            view = view_of(self.graph, proxy)
            if view is not None and view.gateway is not None:
                yield ConnectedGateway(
                    namespace=proxy.namespace,
                    labels=resolved_or_as_it_says(self.graph, proxy).labels,
                    instance=view.gateway,
                    view=view.outbound,
                )

    def doubt(self, args: tuple[Hashable, ...]) -> None:
        """Take note of a pinned value that came into doubt, by its arguments."""
        match args:
            case (Proxy() as proxy,):
                self._doubted_proxies[proxy] = None
                self.is_unsettled |= proxy in self._gateways
            case (ProxyView() as view,):
                self._doubted_views[view] = None

    def take_doubt(self) -> Doubt:
        """What came into doubt since the last call and is still kept."""
        found = Doubt(
            tuple(p for p in self._doubted_proxies if p in self._proxies),
            tuple(v for v in self._doubted_views if v in self._views),
        )
        self._doubted_proxies.clear()
        self._doubted_views.clear()
        return found
