"""Where the Gateways of the Gateway API are reached: the addresses of the proxies that serve them.

Of the proxies that are connected, so that it is what is, whoever started them: ``up``, a runner, or
somebody with a bootstrap. It is for the status of Gateways; nothing that is computed depends on it.
"""

from collections.abc import Iterable, Iterator, Mapping

from controlplane.base.names import ObjectKey
from controlplane.engine.engine import Engine
from controlplane.engine.internal_errors import NotComputed
from controlplane.model.proxy import Proxy
from controlplane.model.proxy_view import GatewayInstance

_EVERYWHERE = frozenset({"0.0.0.0", "::"})


def gateway_addresses(
    engine: Engine, proxies: Iterable[Proxy]
) -> Mapping[ObjectKey, tuple[str, ...]]:
    """The addresses of each Gateway that one of ``proxies`` serves, in their order: where it
    listens, or its own first one where that is everywhere.
    """
    found: dict[ObjectKey, dict[str, None]] = {}
    for proxy in proxies:
        for gateway, address in _served(engine, proxy):
            found.setdefault(gateway, {})[address] = None
    return {gateway: tuple(addresses) for gateway, addresses in found.items()}


def _served(engine: Engine, proxy: Proxy) -> Iterator[tuple[ObjectKey, str]]:
    try:
        instance = engine.view(proxy).gateway
    except NotComputed:
        return
    if instance is not None:
        for bound in instance.bound:
            yield bound.gateway, _address(instance, proxy)


def _address(instance: GatewayInstance, proxy: Proxy) -> str:
    everywhere = instance.every_address in _EVERYWHERE and proxy.addresses
    return proxy.addresses[0] if everywhere else instance.every_address
