"""The short form of ``config``: one line for each thing that a person thinks in."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cryptography import x509

from controlplane.cli.curl import leaf
from controlplane.cli.curl import names_of
from controlplane.cli.output import Segment
from controlplane.cli.output import Style
from controlplane.cli.output import printable
from controlplane.cli.sent import Cluster
from controlplane.cli.sent import ClusterLoadAssignment
from controlplane.cli.sent import Configuration
from controlplane.cli.sent import FilterChain
from controlplane.cli.sent import Listener
from controlplane.cli.sent import Resource
from controlplane.cli.sent import Route
from controlplane.cli.sent import RouteTable
from controlplane.cli.sent import Rule
from controlplane.cli.sent import Secret
from controlplane.cli.sent import Source
from controlplane.cli.wording import condition
from controlplane.cli.wording import destination
from controlplane.cli.wording import leads_to
from controlplane.cli.wording import streams_to

Line = list[Segment]
_SOURCES_SHOWN: Final = 3
_OBJECT_OF_PATH: Final = 3  # parts from the end of /apis/GROUP/VERSION/namespaces/NS/KIND/NAME


def summary(sent: Configuration, now: datetime) -> Iterator[Line]:
    """Each part that ``sent`` has, below its heading."""
    if sent.listeners is not None:
        yield from _part("listeners", (line for r in sent.listeners for line in _listener(r)))
    if sent.routes is not None:
        yield from _part("routes", (line for r in sent.routes for line in _route_table(r)))
    if sent.clusters is not None:
        yield from _part("clusters", map(_cluster, sent.clusters))
    if sent.endpoints is not None:
        yield from _part("endpoints", (line for r in sent.endpoints for line in _assignment(r)))
    if sent.secrets is not None:
        yield from _part("secrets", (_secret(r, now) for r in sent.secrets))


def _part(heading: str, lines: Iterable[Line]) -> Iterator[Line]:
    yield [(heading, Style.NAME)]
    count = 0
    for count, line in enumerate(lines, 1):  # noqa: B007 the number after the last line is meant
        yield [("  ", Style.PLAIN), *line]
    if not count:
        yield [("  nothing", Style.QUIET)]


def _listener(sent: Resource[Listener]) -> Iterator[Line]:
    yield [(str(sent.resource.address), Style.NAME), *_from(sent.sources)]
    for chain in sent.resource.chains:
        yield [(f"  {_who(chain)} → {_handled(chain)}", Style.PLAIN)]


def _who(chain: FilterChain) -> str:
    """Whose connections take the chain."""
    match = chain.filter_chain_match
    if chain.transport_socket is not None:
        context = chain.transport_socket.typed_config
        named = ", ".join(match.server_names) or "any name"
        secrets = context.common_tls_context.tls_certificate_sds_secret_configs
        shown = ", ".join(secret.name for secret in secrets)
        both = ", asks for a client certificate" if context.require_client_certificate else ""
        return f"TLS for {named} (shows {shown}{both})"
    if match.server_names or match.transport_protocol == "tls":
        return f"TLS for {', '.join(match.server_names) or 'any name'}, passed through"
    return "plaintext"


def _handled(chain: FilterChain) -> str:
    handling = chain.handling
    if handling is None:
        return "closed"
    if handling.rds is not None:
        return f"routes {handling.rds.route_config_name}"
    return streams_to(handling)


def _route_table(sent: Resource[RouteTable]) -> Iterator[Line]:
    yield [(sent.name, Style.NAME)]
    rules = {(rule.virtual_host, rule.route): rule for rule in sent.rules}
    places = {source.object: source for source in sent.sources}
    for virtual_host in sent.resource.by_domain:
        domains = ", ".join(virtual_host.domains)
        tls = " (redirected to https)" if virtual_host.redirects_to_https else ""
        yield [(f"  {domains}{tls}", Style.INFO)]
        for number, route in enumerate(virtual_host.routes):
            yield _route(route, rules.get((virtual_host.name, number)), places)


def _route(route: Route, rule: Rule | None, places: Mapping[str, Source]) -> Line:
    return [
        (f"    {printable(condition(route.match))}", Style.PLAIN),
        (f" → {printable(leads_to(route))}", Style.PLAIN),
        (f"  {_origin(route, rule, places)}".rstrip(), Style.QUIET),
    ]


def _origin(route: Route, rule: Rule | None, places: Mapping[str, Source]) -> str:
    """The rule's file and line and name, or else what is known of its object."""
    named = f" {route.name}" if route.name else ""
    if rule is not None:
        return f"{rule.path}:{rule.line}{named}"
    parts = route.metadata.filter_metadata.istio.config.split("/")
    if len(parts) <= _OBJECT_OF_PATH:
        return named.strip()
    namespace, _, name = parts[-_OBJECT_OF_PATH:]
    source = f"VirtualService/{namespace}/{name}"
    if source in places:
        return f"{places[source].path}:{places[source].line}{named}"
    return f"VirtualService {namespace}/{name}{named}"


