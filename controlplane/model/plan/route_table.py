"""The route tables of a proxy, before anything is filled into them."""

from dataclasses import dataclass, field
from typing import Final

from controlplane.base.hashing import hashed_once
from controlplane.base.names import Host, Namespace, PortNumber
from controlplane.model.egress import Imports
from controlplane.model.gateway_api import ListenerId

HTTP_PORT: Final = PortNumber(80)
"""The port on which VirtualServices serve hosts that no service has."""


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
    it; ``port`` is the declared one. ``listener`` is what it is, in the Gateway API. Requests for
    hosts ``elsewhere`` (sorted) belong to servers of other tables, and are answered 421: the client
    is to open another connection.
    """

    gateway: str
    hosts: tuple[ServerHost, ...]
    port: PortNumber
    redirects_to_https: bool = False
    has_tls_settings: bool = False
    listener: ListenerId | None = None
    elsewhere: tuple[Host, ...] = ()


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


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class MeshTable:
    """The table of what a sidecar imports on one ``port``; without it, of all that is imported, for
    a proxy that is told the host (``http_proxy``, a Unix socket).
    """

    name: str
    imports: Imports
    port: PortNumber | None
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    @property
    def listened(self) -> PortNumber:
        """The port that rules are compared with, and that destinations without one have."""
        return self.port or PortNumber(0)

    @property
    def served(self) -> PortNumber:
        """The port of the services that are found in it. Where all are imported, only those on 80
        are, as in Istio: the port in a Host header is ignored.
        """
        return self.port or HTTP_PORT


RouteTablePlan = GatewayTable
"""What a table is filled from; filling matches on every kind."""
