"""A Gateway of Istio's as a Kubernetes Gateway: a listener for each host of each server.

The class is ``istio``, whose Gateways answer as Istio's do, and the address is the Service in front
of the proxies, so the same proxies serve it on the same ports. It is in the namespace of that
Service, where its certificates are, too.
Source: https://gateway-api.sigs.k8s.io/reference/spec/#gateway
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from controlplane.base.codes import NO_COUNTERPART, NOT_KNOWN_HERE
from controlplane.base.diagnostics import Report
from controlplane.base.hosts import is_ip, overlap
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace
from controlplane.documents.yaml import Data
from controlplane.kinds.core.service import Service
from controlplane.kinds.istio.gateway import Gateway, Server, ServerTlsMode
from controlplane.kinds.object import Object
from controlplane.migrate.filters import HOSTNAME
from controlplane.migrate.listener_tls import listener_tls
from controlplane.migrate.meshes import Declared, service_host
from controlplane.migrate.redirects import ListenerPort

CLASS: Final = "istio"
EVERY_NAMESPACE: Final = Namespace("*")
_NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
_MOST: Final = 64  # listeners of a Gateway
_HTTP: Final = frozenset({"HTTP", "HTTP2", "GRPC"})
_NOT_OF_A_NAME: Final = re.compile(r"[^a-z0-9.-]+")


class RouteKind(Enum):
    """What attaches to a listener; the value is the kind of routes."""

    HTTP = "HTTPRoute"
    TLS = "TLSRoute"
    TCP = "TCPRoute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A listener for ``host`` (``*``: every one), which admits routes of ``namespaces``.
    ``redirects``: it redirects every request to HTTPS.
    """

    port: ListenerPort
    host: Host
    namespaces: frozenset[Namespace]
    place: FieldRef
    data: Mapping[str, Data]
    redirects: bool = False
    kind: RouteKind = RouteKind.HTTP

    def admits(self, namespace: Namespace) -> bool:
        return EVERY_NAMESPACE in self.namespaces or namespace in self.namespaces


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadGateway:
    """A Gateway as listeners. ``service`` is in front of its proxies, if it is known."""

    gateway: Object[Gateway]
    service: Object[Service] | None
    listeners: tuple[Listener, ...]

    @property
    def home(self) -> Namespace:
        """The namespace of its proxies."""
        return self.gateway.namespace if self.service is None else self.service.namespace

    @property
    def is_exclusive(self) -> bool:
        """Whether two Gateways cannot serve its hosts on one port."""
        return any(
            listener.port.https or listener.redirects or listener.kind is not RouteKind.HTTP
            for listener in self.listeners
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its listeners, in their order."""
        return tuple(_names(str(listener.data["name"]) for listener in self.listeners))

    @property
    def redirecting(self) -> tuple[str, ...]:
        """The names of the listeners that redirect every request."""
        pairs = zip(self.names, self.listeners, strict=True)
        return tuple(name for name, listener in pairs if listener.redirects)

    def spec(self) -> dict[str, Data]:
        """``spec`` of the Kubernetes Gateway."""
        assert self.service is not None, "a Gateway without its Service stays"
        return {
            "gatewayClassName": CLASS,
            "addresses": [{"type": "Hostname", "value": service_host(self.service)}],
            "listeners": [
                {
                    **listener.data,
                    "name": name,
                    "allowedRoutes": {"namespaces": _admitting(listener)},
                }
                for name, listener in zip(self.names, self.listeners, strict=True)
            ],
        }


def read_gateway(
    report: Report, gateway: Object[Gateway], declared: Declared, service: Object[Service] | None
) -> ReadGateway:
    """The Gateway as listeners; what keeps it from being migrated is reported."""
    at = FieldRef(gateway.key) / "spec"
    chosen = service or _service(report, at / "selector", gateway, declared)
    listeners = [
        listener
        for i, server in enumerate(gateway.spec.servers)
        for listener in _listeners(report, at / "servers" / i, server, gateway, declared, chosen)
    ]
    _check_together(report, at, listeners)
    return ReadGateway(gateway=gateway, service=chosen, listeners=tuple(listeners))


def _service(
    report: Report, at: FieldRef, gateway: Object[Gateway], declared: Declared
) -> Object[Service] | None:
    """The one Service that selects the proxies of the Gateway."""
    selector = gateway.spec.selector.items()
    found = [
        s for s in declared.services if s.spec.selector and selector <= s.spec.selector.items()
    ]
    if selector and len(found) == 1:
        return found[0]
    labels = ", ".join(f"{name}: {value}" for name, value in sorted(selector)) or "every proxy"
    if not found or not selector:
        message = f"a Kubernetes Gateway needs a Service of its proxies, and none selects {labels}"
        hint = "name its file, too, or let --service NAMESPACE/NAME write one"
    else:
        names = ", ".join(sorted(f"{s.namespace}/{s.name}" for s in found))
        message = f"several Services select {labels}: {names}"
        hint = "choose one by --service NAMESPACE/NAME"
    report.add(NOT_KNOWN_HERE, at, message, hint=hint)
    return None


def _listeners(
    report: Report,
    at: FieldRef,
    server: Server,
    gateway: Object[Gateway],
    declared: Declared,
    service: Object[Service] | None,
) -> Iterator[Listener]:
    protocol = server.port.protocol.upper() if server.port is not None else ""
    number = server.port.number if server.port is not None else 0
    for field, value in (("bind", server.bind), ("defaultEndpoint", server.default_endpoint)):
        if value:
            report.add(NO_COUNTERPART, at / field, f"a listener has no {field}")
    if service is not None and number not in {port.port for port in service.spec.ports}:
        report.add(
            NOT_KNOWN_HERE,
            at / "port" / "number",
            f"Service {service.namespace}/{service.name} has no port {number}, and a Kubernetes "
            "Gateway is served on the ports of its Service alone",
            hint="add the port to the Service",
        )
    home = service.namespace if service is not None else gateway.namespace
    kind, data = _protocol(report, at, server, protocol, home)
    if kind is RouteKind.HTTP and protocol != "HTTPS" and server.tls is not None:
        if server.tls.https_redirect:
            _check_redirect(report, at, server, gateway, declared)
        else:
            report.add(NO_COUNTERPART, at / "tls", "a listener for HTTP has no TLS settings")
    if kind is not None:
        port = ListenerPort(number, https="tls" in data)
        whole = {**_name(server), "port": number, **data}
        yield from _by_host(report, at, server, gateway, port, kind, whole)


def _protocol(
    report: Report, at: FieldRef, server: Server, protocol: str, home: Namespace
) -> tuple[RouteKind | None, dict[str, Data]]:
    """What attaches to a server, and the listener's protocol and TLS; ``None``: it stays."""
    passes = server.tls is not None and server.tls.mode is ServerTlsMode.PASSTHROUGH
    if protocol in _HTTP:
        return RouteKind.HTTP, {"protocol": "HTTP"}
    if protocol in ("HTTPS", "TLS") and passes:
        return RouteKind.TLS, {"protocol": "TLS", "tls": {"mode": "Passthrough"}}
    if protocol == "HTTPS":
        tls = listener_tls(report, at / "tls", server.tls, home)
        return RouteKind.HTTP, {"protocol": "HTTPS", "tls": tls}
    if protocol == "TCP" and server.tls is None:
        if any(host.rpartition("/")[2] != "*" for host in server.hosts):
            report.add(
                NO_COUNTERPART,
                at / "hosts",
                "a listener for TCP has no hostname, so it would admit the routes of every host",
                hint='write "*"',
            )
        return RouteKind.TCP, {"protocol": "TCP"}
    report.add(
        NO_COUNTERPART,
        at / "port" / "protocol",
        f"a server of protocol {protocol} that ends TLS, or is none of Gateway API's, has no "
        "counterpart",
    )
    return None, {}


def _name(server: Server) -> dict[str, Data]:
    text = server.port.name if server.port is not None else ""
    return {"name": _NOT_OF_A_NAME.sub("-", text.lower()).strip("-.")[:50] or "listener"}


def _by_host(
    report: Report,
    at: FieldRef,
    server: Server,
    gateway: Object[Gateway],
    port: ListenerPort,
    kind: RouteKind,
    data: Mapping[str, Data],
) -> Iterator[Listener]:
    """A listener for each host, with all the namespaces that the server admits to it."""
    admitted: dict[str, set[Namespace]] = {}
    places: dict[str, FieldRef] = {}
    for i, text in enumerate(server.hosts):
        scope, slash, host = text.rpartition("/")
        own = gateway.namespace if scope == "." else Namespace(scope)
        admitted.setdefault(host, set()).add(own if slash else EVERY_NAMESPACE)
        places.setdefault(host, at / "hosts" / i)
        if not is_hostname(host):
            report.add(
                NO_COUNTERPART,
                at / "hosts" / i,
                f'a listener takes no "{host}" as its hostname',
                hint="write it in lower case" if is_hostname(host.lower()) else None,
            )
    if "*/*" in server.hosts:
        admitted = {"*": {EVERY_NAMESPACE}}
    for host, namespaces in admitted.items():
        hostname = {} if host == "*" or kind is RouteKind.TCP else {"hostname": host}
        yield Listener(
            port=port,
            host=Host(host),
            namespaces=frozenset(namespaces),
            place=places[host],
            data={"name": data["name"], **hostname, **_without_name(data)},
            redirects=not port.https and server.tls is not None and server.tls.https_redirect,
            kind=kind,
        )


def _without_name(data: Mapping[str, Data]) -> dict[str, Data]:
    return {field: value for field, value in data.items() if field != "name"}


def is_hostname(host: str) -> bool:
    """Whether Gateway API takes ``host`` as a hostname, or as none for ``*``."""
    named = HOSTNAME.fullmatch(host.removeprefix("*.")) is not None
    return host == "*" or (named and not is_ip(host))


def _check_together(report: Report, at: FieldRef, listeners: Sequence[Listener]) -> None:
    """What cannot be served by listeners of one Gateway as by the servers that they are of."""
    if len(listeners) > _MOST:
        report.add(NO_COUNTERPART, at / "servers", f"a Gateway has at most {_MOST} listeners")
    for i, listener in enumerate(listeners):
        for other in listeners[:i]:
            if listener.port.port != other.port.port:
                continue
            tcp = RouteKind.TCP in (listener.kind, other.kind)
            if tcp or listener.port.https != other.port.https or listener.host == other.host:
                what = "a protocol of its own" if listener.host != other.host else "the same host"
                report.add(
                    NO_COUNTERPART,
                    listener.place,
                    f"another server has port {listener.port.port} with {what}, and listeners of "
                    "one port differ in their hostnames alone",
                )
            elif overlap(listener.host, other.host) and listener.namespaces != other.namespaces:
                report.add(
                    NO_COUNTERPART,
                    listener.place,
                    f'"{listener.host}" and "{other.host}" admit other namespaces, and a request '
                    "belongs to one listener alone",
                )


def _names(wanted: Iterable[str]) -> Iterator[str]:
    """``wanted`` names, with numbers where they are the same."""
    taken: set[str] = set()
    for each in wanted:
        name, number = each, 1
        while name in taken:
            number += 1
            name = f"{each}-{number}"
        taken.add(name)
        yield name


def _check_redirect(
    report: Report, at: FieldRef, server: Server, gateway: Object[Gateway], declared: Declared
) -> None:
    """A redirect becomes a route for every request of the listener, which no other Gateway may have
    at its hosts.
    """
    place = at / "tls" / "httpsRedirect"
    if declared.trusts_proxies:
        report.add(
            NO_COUNTERPART,
            place,
            "MeshConfig trusts proxies in front, and what these received by HTTPS an HTTPRoute "
            "would redirect as well",
            hint="remove it, and redirect in front",
        )
    for i, host in enumerate(server.hosts):
        if not host.startswith("*/") and "/" in host:
            message = "hosts without a VirtualService of the namespace are not redirected, only 404"
            report.add(NO_COUNTERPART, at / "hosts" / i, message, hint="leave the namespace out")
    number = server.port.number if server.port is not None else 0
    for other in declared.gateways.values():
        if other.key != gateway.key and any(
            overlap(one.rpartition("/")[2], host.rpartition("/")[2])
            for beside in other.spec.servers
            if beside.port is not None and beside.port.number == number
            for one in beside.hosts
            for host in server.hosts
        ):
            message = f"{other.key.display_name} has its hosts on this port, too, and is redirected"
            report.add(NO_COUNTERPART, place, message)


def redirect_name(gateway: Object[Gateway]) -> str:
    """The name of the HTTPRoute that redirects what servers of the Gateway did."""
    return f"{gateway.name}-https-redirect"


def _admitting(listener: Listener) -> Data:
    if listener.redirects:
        return {"from": "Same"}
    if EVERY_NAMESPACE in listener.namespaces:
        return {"from": "All"}
    names = sorted(listener.namespaces)
    if len(names) == 1:
        return {"from": "Selector", "selector": {"matchLabels": {_NAMESPACE_LABEL: names[0]}}}
    expression: Data = {"key": _NAMESPACE_LABEL, "operator": "In", "values": list[Data](names)}
    return {"from": "Selector", "selector": {"matchExpressions": [expression]}}
