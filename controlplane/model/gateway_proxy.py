"""A gateway that a configuration implies, before an Envoy runs for it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from controlplane.base.names import Namespace, ObjectKey
from controlplane.model.proxy import Labels

GATEWAY_NAME: Final = "gateway.networking.k8s.io/gateway-name"
"""The label by which a Gateway of the Gateway API selects its proxy."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class GatewayProxy:
    """A gateway to run.

    ``address`` is the IP address that it must listen on, where its Gateway asks for one.
    ``gateway`` is the Gateway that it is for alone, if there is such a one.
    """

    namespace: Namespace
    name: str
    labels: Labels
    service_account: str
    address: str | None = None
    gateway: ObjectKey | None = None

    def __str__(self) -> str:
        return f"{self.name}.{self.namespace}"


@dataclass(frozen=True, slots=True, order=True)
class ListenPort:
    """A port that is listened on; UDP and TCP do not meet there."""

    number: int
    is_udp: bool = False


PortRange = range
"""Ports one after the other, ``range(8100, 8120)``."""
_HIGHEST: Final = 65535
_LONGEST: Final = len("65535-65535")


def port_ranges(text: str) -> tuple[PortRange, ...]:
    """``8080,8100-8119`` as ranges; what is no port or range of them is left out."""
    found = []
    for part in text.split(","):
        said = part.strip()[: _LONGEST + 1]
        first, _, last = said.partition("-")
        if len(said) <= _LONGEST and first.isdecimal() and (last or first).isdecimal():
            ports = range(int(first), int(last or first) + 1)
            if ports and ports[0] > 0 and ports[-1] <= _HIGHEST:
                found.append(ports)
    return tuple(found)


def ports_text(ranges: tuple[PortRange, ...]) -> str:
    """Ranges as ``port_ranges`` reads them."""
    return ",".join(f"{r[0]}-{r[-1]}" if len(r) > 1 else str(r[0]) for r in ranges)


def numbered(proxies: Iterable[GatewayProxy]) -> Iterator[GatewayProxy]:
    """Proxies of one name and namespace get numbers, from the second on."""
    taken: set[tuple[Namespace, str]] = set()
    for proxy in proxies:
        name, number = proxy.name, 1
        while (proxy.namespace, name) in taken:
            number += 1
            name = f"{proxy.name}-{number}"
        taken.add((proxy.namespace, name))
        account = name if proxy.gateway is None else proxy.service_account
        yield replace(proxy, name=name, service_account=account)
