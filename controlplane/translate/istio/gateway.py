"""A Gateway becomes servers: what each serves, for which hosts, with which TLS.

Source: https://istio.io/latest/docs/reference/config/networking/gateway/
"""

from typing import Final

from controlplane.base.codes import CANNOT_WORK, NO_EFFECT, PROTOCOL_SPELLING
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace, PortNumber
from controlplane.kinds.istio.gateway import Gateway, Port, Server as ServerSpec, ServerTlsMode
from controlplane.kinds.istio.mesh_config import MeshTls
from controlplane.kinds.object import Object
from controlplane.model.plan.route_table import ServerHost
from controlplane.translate.istio.gateway_tls import server_tls
from controlplane.translate.server import (
    AutoPassthrough,
    HttpServer,
    Server,
    ServerProtocol,
    TcpServer,
    TlsPassthrough,
)

HTTP_FAMILY: Final = frozenset({"HTTP", "HTTP2", "HTTP_PROXY", "GRPC", "GRPC-WEB"})


def gateway_servers(
    report: Report, gateway: Object[Gateway], *, tls_defaults: MeshTls | None
) -> tuple[Server, ...]:
    """The servers of a Gateway, in order. One that cannot be served at all is left out and
    reported.
    """
    at = FieldRef(gateway.key) / "spec" / "servers"
    return tuple(
        _server(report, at / i, gateway, spec, spec.port, tls_defaults=tls_defaults)
        for i, spec in enumerate(gateway.spec.servers)
        if spec.port is not None and _has_address(report, at / i, spec)
    )


def server_hosts(spec: ServerSpec, namespace: Namespace) -> tuple[ServerHost, ...]:
    """The hosts with the namespaces they admit; ``*/*`` makes every other host moot."""
    hosts = tuple(_server_host(text, namespace) for text in spec.hosts)
    return (ServerHost(Host("*")),) if "*/*" in spec.hosts else hosts


def _has_address(report: Report, at: FieldRef, spec: ServerSpec) -> bool:
    """Whether Envoy can listen there: Istio's admission takes an IPv6 zone, Envoy does not."""
    if "%" not in spec.bind or spec.bind.startswith("unix://"):
        return True
    message = f'Envoy takes no zone in an address, so nothing listens on "{spec.bind}"'
    hint = f"write {spec.bind.partition('%')[0]}"
    report.add(CANNOT_WORK, at / "bind", message, hint=hint)
    return False


def _server(
    report: Report,
    at: FieldRef,
    gateway: Object[Gateway],
    spec: ServerSpec,
    port: Port,
    *,
    tls_defaults: MeshTls | None,
) -> Server:
    return Server(
        place=at,
        gateway=f"{gateway.namespace}/{gateway.name}",
        port=PortNumber(port.number),
        port_name=port.name,
        hosts=server_hosts(spec, gateway.namespace),
        protocol=_protocol(report, at, spec, port, tls_defaults=tls_defaults),
        bind=spec.bind,
        title=spec.name,
        redirects_to_https=spec.tls is not None and spec.tls.https_redirect,
        has_tls_settings=spec.tls is not None,
        age=gateway.age,
    )


def _protocol(
    report: Report, at: FieldRef, spec: ServerSpec, port: Port, *, tls_defaults: MeshTls | None
) -> ServerProtocol:
    protocol = port.protocol.upper()
    if port.protocol != protocol:
        report.add(
            PROTOCOL_SPELLING,
            at / "port" / "protocol",
            f'protocol "{port.protocol}" is read as {protocol}',
            hint=f"write {protocol}",
        )
    if protocol in HTTP_FAMILY:
        return HttpServer(accepts_grpc_web=protocol == "GRPC-WEB")
    if spec.tls is None:
        return TcpServer()
    if spec.tls.https_redirect:
        report.add(
            NO_EFFECT,
            at / "tls" / "httpsRedirect",
            f"httpsRedirect has no effect on a server of protocol {protocol}",
            hint="set httpsRedirect on the HTTP server of the same hosts",
        )
    match spec.tls.mode:
        case ServerTlsMode.PASSTHROUGH:
            return TlsPassthrough()
        case ServerTlsMode.AUTO_PASSTHROUGH:
            return AutoPassthrough()
        case _:
            tls = server_tls(
                report, at / "tls", spec.tls, routes=protocol == "HTTPS", defaults=tls_defaults
            )
            return HttpServer(tls=tls) if protocol == "HTTPS" else TcpServer(tls=tls)


def _server_host(text: str, namespace: Namespace) -> ServerHost:
    scope, slash, host = text.rpartition("/")
    if not slash or scope == "*":
        return ServerHost(Host(host))
    return ServerHost(Host(host), namespace if scope == "." else Namespace(scope))
