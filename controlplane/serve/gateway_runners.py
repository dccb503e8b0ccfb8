"""What runners run: the gateways that Gateways bring with them, each with its token."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network
from typing import Final, TypeVar

from controlplane.admin.view import ConnectedRunner
from controlplane.base.names import Kind, Namespace, ObjectKey, key_is_of
from controlplane.engine.engine import Engine
from controlplane.engine.gateway_reach import set_gateway_reach
from controlplane.envoy.bootstrap import Node, Trust as ProxyTrust
from controlplane.envoy.gateway_proxies import RunnableGateway, gateway_proxy
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.identity.identity import TOKEN_FILE_LIFE
from controlplane.kinds.core.service import SERVICE, Service
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.gateway_class import GATEWAY_CLASS
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET
from controlplane.model.gateway_proxy import GatewayProxy, ListenPort, numbered
from controlplane.model.proxy import Locality, Role
from controlplane.queries.inputs.gateway_reach import REACHED_EVERYWHERE, GatewayReach
from controlplane.serve.proxy_start import gateway_config
from controlplane.serve.trust import Trust
from controlplane.translate.gateway_api.deployment import (
    arrivals,
    is_deployed,
    listen_ports,
    own_proxy,
)
from controlplane.translate.gateway_api.own_addresses import Listening, own_addresses
from controlplane.translate.istio.proxy_config import start_text
from controlplane.xds.runners import PORTS, ConnectedRunners
from controlplane.xds.snapshot import snapshot
from controlplane.xds.stream import Traffic

T = TypeVar("T")
IMPLYING: Final[frozenset[Kind]] = frozenset(
    {KUBERNETES_GATEWAY, GATEWAY_CLASS, LISTENER_SET, SERVICE}
)
"""The kinds that say which gateways runners run, and where these listen."""
SHARED: Final = ""
"""The address that a runner gives to its gateways, which others reach."""
SPARE: Final = IPv4Network("127.0.1.0/24")
"""Where a gateway listens whose port another has: nobody reaches it, and it takes no requests of
the other.
"""


@dataclass(frozen=True, slots=True)
class _Issued:
    trust: ProxyTrust
    signer: str
    renewed: datetime


class GatewayRunners:
    """Follows the Gateways. ``publish`` brings proxies to a revision of the engine."""

    def __init__(
        self,
        engine: Engine,
        trust: Trust | None,
        *,
        clock: Callable[[], datetime],
        traffic: Traffic,
        publish: Callable[[int], object],
    ) -> None:
        """``trust`` issues tokens; ``None``: none are asked for."""
        self._engine = engine
        self._trust = trust
        self._clock = clock
        self._publish = publish
        self._addresses: Mapping[GatewayProxy, str] = {}
        self._reach: Mapping[ObjectKey, GatewayReach] = {}
        self._issued: dict[GatewayProxy, _Issued] = {}
        self.snapshot = snapshot(0, {})
        """What each runner is to have."""
        self.connected = ConnectedRunners(lambda: self.snapshot, clock, traffic, changed=self.came)

    def edited(self, kinds: Iterable[Kind]) -> None:
        """Objects of ``kinds`` changed."""
        if not IMPLYING.isdisjoint(kinds):
            self.look()

    def came(self, said: Mapping[str, str]) -> None:
        """A runner came, whose gateways listen as ``said``, or went. The first to come, as after a
        restart of the control plane, keeps its addresses.
        """
        if said and len(self.connected.connections) == 1:
            running = {
                g.proxy: said[str(g.proxy)] for g in self._gateways() if str(g.proxy) in said
            }
            self._addresses = {**self._addresses, **running}
        self.look()

    def look(self) -> None:
        """Bring runners to what they are to run now, with tokens that are good for long enough."""
        gateways = self._gateways()
        self._addresses = own_addresses(
            gateways, bind=SHARED, spare=SPARE, held=_present(self._addresses, gateways)
        )
        self._take_reach(gateways)
        if not len(self.connected.connections):
            return
        self._issued = _present(self._issued, gateways)
        resources = [self._resource(gateway.proxy) for gateway in gateways]
        shelf = self.snapshot.shelf(TypeUrl.GATEWAY_PROXY)
        if {resource.name: resource for resource in resources} != dict(shelf):
            self.snapshot = snapshot(self._engine.revision, {TypeUrl.GATEWAY_PROXY: resources})
            self.connected.update()

    def keep_house(self) -> None:
        """Renew tokens, and end streams that must end."""
        self.connected.look()
        if len(self.connected.connections):
            self.look()

    def shown(self) -> Iterator[ConnectedRunner]:
        """The runners that are connected, by namespace and name."""
        said = {(str(r.namespace), r.name): r for r in self.connected.connections.proxies}
        gateways = tuple(sorted(self.snapshot.shelf(TypeUrl.GATEWAY_PROXY)))
        for state in self.connected.connections.states():
            runner = said.get((state.namespace, state.name))
            yield ConnectedRunner(
                name=state.name,
                namespace=state.namespace,
                peer=state.peer,
                connected=state.connected,
                published=dict(runner.node_metadata).get(PORTS, "") if runner is not None else "",
                gateways=gateways,
                rejections=tuple(each for t in state.types for each in t.rejections),
            )

    def _gateways(self) -> tuple[Listening, ...]:
        """The gateways to run, the oldest first."""
        classes = {each.name: each for each in self._engine.objects(GATEWAY_CLASS)}
        sets = tuple(self._engine.objects(LISTENER_SET))
        declared = sorted(self._engine.objects(KUBERNETES_GATEWAY), key=lambda g: g.age)
        own = [
            (proxy, listen_ports(gateway, sets, arrivals(gateway, self._service)))
            for gateway in declared
            if is_deployed(gateway, classes) and (proxy := own_proxy(gateway)) is not None
        ]
        names = numbered(proxy for proxy, _ in own)
        return tuple(
            Listening(proxy=proxy, ports=ports, may_move=True)
            for proxy, (_, ports) in zip(names, own, strict=True)
        )

    def _service(self, namespace: Namespace, name: str) -> Service | None:
        declared = self._engine.object(ObjectKey(SERVICE, namespace, name))
        return declared.spec if declared is not None else None

    def _arrives(self, key: ObjectKey) -> tuple[tuple[int, int], ...]:
        assert key_is_of(key, KUBERNETES_GATEWAY), "a gateway is for a Gateway"
        declared = self._engine.object(key)
        return tuple(sorted(arrivals(declared, self._service).items())) if declared else ()

    def _resource(self, proxy: GatewayProxy) -> Resource:
        trust = self._trust_of(proxy)
        return gateway_proxy(
            RunnableGateway(
                name=proxy.name,
                namespace=proxy.namespace,
                service_account=proxy.service_account,
                labels=proxy.labels,
                address=self._addresses[proxy],
                token=str(trust.token) if trust is not None else "",
                root_certificate=trust.root_certificate if trust is not None else "",
                server_name=trust.server_name if trust is not None else "",
                proxy_config=start_text(gateway_config(self._engine, proxy)),
            )
        )

    def _trust_of(self, proxy: GatewayProxy) -> ProxyTrust | None:
        if self._trust is None:
            return None
        now, issued = self._clock(), self._issued.get(proxy)
        signer = self._trust.signer
        if issued is None or issued.signer != signer or now >= issued.renewed:
            trust = self._trust.issued(_node(proxy), TOKEN_FILE_LIFE)
            issued = self._issued[proxy] = _Issued(trust, signer, now + TOKEN_FILE_LIFE / 2)
        return issued.trust

    def _take_reach(self, gateways: Iterable[Listening]) -> None:
        """Note in the graph which Gateways have listeners that others do not reach."""
        found = self._reaches(gateways) if len(self.connected.connections) else {}
        news = {
            key: found.get(key, REACHED_EVERYWHERE)
            for key in {*found, *self._reach}
            if found.get(key) != self._reach.get(key)
        }
        self._reach = found
        if news:
            self._publish(set_gateway_reach(self._engine, news))

    def _reaches(self, gateways: Iterable[Listening]) -> dict[ObjectKey, GatewayReach]:
        published = self.connected.published
        owners: dict[ListenPort, ObjectKey] = {}
        listening = [(g, key) for g in gateways if (key := g.proxy.gateway) is not None]
        for gateway, key in listening:
            if self._addresses[gateway.proxy] == SHARED:
                owners.update(dict.fromkeys(gateway.ports, key))
        return {
            key: GatewayReach(
                arrives=self._arrives(key),
                published=published if gateway.proxy.address is None else None,
                taken=tuple(
                    (port, owners[port])
                    for port in sorted(gateway.ports)
                    if gateway.proxy.address is None and owners.get(port, key) != key
                ),
            )
            for gateway, key in listening
        }


def _present(
    known: Mapping[GatewayProxy, T], gateways: Iterable[Listening]
) -> dict[GatewayProxy, T]:
    """What is known of the gateways that are still there."""
    return {g.proxy: known[g.proxy] for g in gateways if g.proxy in known}


def _node(proxy: GatewayProxy) -> Node:
    return Node(
        role=Role.GATEWAY,
        name=proxy.name,
        namespace=proxy.namespace,
        service_account=proxy.service_account,
        addresses=(),
        labels=dict(proxy.labels),
        locality=Locality(),
        metadata={},
    )
