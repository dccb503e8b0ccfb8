"""The short form of ``config``: one line for each thing that a person thinks in."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
from cryptography import x509
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import Address
from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.health_check_pb2 import HealthStatus
from envoy.config.endpoint.v3.endpoint_components_pb2 import LbEndpoint
from envoy.config.endpoint.v3.endpoint_components_pb2 import LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import Route
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from controlplane.admin.view import DeclaredObject
from controlplane.admin.view import ProxyConfig
from controlplane.admin.view import RuleOrigin
from controlplane.base.wording import counted
from controlplane.base.wording import first_of
from controlplane.cli import envoy_json
from controlplane.cli.curl import leaf
from controlplane.cli.curl import names_of
from controlplane.cli.describe import by_domain
from controlplane.cli.describe import condition
from controlplane.cli.describe import destination
from controlplane.cli.describe import leads_to
from controlplane.cli.describe import redirects_to_https
from controlplane.cli.describe import streams_to
from controlplane.cli.envoy_json import chains
from controlplane.cli.envoy_json import messages
from controlplane.cli.output import Segment
from controlplane.cli.output import Style
from controlplane.cli.output import printable

Line = list[Segment]
_SOURCES_SHOWN: Final = 3
_OBJECT_OF_PATH: Final = 3  # parts from the end of /apis/GROUP/VERSION/namespaces/NS/KIND/NAME


def summary(config: ProxyConfig, now: datetime) -> Iterator[Line]:
    """Each part that ``config`` has, below its heading."""
    parts: tuple[tuple[str, envoy_json.Part, Iterable[Line]], ...] = (
        ("listeners", config.listeners, _listeners(config.listeners)),
        ("routes", config.routes, _route_tables(config.routes)),
        ("clusters", config.clusters, _clusters(config.clusters)),
        ("endpoints", config.endpoints, _assignments(config.endpoints)),
        ("secrets", config.secrets, _secrets(config.secrets, now)),
    )
    for heading, part, lines in parts:
        if part is not msgspec.UNSET:
            yield from _part(heading, lines)


def _part(heading: str, lines: Iterable[Line]) -> Iterator[Line]:
    yield [(heading, Style.NAME)]
    count = 0
    for count, line in enumerate(lines, 1):  # noqa: B007 the number after the last line is meant
        yield [("  ", Style.PLAIN), *line]
    if not count:
        yield [("  nothing", Style.QUIET)]


def _listeners(part: envoy_json.Part) -> Iterator[Line]:
    for resource, listener in messages(part, Listener):
        yield [(_address(listener.address), Style.NAME), *_from(resource.sources)]
        for chain in chains(listener):
            yield [(f"  {_who(chain)} → {_handled(chain)}", Style.PLAIN)]


def _address(address: Address) -> str:
    if address.HasField("pipe"):
        return f"unix://{address.pipe.path}"
    if not address.HasField("socket_address"):
        return "?"
    host, port = address.socket_address.address, address.socket_address.port_value
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _who(chain: FilterChain) -> str:
    """Whose connections take the chain."""
    match = chain.filter_chain_match
    names = ", ".join(match.server_names) or "any name"
    context = envoy_json.tls_context(chain)
    if context is not None:
        shown = ", ".join(envoy_json.secret_names(context))
        mutual = context.require_client_certificate.value
        both = ", asks for a client certificate" if mutual else ""
        return f"TLS for {names} (shows {shown}{both})"
    if match.server_names or match.transport_protocol == "tls":
        return f"TLS for {names}, passed through"
    return "plaintext"


def _handled(chain: FilterChain) -> str:
    table, proxy = envoy_json.route_table(chain), envoy_json.tcp_proxy(chain)
    if table is not None:
        return f"routes {table}"
    return streams_to(proxy) if proxy is not None else "closed"


def _route_tables(part: envoy_json.Part) -> Iterator[Line]:
    for resource, table in messages(part, RouteConfiguration):
        yield [(resource.name, Style.NAME)]
        rules = {(rule.virtual_host, rule.route): rule for rule in resource.rules}
        places = {source.object: source for source in resource.sources}
        for virtual_host in by_domain(table):
            domains = ", ".join(virtual_host.domains)
            tls = " (redirected to https)" if redirects_to_https(virtual_host) else ""
            yield [(f"  {domains}{tls}", Style.INFO)]
            for number, route in enumerate(virtual_host.routes):
                yield _route(route, rules.get((virtual_host.name, number)), places)


def _route(route: Route, rule: RuleOrigin | None, places: Mapping[str, DeclaredObject]) -> Line:
    return [
        (f"    {printable(condition(route.match))}", Style.PLAIN),
        (f" → {printable(leads_to(route))}", Style.PLAIN),
        (f"  {_origin(route, rule, places)}".rstrip(), Style.QUIET),
    ]


def _origin(route: Route, rule: RuleOrigin | None, places: Mapping[str, DeclaredObject]) -> str:
    """The rule's file and line and name, or else what is known of its object."""
    named = f" {route.name}" if route.name else ""
    if rule is not None:
        return f"{rule.path}:{rule.line}{named}"
    said = dict(route.metadata.filter_metadata["istio"].items()).get("config")
    parts = str(said).split("/")
    if len(parts) <= _OBJECT_OF_PATH:
        return named.strip()
    namespace, _, name = parts[-_OBJECT_OF_PATH:]
    source = f"VirtualService/{namespace}/{name}"
    if source in places:
        return f"{places[source].path}:{places[source].line}{named}"
    return f"VirtualService {namespace}/{name}{named}"


