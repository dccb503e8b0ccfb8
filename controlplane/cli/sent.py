"""What a proxy was sent, as far as a person is shown it: Envoy's resources in JSON become structs.

Fields that nobody is shown are passed over. The JSON is protobuf's, with field names as in the
proto files; it comes from the admin interface or from ``readback``.
"""

import base64
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Generic
from typing import TypeVar

import msgspec

T = TypeVar("T")
Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A message of Envoy's; what is unset has its default."""


class Source(Sent, frozen=True):
    """An object that a resource came from, ``Kind/namespace/name``, and where it is declared."""

    object: str
    path: str
    line: int


class Rule(Sent, frozen=True):
    """The line of the rule that a route came from; ``route`` counts within its virtual host."""

    virtual_host: str
    route: int
    path: str
    line: int


class Resource(Sent, Generic[T], frozen=True):
    name: str
    resource: T
    version: str = ""
    sources: tuple[Source, ...] = ()
    rules: tuple[Rule, ...] = ()


class SocketAddress(Sent, frozen=True):
    address: str = ""
    port_value: int = 0


class Pipe(Sent, frozen=True):
    path: str = ""


class Address(Sent, frozen=True):
    socket_address: SocketAddress | None = None
    pipe: Pipe | None = None

    def __str__(self) -> str:
        if self.pipe is not None:
            return f"unix://{self.pipe.path}"
        if self.socket_address is None:
            return "?"
        host, port = self.socket_address.address, self.socket_address.port_value
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class SecretName(Sent, frozen=True):
    name: str = ""


class CommonTlsContext(Sent, frozen=True):
    tls_certificate_sds_secret_configs: tuple[SecretName, ...] = ()


class TlsContext(Sent, frozen=True):
    common_tls_context: CommonTlsContext = CommonTlsContext()
    require_client_certificate: bool = False
    sni: str = ""


class TransportSocket(Sent, frozen=True):
    name: str = ""
    typed_config: TlsContext = TlsContext()


class WeightedCluster(Sent, frozen=True):
    name: str = ""
    weight: int = 0


class WeightedClusters(Sent, frozen=True):
    clusters: tuple[WeightedCluster, ...] = ()


class Rds(Sent, frozen=True):
    route_config_name: str = ""


class HttpOrTcp(Sent, frozen=True):
    """Of an HTTP connection manager, ``rds``; of a TCP proxy, the others."""

    rds: Rds | None = None
    cluster: str = ""
    weighted_clusters: WeightedClusters | None = None


class Filter(Sent, frozen=True):
    name: str = ""
    typed_config: Mapping[str, object] = {}

    @property
    def handling(self) -> HttpOrTcp | None:
        """``None`` for a filter that only looks at connections."""
        if not self.name.endswith(("http_connection_manager", "tcp_proxy")):
            return None
        return msgspec.convert(self.typed_config, HttpOrTcp, strict=False)


class FilterChainMatch(Sent, frozen=True):
    server_names: tuple[str, ...] = ()
    application_protocols: tuple[str, ...] = ()
    transport_protocol: str = ""


class FilterChain(Sent, frozen=True):
    name: str = ""
    filter_chain_match: FilterChainMatch = FilterChainMatch()
    filters: tuple[Filter, ...] = ()
    transport_socket: TransportSocket | None = None

    @property
    def handling(self) -> HttpOrTcp | None:
        return next((h for f in self.filters if (h := f.handling) is not None), None)


class Listener(Sent, frozen=True):
    name: str = ""
    address: Address = Address()
    filter_chains: tuple[FilterChain, ...] = ()
    default_filter_chain: FilterChain | None = None

    @property
    def chains(self) -> tuple[FilterChain, ...]:
        default = self.default_filter_chain
        return self.filter_chains if default is None else (*self.filter_chains, default)


class SafeRegex(Sent, frozen=True):
    regex: str = ""


class StringMatcher(Sent, frozen=True):
    exact: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    contains: str | None = None
    safe_regex: SafeRegex | None = None


class HeaderMatcher(Sent, frozen=True):
    """Of a header, or of a query parameter."""

    name: str = ""
    string_match: StringMatcher | None = None
    present_match: bool | None = None
    invert_match: bool = False


class RouteMatch(Sent, frozen=True):
    prefix: str | None = None
    path: str | None = None
    path_separated_prefix: str | None = None
    safe_regex: SafeRegex | None = None
    headers: tuple[HeaderMatcher, ...] = ()
    query_parameters: tuple[HeaderMatcher, ...] = ()
    dynamic_metadata: tuple[Mapping[str, object], ...] = ()

    @property
    def is_conditional(self) -> bool:
        """Whether more than the path decides."""
        return bool(self.headers or self.query_parameters or self.dynamic_metadata)


