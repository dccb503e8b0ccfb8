"""What ``describe`` prints."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener

from controlplane.admin.view import DeclaredObject, Origin, json_text
from controlplane.admin.workload import Applied, Workload, WorkloadPort
from controlplane.base.addresses import Address
from controlplane.base.errors import ProxyUnknown
from controlplane.base.hosts import short_name
from controlplane.cli import admin_client
from controlplane.cli.columns import aligned
from controlplane.cli.envoy_json import chains, messages, tcp_proxy, tls_context
from controlplane.cli.output import Segment, Style, printable, say, show
from controlplane.cli.status_view import ago, display_name
from controlplane.cli.summary import idle

Line = list[Segment]
_RULES_SHOWN: Final = 20
_BLACK_HOLE: Final = "virtualInbound-blackhole"


def print_workload(name: str, output: str, admin: Address) -> None:
    """Print the workload of a sidecar; ``ProxyUnknown`` where no such sidecar is connected."""
    found = admin_client.workload(admin, name)
    if found is None:
        raise _unknown(name, admin)
    if output == "json":
        say(json_text(found))
    else:
        show(aligned(lines(found, datetime.now(UTC))))


def lines(found: Workload, now: datetime) -> Iterator[Line]:
    yield [(printable(found.proxy), Style.NAME)]
    for heading, words, place in _facts(found, now):
        yield [(f"  {heading:<12}", Style.QUIET), (printable(words), Style.PLAIN), *_at(place)]
    yield [("ports", Style.NAME)]
    listeners = [listener for _, listener in messages(found.inbound, Listener)]
    for port in found.ports:
        yield from _port(port, listeners)
    yield from _other_ports(found, listeners)
    for heading, rules in (("rules in", found.rules_in), ("rules out", found.rules_out)):
        yield [(heading, Style.NAME)]
        yield from _rules(rules)
    yield from _observed(found)
    for heading, applied in (
        ("telemetry", found.telemetries),
        ("extensions", found.extensions),
        ("proxy config", found.proxy_configs),
    ):
        yield from _applied(heading, applied)
    if found.idle_patches:
        yield [("patches that find nothing", Style.NAME)]
        yield from ([("  ", Style.PLAIN), *line] for line in idle(found.idle_patches))
    yield [(f"controlplane authz {printable(found.proxy)} shows who may call it", Style.QUIET)]


Fact = tuple[str, str, DeclaredObject | None]


def _facts(found: Workload, now: datetime) -> Iterator[Fact]:
    labels = ", ".join(f"{name}: {value}" for name, value in sorted(found.labels.items()))
    if found.group is not None:
        yield "registered", f"by {display_name(found.group.object)}", found.group
    elif found.declared is not None:
        yield "declared", display_name(found.declared.object), found.declared
    else:
        yield "declared", "nowhere: its labels are its node's", None
    yield "labels", labels or "none", None
    yield "addresses", ", ".join(found.addresses) or "none", None
    yield "identity", found.identity, None
    if found.certificate_ends is not None:
        left = ago(found.certificate_ends - now)
        yield "certificate", f"until {found.certificate_ends:%Y-%m-%d %H:%M} UTC, {left} left", None
    if found.sidecar is not None:
        yield "sidecar", display_name(found.sidecar.object), found.sidecar
        yield from (("imports", entry, None) for entry in found.imports)
    if not found.imports:
        yield "imports", "everything that is visible", None
    yield "other hosts", found.unknown, None


def _port(port: WorkloadPort, listeners: Sequence[Listener]) -> Iterator[Line]:
    decided = _origin(port.decided_by)
    yield [(f"  {port.port}", Style.INFO), (f"  {port.mtls}", Style.PLAIN), *decided]
    for service in port.services:
        words = f"    {short_name(service.host)}:{service.port} {service.protocol or 'detected'}"
        yield [(printable(words), Style.PLAIN), *_at(service.declared)]
    for chain in _chains(listeners, port.port):
        yield _chain(chain)


def _other_ports(found: Workload, listeners: Sequence[Listener]) -> Iterator[Line]:
    decided = _origin(found.mtls_decided_by)
    yield [("  others", Style.INFO), (f"  {found.mtls}", Style.PLAIN), *decided]
    for chain in _chains(listeners, 0):
        yield _chain(chain)


def _chains(listeners: Iterable[Listener], port: int) -> Iterator[FilterChain]:
    """The chains for connections to a port of the workload; 0: to one that has none of its own."""
    for listener in listeners:
        bound = listener.address.socket_address.port_value
        is_shared = listener.use_original_dst.value or listener.name == "virtualInbound"
        for chain in chains(listener):
            own = chain.filter_chain_match.destination_port.value
            if chain.name != _BLACK_HOLE and (own or (0 if is_shared else bound)) == port:
                yield chain


def _chain(chain: FilterChain) -> Line:
    match = chain.filter_chain_match
    context = tls_context(chain)
    if context is not None:
        mutual = context.require_client_certificate.value
        accepts = "mutual TLS of the mesh" if mutual else "TLS"
    elif match.transport_protocol == "tls":
        accepts = "TLS, passed through"
    else:
        accepts = "plaintext"
    does = "TCP" if tcp_proxy(chain) is not None else "HTTP"
    return [
        (f"    {accepts} → {does}", Style.PLAIN),
        (f"  chain {printable(chain.name)}", Style.QUIET),
    ]


def _rules(rules: Sequence[DeclaredObject]) -> Iterator[Line]:
    for rule in rules[:_RULES_SHOWN]:
        yield [(f"  {printable(display_name(rule.object))}", Style.PLAIN), *_at(rule)]
    if len(rules) > _RULES_SHOWN:
        yield [(f"  and {len(rules) - _RULES_SHOWN} more", Style.QUIET)]
    if not rules:
        yield [("  none", Style.QUIET)]


def _observed(found: Workload) -> Iterator[Line]:
    yield [("observed", Style.NAME)]
    for side in found.observed:
        yield [(f"  {side.calls}", Style.INFO)]
        for heading, words in (
            ("logs", "; ".join(side.logs) or "none"),
            ("metrics", side.metrics),
            ("spans", side.spans),
        ):
            yield [(f"    {heading:<12}", Style.QUIET), (printable(words), Style.PLAIN)]


def _applied(heading: str, applied: Sequence[Applied]) -> Iterator[Line]:
    """Nothing where there is none: few have any."""
    if applied:
        yield [(heading, Style.NAME)]
    for each in applied:
        said = "; ".join(each.says) or "nothing: others say the same, or decide"
        yield [
            (f"  {printable(display_name(each.declared.object))}", Style.PLAIN),
            *_at(each.declared),
        ]
        yield [(f"    {printable(said)}", Style.PLAIN)]


def _at(place: DeclaredObject | None) -> Line:
    if place is None or not place.path:
        return []
    return [(f"  {printable(place.path)}:{place.line}", Style.QUIET)]


def _origin(origin: Origin | None) -> Line:
    """The object that decides, with file and line."""
    if origin is None:
        return [("  by default", Style.QUIET)]
    name = printable(display_name(origin.object or ""))
    where = f" {printable(origin.path)}:{origin.line}" if origin.path else ""
    return [(f"  by {name}{where}", Style.QUIET)]


def _unknown(name: str, admin: Address) -> ProxyUnknown:
    proxies = [shown.proxy for shown in admin_client.status(admin).proxies]
    if any(name in (p.name, p.full_name) for p in proxies):
        hint = f"show its configuration with controlplane config {name}"
        return ProxyUnknown(f'"{name}" is a gateway, and no workload', hint=hint)
    sidecars = sorted(p.full_name for p in proxies if p.role == "sidecar")
    connected = f"connected are {', '.join(sidecars)}" if sidecars else "none is"
    return ProxyUnknown(f'no sidecar "{name}" is connected; {connected}')