def _cluster(sent: Resource[Cluster]) -> Line:
    cluster = sent.resource
    kind = cluster.cluster_type.name if cluster.cluster_type is not None else cluster.type
    tls = " TLS" if cluster.transport_socket is not None else ""
    return [
        (destination(sent.name), Style.NAME),
        (f"  {kind} {cluster.lb_policy}{tls}", Style.PLAIN),
        *_from(sent.sources),
    ]


def _assignment(sent: Resource[ClusterLoadAssignment]) -> Iterator[Line]:
    yield [(destination(sent.name), Style.NAME), *_from(sent.sources)]
    for group in sent.resource.endpoints:
        where = f" in {group.locality}" if str(group.locality) else ""
        priority = f" priority {group.priority}" if group.priority else ""
        for endpoint in group.lb_endpoints:
            health = endpoint.health_status
            style = Style.GOOD if health == "HEALTHY" else Style.WARNING
            yield [
                (f"  {endpoint.endpoint.address}  ", Style.PLAIN),
                (health.lower(), style),
                (f"  weight {endpoint.load_balancing_weight}{where}{priority}", Style.PLAIN),
            ]


def _secret(sent: Resource[Secret], now: datetime) -> Line:
    said = [(sent.name, Style.NAME)]
    certificate = leaf(sent.resource)
    if certificate is not None:
        said.append((f"  {_shown(certificate)}", Style.PLAIN))
        said.append(_expiry(certificate, now))
    elif sent.resource.tls_certificate is not None:
        said.append(
            (f"  file {sent.resource.tls_certificate.certificate_chain.filename}", Style.PLAIN)
        )
    elif sent.resource.validation_context is not None:
        said.append((f"  {_authorities(sent.resource)}", Style.PLAIN))
    return [*said, *_from(sent.sources)]


def _shown(certificate: x509.Certificate) -> str:
    names = names_of(certificate)
    return ", ".join(names) or certificate.subject.rfc4514_string() or "an identity of the mesh"


def _expiry(certificate: x509.Certificate, now: datetime) -> Segment:
    until = certificate.not_valid_after_utc
    if until <= now:
        return (f"  expired {until:%Y-%m-%d %H:%M}", Style.ERROR)
    return (f"  until {until:%Y-%m-%d %H:%M} UTC", Style.PLAIN)


def _authorities(secret: Secret) -> str:
    assert secret.validation_context is not None, "only secrets that say whom to trust come here"
    source = secret.validation_context.trusted_ca
    if source.filename:
        return f"trusts file {source.filename}"
    try:
        count = len(x509.load_pem_x509_certificates(source.content))
    except ValueError:
        count = 0
    return f"trusts {count} {'authority' if count == 1 else 'authorities'}"


def _from(sources: tuple[Source, ...]) -> Line:
    """Where the objects are declared that a resource came from."""
    places = list(dict.fromkeys(f"{s.path}:{s.line}" for s in sources))
    shown = places[:_SOURCES_SHOWN]
    more = f" and {len(places) - len(shown)} more" if len(places) > len(shown) else ""
    return [(f"  {', '.join(shown)}{more}", Style.QUIET)] if shown else []
