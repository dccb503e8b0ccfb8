"""The route tables of a proxy, before anything is filled into them."""

from dataclasses import dataclass, field

from controlplane.base.hashing import hashed_once
from controlplane.base.names import Host, Namespace, PortNumber


@dataclass(frozen=True, slots=True, order=True)
class ServerHost:
    """A host that is served. ``namespace`` admits routes of that namespace only; ``None`` admits
    all.
    """

    host: Host
    namespace: Namespace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedServer:
    """A server whose requests a table routes. ``gateway`` is ``namespace/name`` of what declares
    it; ``port`` is the declared one.
    """

    gateway: str
    hosts: tuple[ServerHost, ...]
    port: PortNumber
    redirects_to_https: bool = False
    has_tls_settings: bool = False


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayTable:
    """The table (Envoy: RouteConfiguration) of the servers that share it, in the order in which
    they were merged.

    ``port`` is the one the listener is bound to.
    """

    name: str
    port: PortNumber
    servers: tuple[RoutedServer, ...]
    _hash: int = field(default=0, init=False, repr=False, compare=False)


RouteTablePlan = GatewayTable
"""What a table is filled from; filling matches on every kind."""
