"""An Envoy that asks for its configuration, as its token and its node identify it."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, assert_never

from controlplane.base.hashing import hashed_once
from controlplane.base.names import Namespace


class Role(Enum):
    """A gateway serves what Gateways select it for; a sidecar serves one workload. A runner is no
    proxy: it runs the gateways that Gateways bring with them.
    """

    GATEWAY = "gateway"
    SIDECAR = "sidecar"
    RUNNER = "runner"

    @property
    def prefers_own_namespace(self) -> bool:
        """Whether, of the declarations of a host, those of the proxy's namespace come first."""
        match self:
            case Role.GATEWAY | Role.RUNNER:
                return False
            case Role.SIDECAR:
                return True
        assert_never(self)

    @property
    def captures_connections(self) -> bool:
        """Whether connections come to the proxy on their way to someone else: it knows where they
        were going and, of a port whose protocol is not declared, what they speak.
        """
        match self:
            case Role.GATEWAY | Role.RUNNER:
                return False
            case Role.SIDECAR:
                return True
        assert_never(self)

    @property
    def forwards_datagrams(self) -> bool:
        """Whether it listens for UDP, so that it needs clusters for ports of UDP."""
        match self:
            case Role.GATEWAY:
                return True
            case Role.SIDECAR | Role.RUNNER:
                return False
        assert_never(self)

    @property
    def may_use_every_secret(self) -> bool:
        """Whether a rule for all proxies of a namespace may give the proxy that namespace's
        secrets. A sidecar gets only those of a rule that selects it.
        """
        match self:
            case Role.GATEWAY:
                return True
            case Role.SIDECAR | Role.RUNNER:
                return False
        assert_never(self)


@dataclass(frozen=True, slots=True, order=True)
class Locality:
    """``region/zone/sub_zone``; an empty part is not said."""

    region: str = ""
    zone: str = ""
    sub_zone: str = ""

    def __str__(self) -> str:
        return "/".join((self.region, self.zone, self.sub_zone)).rstrip("/")


NOWHERE: Final = Locality()
"""The locality of a proxy that reports none."""

Labels = tuple[tuple[str, str], ...]
"""Labels sorted by key: a value that can be a key of the graph."""


NODE_CONFIG: Final = "PROXY_CONFIG"
"""The metadata of a node that is its ProxyConfig as a whole, as JSON; and the setting of a view
whose listeners have another ProxyConfig than the mesh's.
"""
HEADER_CASE: Final = "PROXY_CONFIG_HEADER_CASE"
ROUTE_HEADERS: Final = "PROXY_CONFIG_ROUTE_HEADERS"
"""What clusters and routes need of a ProxyConfig that is not the mesh's."""


def labels_of(values: dict[str, str]) -> Labels:
    return tuple(sorted(values.items()))


def labels_text(labels: Labels) -> str:
    """``app: web, version: v1``: how messages name labels."""
    return ", ".join(f"{name}: {value}" for name, value in labels) or "any label"


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy. Two that are equal but for ``name`` and ``addresses`` mostly get the same
    resources.
    """

    name: str
    role: Role
    namespace: Namespace
    service_account: str
    labels: Labels = ()
    addresses: tuple[str, ...] = ()
    locality: Locality = NOWHERE
    metadata: Labels = ()
    """What else its node says and the configuration honours (``IDLE_TIMEOUT``, ``HTTP10``),
    sorted.
    """
    node_metadata: Labels = ()
    """Everything that its node says as text, by which patches may select it, sorted."""
    cluster: str = ""
    """What its node calls the service that it belongs to."""
    service_name: str = ""
    """What an annotation that its node says calls that service, for OpenTelemetry."""
    _hash: int = field(default=0, init=False, repr=False, compare=False)


PROXIES: Final = (Role.GATEWAY, Role.SIDECAR)
"""The roles of proxies."""


class IpFamily(Enum):
    IPV4 = 4
    IPV6 = 6


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """A port of a service that this proxy is an endpoint of: what callers say, and where it
    arrives.
    """

    host: str
    port: int
    target: int
    is_udp: bool = False


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedProxy:
    """A proxy with what is declared for it. Only its views may be keys of what is computed.

    ``labels`` are the workload's (a WorkloadEntry at the proxy's address replaces the node's).
    ``targets`` are in the order that decides: by service creation, then host name; those of
    services that ask that their ports do not change for Istio's Gateways are ``untranslated``, and
    so are those of UDP, which Istio's Gateways do not have.
    """

    role: Role
    namespace: Namespace
    labels: Labels = ()
    locality: Locality = NOWHERE
    families: tuple[IpFamily, ...] = (IpFamily.IPV4,)
    targets: tuple[Target, ...] = ()
    untranslated: tuple[Target, ...] = ()
    metadata: Labels = ()
    _hash: int = field(default=0, init=False, repr=False, compare=False)
