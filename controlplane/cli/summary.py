"""The short form of ``config``: one line for each thing that matters to a person."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import repeat
from typing import Final, TypeVar

import msgspec
from cryptography import x509
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import Address
from envoy.config.core.v3.base_pb2 import DataSource, TrafficDirection
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.health_check_pb2 import HealthStatus
from envoy.config.endpoint.v3.endpoint_components_pb2 import LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_components_pb2 import FilterChain, FilterChainMatch
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import Route
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from controlplane.admin.view import ConfigPart, IdlePatch, Origin, ProxyConfig
from controlplane.base.wording import counted, first_of
from controlplane.cli import envoy_json
from controlplane.cli.curl import leaf, names_of
from controlplane.cli.envoy_json import chains, messages
from controlplane.cli.envoy_words import (
    by_domain,
    condition,
    destination,
    leads_to,
    redirects_to_https,
    streams_to,
)
from controlplane.cli.output import Segment, Style, printable

T = TypeVar("T")
Line = list[Segment]
_ORIGINS_SHOWN: Final = 3
_UNKNOWN: Final = ConfigPart(name="", origins=())


def summary(config: ProxyConfig, now: datetime) -> Iterator[Line]:
    """Each part that ``config`` has, below its heading."""
    parts: tuple[tuple[str, envoy_json.Part, Iterable[Line]], ...] = (
        ("listeners", config.listeners, _listeners(config.listeners)),
        ("routes", config.routes, _route_tables(config.routes)),
        ("clusters", config.clusters, _clusters(config.clusters)),
        ("endpoints", config.endpoints, _assignments(config.endpoints)),
        ("secrets", config.secrets, _secrets(config.secrets, now)),
        ("extensions", _asked_extensions(config), _extensions(config.extensions)),
    )
    for heading, part, lines in parts:
        if part is not msgspec.UNSET:
            yield from _part(heading, lines)
    if config.idle_patches:
        yield from _part("patches that find nothing here", idle(config.idle_patches))


def _asked_extensions(config: ProxyConfig) -> envoy_json.Part:
    """Few proxies have any, so that there are none is said only to who asks for nothing else."""
    has_others = config.listeners is not msgspec.UNSET
    return (config.extensions or msgspec.UNSET) if has_others else config.extensions


def _part(heading: str, lines: Iterable[Line]) -> Iterator[Line]:
    yield [(heading, Style.NAME)]
    count = 0
    for count, line in enumerate(lines, 1):  # noqa: B007 the number after the last line is meant
        yield [("  ", Style.PLAIN), *line]
    if not count:
        yield [("  nothing", Style.QUIET)]


def _listeners(part: envoy_json.Part) -> Iterator[Line]:
    for resource, listener in messages(part, Listener):
        origins = _from(resource.origins)
        yield [(_address(listener.address), Style.NAME), *_traffic(listener), *origins]
        parts = resource.parts
        if len(parts) == len(listener.filter_chains) and listener.HasField("default_filter_chain"):
            parts = (*parts, _UNKNOWN)  # it is for what no chain is for
        for chain, made in _with_parts(chains(listener), parts):
            who = "anything" if _is_any(chain, listener) else _who(chain)
            if chain == listener.default_filter_chain and listener.filter_chains:
                who = "anything else"
            yield [(f"  {who} → {_handled(chain)}", Style.PLAIN), *_from(made.origins)]


def _is_any(chain: FilterChain, listener: Listener) -> bool:
    """Whether a chain of a sidecar is for whatever comes, TLS too."""
    of_sidecar = listener.traffic_direction != TrafficDirection.UNSPECIFIED
    return of_sidecar and chain.filter_chain_match == FilterChainMatch()


def _traffic(listener: Listener) -> Line:
    """Which connections a sidecar's listener is for."""
    if listener.traffic_direction == TrafficDirection.UNSPECIFIED:
        return []
    name = TrafficDirection.Name(listener.traffic_direction).lower()
    is_bound = not listener.HasField("bind_to_port") or listener.bind_to_port.value
    return [(f"  {name}" if is_bound else f"  {name}, intercepted", Style.PLAIN)]


def _address(address: Address) -> str:
    if address.HasField("pipe"):
        return f"unix://{address.pipe.path}"
    if not address.HasField("socket_address"):
        return "?"
    host, port = address.socket_address.address, address.socket_address.port_value
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _who(chain: FilterChain) -> str:
    """Which connections the chain handles."""
    match = chain.filter_chain_match
    port = f"port {match.destination_port.value}: " if match.HasField("destination_port") else ""
    names = ", ".join(match.server_names) or "any name"
    context = envoy_json.tls_context(chain)
    if context is not None:
        shown = ", ".join(envoy_json.secret_names(context))
        mutual = context.require_client_certificate.value
        both = ", asks for a client certificate" if mutual else ""
        return f"{port}TLS for {names} (presents {shown}{both})"
    if match.server_names or match.transport_protocol == "tls":
        return f"{port}TLS for {names}, passed through"
    return f"{port}plaintext"