class RouteAction(Sent, frozen=True):
    cluster: str = ""
    weighted_clusters: WeightedClusters | None = None
    prefix_rewrite: str = ""
    timeout: str | None = None
    request_mirror_policies: tuple[Mapping[str, object], ...] = ()


class RedirectAction(Sent, frozen=True):
    response_code: str = "MOVED_PERMANENTLY"
    scheme_redirect: str = ""
    https_redirect: bool = False
    host_redirect: str = ""
    path_redirect: str = ""
    prefix_rewrite: str = ""


class DirectResponse(Sent, frozen=True):
    status: int = 0


class IstioMetadata(Sent, frozen=True):
    config: str = ""


class FilterMetadata(Sent, frozen=True):
    istio: IstioMetadata = IstioMetadata()


class Metadata(Sent, frozen=True):
    filter_metadata: FilterMetadata = FilterMetadata()


class Route(Sent, frozen=True):
    name: str = ""
    match: RouteMatch = RouteMatch()
    route: RouteAction | None = None
    redirect: RedirectAction | None = None
    direct_response: DirectResponse | None = None
    metadata: Metadata = Metadata()
    typed_per_filter_config: Mapping[str, object] = {}


class VirtualHost(Sent, frozen=True):
    name: str = ""
    domains: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    require_tls: str = ""

    @property
    def redirects_to_https(self) -> bool:
        return self.require_tls == "ALL"


class RouteTable(Sent, frozen=True):
    name: str = ""
    virtual_hosts: tuple[VirtualHost, ...] = ()

    @property
    def by_domain(self) -> list[VirtualHost]:
        """The virtual hosts as a person looks for them; to Envoy their order means nothing."""
        return sorted(self.virtual_hosts, key=lambda v: v.domains)


class ClusterType(Sent, frozen=True):
    name: str = ""


class Cluster(Sent, frozen=True):
    name: str = ""
    type: str = "STATIC"
    cluster_type: ClusterType | None = None
    lb_policy: str = "ROUND_ROBIN"
    transport_socket: TransportSocket | None = None


class Endpoint(Sent, frozen=True):
    address: Address = Address()


class LbEndpoint(Sent, frozen=True):
    endpoint: Endpoint = Endpoint()
    health_status: str = "UNKNOWN"
    load_balancing_weight: int = 1


class Locality(Sent, frozen=True):
    region: str = ""
    zone: str = ""
    sub_zone: str = ""

    def __str__(self) -> str:
        return "/".join((self.region, self.zone, self.sub_zone)).rstrip("/")


class LocalityLbEndpoints(Sent, frozen=True):
    locality: Locality = Locality()
    lb_endpoints: tuple[LbEndpoint, ...] = ()
    priority: int = 0


class ClusterLoadAssignment(Sent, frozen=True):
    cluster_name: str = ""
    endpoints: tuple[LocalityLbEndpoints, ...] = ()


class DataSource(Sent, frozen=True):
    inline_bytes: str = ""
    inline_string: str = ""
    filename: str = ""

    @property
    def content(self) -> bytes:
        """What stands inline; empty for a file."""
        return base64.b64decode(self.inline_bytes) or self.inline_string.encode()


class TlsCertificate(Sent, frozen=True):
    certificate_chain: DataSource = DataSource()


class ValidationContext(Sent, frozen=True):
    trusted_ca: DataSource = DataSource()


class Secret(Sent, frozen=True):
    name: str = ""
    tls_certificate: TlsCertificate | None = None
    validation_context: ValidationContext | None = None


class Configuration(Sent, frozen=True):
    """All that a proxy was sent, or a part of it."""

    proxy: str
    labels: Mapping[str, str] = {}
    service_account: str = ""
    role: str = "gateway"
    addresses: tuple[str, ...] = ()
    listeners: tuple[Resource[Listener], ...] | None = None
    routes: tuple[Resource[RouteTable], ...] | None = None
    clusters: tuple[Resource[Cluster], ...] | None = None
    endpoints: tuple[Resource[ClusterLoadAssignment], ...] | None = None
    secrets: tuple[Resource[Secret], ...] | None = None


def configuration(document: object) -> Configuration:
    """``document`` (the JSON of ``/api/v1/config/PROXY``) as structs."""
    return msgspec.convert(document, Configuration, strict=False)