def _clusters(part: envoy_json.Part) -> Iterator[Line]:
    for resource, cluster in messages(part, Cluster):
        kind = cluster.cluster_type.name or Cluster.DiscoveryType.Name(cluster.type)
        policy = Cluster.LbPolicy.Name(cluster.lb_policy)
        tls = " TLS" if cluster.HasField("transport_socket") else ""
        yield [
            (destination(resource.name), Style.NAME),
            (f"  {kind} {policy}{tls}", Style.PLAIN),
            *_from(resource.sources),
        ]


def _assignments(part: envoy_json.Part) -> Iterator[Line]:
    for resource, assignment in messages(part, ClusterLoadAssignment):
        yield [(destination(resource.name), Style.NAME), *_from(resource.sources)]
        for group in assignment.endpoints:
            for endpoint in group.lb_endpoints:
                yield _endpoint(endpoint, group)


def _endpoint(endpoint: LbEndpoint, group: LocalityLbEndpoints) -> Line:
    parts = (group.locality.region, group.locality.zone, group.locality.sub_zone)
    locality = "/".join(parts).rstrip("/")
    where = f" in {locality}" if locality else ""
    priority = f" priority {group.priority}" if group.priority else ""
    weight = endpoint.load_balancing_weight.value or 1
    is_healthy = endpoint.health_status == HealthStatus.HEALTHY
    return [
        (f"  {_address(endpoint.endpoint.address)}  ", Style.PLAIN),
        (
            HealthStatus.Name(endpoint.health_status).lower(),
            Style.GOOD if is_healthy else Style.WARNING,
        ),
        (f"  weight {weight}{where}{priority}", Style.PLAIN),
    ]


def _secrets(part: envoy_json.Part, now: datetime) -> Iterator[Line]:
    for resource, secret in messages(part, Secret):
        yield [(resource.name, Style.NAME), *_held(secret, now), *_from(resource.sources)]


def _held(secret: Secret, now: datetime) -> Line:
    certificate = leaf(secret)
    if certificate is not None:
        return [(f"  {_names(certificate)}", Style.PLAIN), _expiry(certificate, now)]
    if secret.HasField("tls_certificate"):
        return [(f"  file {secret.tls_certificate.certificate_chain.filename}", Style.PLAIN)]
    if secret.HasField("validation_context"):
        return [(f"  {_authorities(secret.validation_context.trusted_ca)}", Style.PLAIN)]
    return []


def _names(certificate: x509.Certificate) -> str:
    names = names_of(certificate)
    return ", ".join(names) or certificate.subject.rfc4514_string() or "an identity of the mesh"


def _expiry(certificate: x509.Certificate, now: datetime) -> Segment:
    until = certificate.not_valid_after_utc
    if until <= now:
        return (f"  expired {until:%Y-%m-%d %H:%M}", Style.ERROR)
    return (f"  until {until:%Y-%m-%d %H:%M} UTC", Style.PLAIN)


def _authorities(source: DataSource) -> str:
    if source.filename:
        return f"trusts file {source.filename}"
    try:
        count = len(x509.load_pem_x509_certificates(envoy_json.inline(source)))
    except ValueError:
        count = 0
    return f"trusts {counted(count, 'authority')}"


def _from(sources: tuple[DeclaredObject, ...]) -> Line:
    """Where the objects are declared that a resource came from."""
    places = list(dict.fromkeys(f"{s.path}:{s.line}" for s in sources))
    return [(f"  {first_of(places, _SOURCES_SHOWN)}", Style.QUIET)] if places else []