def _handled(chain: FilterChain) -> str:
    table, proxy = envoy_json.route_table(chain), envoy_json.tcp_proxy(chain)
    if table is not None:
        return f"routes {table}"
    inline = envoy_json.inline_routes(chain)
    if inline is not None:
        routes = [route for host in inline.virtual_hosts for route in host.routes]
        return f"HTTP to {leads_to(routes[0])}" if routes else "HTTP, 404"
    return streams_to(proxy) if proxy is not None else "closed"


def _route_tables(part: envoy_json.Part) -> Iterator[Line]:
    for resource, table in messages(part, RouteConfiguration):
        yield [(resource.name, Style.NAME), *_from(resource.origins)]
        parts = {part.name: part for part in resource.parts}
        for virtual_host in by_domain(table):
            found = parts.get(virtual_host.name, _UNKNOWN)
            domains = ", ".join(virtual_host.domains)
            tls = " (redirected to https)" if redirects_to_https(virtual_host) else ""
            yield [(f"  {domains}{tls}", Style.INFO), *_from(found.origins)]
            for route, made in _with_parts(virtual_host.routes, found.parts):
                yield _route(route, made)


def _route(route: Route, made: ConfigPart) -> Line:
    return [
        (f"    {printable(condition(route.match))}", Style.PLAIN),
        (f" → {printable(leads_to(route))}", Style.PLAIN),
        *_from(made.origins),
        *([(f" {printable(route.name)}", Style.QUIET)] if route.name else []),
    ]


def _clusters(part: envoy_json.Part) -> Iterator[Line]:
    for resource, cluster in messages(part, Cluster):
        kind = cluster.cluster_type.name or Cluster.DiscoveryType.Name(cluster.type)
        policy = Cluster.LbPolicy.Name(cluster.lb_policy)
        tls = " TLS" if cluster.HasField("transport_socket") else ""
        yield [
            (destination(resource.name), Style.NAME),
            (f"  {kind} {policy}{tls}", Style.PLAIN),
            *_from(resource.origins),
        ]


def _assignments(part: envoy_json.Part) -> Iterator[Line]:
    for resource, assignment in messages(part, ClusterLoadAssignment):
        yield [(destination(resource.name), Style.NAME), *_from(resource.origins)]
        found = [(e, group) for group in assignment.endpoints for e in group.lb_endpoints]
        for (endpoint, group), made in _with_parts(found, resource.parts):
            yield _endpoint(endpoint, group, made)


def _endpoint(endpoint: LbEndpoint, group: LocalityLbEndpoints, made: ConfigPart) -> Line:
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
        *_from(made.origins),
    ]


def _secrets(part: envoy_json.Part, now: datetime) -> Iterator[Line]:
    for resource, secret in messages(part, Secret):
        yield [(resource.name, Style.NAME), *_held(secret, now), *_from(resource.origins)]


def _extensions(part: envoy_json.Part) -> Iterator[Line]:
    for resource, extension in messages(part, TypedExtensionConfig):
        kind = extension.typed_config.type_url.rpartition("/")[2]
        yield [(resource.name, Style.NAME), (f" {kind}", Style.PLAIN), *_from(resource.origins)]


def idle(patches: tuple[IdlePatch, ...]) -> Iterator[Line]:
    for one in patches:
        yield [(f"{one.object} {one.field}", Style.PLAIN), *_from((one,))]
        if one.reason:
            hint = f"; {one.hint}" if one.hint else ""
            yield [(printable(f"  {one.reason}{hint}"), Style.QUIET)]


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


def _with_parts(things: Iterable[T], parts: Sequence[ConfigPart]) -> Iterator[tuple[T, ConfigPart]]:
    """What a resource has, each with the part that says where it comes from; ``--from-xds`` may
    know more or less of them than the admin interface.
    """
    listed = list(things)
    return zip(listed, parts if len(parts) == len(listed) else repeat(_UNKNOWN), strict=False)


def _from(origins: tuple[Origin, ...]) -> Line:
    """Where the objects are declared that something came from, a line for each."""
    by_object: dict[object, str] = {}
    for origin in origins:
        by_object.setdefault(origin.object, _place(origin))
    places = list(dict.fromkeys(by_object.values()))
    return [(f"  {first_of(places, _ORIGINS_SHOWN)}", Style.QUIET)] if places else []


def _place(origin: Origin) -> str:
    """File and line; for what is in no file its object."""
    if origin.built_in:
        return "built in"
    return f"{origin.path}:{origin.line}" if origin.path else f"{origin.object} (in no file)"
