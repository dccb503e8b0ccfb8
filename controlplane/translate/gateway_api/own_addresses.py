"""Where gateways listen: all on one address, unless two of them want the same port.

Then the one that came first keeps it, and the other gets an address of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from controlplane.model.gateway_proxy import GatewayProxy, ListenPort

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A gateway and the ports that it is to listen on. ``may_move``: it may have an address of its
    own.
    """

    proxy: GatewayProxy
    ports: frozenset[ListenPort]
    may_move: bool


def own_addresses(
    gateways: Iterable[Listening],
    *,
    bind: str,
    spare: Network,
    held: Mapping[GatewayProxy, str],
) -> Mapping[GatewayProxy, str]:
    """The address of each gateway. ``gateways`` are in the order in which they came; those that
    run, ``held``, keep their addresses before others choose. A gateway that finds no address left
    in ``spare`` shares ``bind``.
    """
    in_order = sorted(gateways, key=lambda g: (g.may_move, g.proxy not in held))
    used = {str(g.proxy.address) for g in in_order if g.proxy.address is not None}
    used.update(held.values())
    chosen: dict[GatewayProxy, str] = {}
    ports: dict[str, set[ListenPort]] = {}
    for gateway in in_order:
        address = gateway.proxy.address or held.get(gateway.proxy, bind)
        is_free = ports.get(address, set()).isdisjoint(gateway.ports)
        if gateway.may_move and gateway.proxy.address is None and not is_free:
            address = next((str(h) for h in spare.hosts() if str(h) not in used), bind)
        used.add(address)
        chosen[gateway.proxy] = address
        ports.setdefault(address, set()).update(gateway.ports)
    return chosen
