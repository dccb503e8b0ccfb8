"""What the ingress listeners of a Sidecar must be.

Source: Istio ``pkg/config/validation/validation.go`` (ValidateSidecar)
"""

from collections.abc import Mapping, Sequence
from typing import Final

from controlplane.base.codes import (
    MISSING_FIELD,
    NO_EFFECT,
    NOT_ALLOWED_HERE,
    NOT_UNIQUE,
    VALUE_MALFORMED,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.gateway import ServerTls, ServerTlsMode
from controlplane.kinds.istio.sidecar import IngressListener, SidecarPort
from controlplane.kinds.validation import names, protocols
from controlplane.kinds.validation.checks import check_port
from controlplane.kinds.validation.gateway import check_server_tls, check_tls_as_written
from controlplane.kinds.validation.sidecar_egress import check_ip, check_listener_port
from controlplane.kinds.validation.traffic_policy import check_connection_pool

ADDRESSES: Final = frozenset({"", "127.0.0.1", "0.0.0.0", "[::1]", "[::]"})  # compared
_FORM: Final = "write 127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT, [::]:PORT, :PORT or unix:///PATH"


def check_ingress(
    report: Report,
    at: FieldRef,
    listeners: Sequence[IngressListener],
    body: Mapping[str, object],
) -> None:
    """``body``: the Sidecar as it was written."""
    written = body.get("ingress")
    first: dict[int, int] = {}
    for i, listener in enumerate(listeners):
        place = at / i
        port = listener.port
        if port is None:
            hint = "add port: {number: …, protocol: …}"
            report.add(MISSING_FIELD, place, "the ingress listener has no port", hint=hint)
            continue
        check_port(report, place / "port" / "number", port.number)
        with_tls = listener.tls is not None
        fitting = [p for p in protocols.SERVED if protocols.is_tls(p) or not with_tls]
        check_listener_port(report, place / "port", port, among=fitting)
        if port.number and port.number in first:
            message = f"{port.number} is already the port of ingress[{first[port.number]}]"
            report.add(NOT_UNIQUE, place / "port" / "number", message)
        first.setdefault(port.number, i)
        _check_rest(report, place, listener, port)
        if isinstance(written, list) and i < len(written):
            check_tls_as_written(report, place / "tls", written[i])


def _check_rest(report: Report, at: FieldRef, listener: IngressListener, port: SidecarPort) -> None:
    check_ip(report, at / "bind", listener.bind)
    if listener.default_endpoint:
        _check_endpoint(report, at / "defaultEndpoint", listener.default_endpoint)
    if listener.tls is not None:
        _check_tls(report, at / "tls", listener.tls, port)
    pool = listener.connection_pool
    check_connection_pool(report, at / "connectionPool", pool)
    if pool is not None and pool.http is not None and not protocols.is_http(port.protocol):
        protocol = port.protocol or "unknown until traffic comes"
        message = f"the settings for HTTP have no effect: the port's protocol is {protocol}"
        hint = "give the port an HTTP protocol, or use connectionPool.tcp"
        report.add(NO_EFFECT, at / "connectionPool" / "http", message, hint=hint)


def _check_endpoint(report: Report, at: FieldRef, endpoint: str) -> None:
    if endpoint.startswith(names.UNIX):
        fault = names.unix_fault(endpoint.removeprefix(names.UNIX))
        if fault is not None:
            report.add(VALUE_MALFORMED, at, f'"{endpoint}" {fault}')
        return
    address, colon, port = endpoint.rpartition(":")
    if not colon or address not in ADDRESSES:
        message = f'"{endpoint}" is not an address that the application of this sidecar has'
        report.add(VALUE_MALFORMED, at, message, hint=_FORM)
    elif not (port.isascii() and port.isdigit()):
        message = f'"{port}" in "{endpoint}" is not a port number'
        report.add(VALUE_MALFORMED, at, message, hint=_FORM)
    else:
        check_port(report, at, int(port))


def _check_tls(report: Report, at: FieldRef, tls: ServerTls, port: SidecarPort) -> None:
    fields: dict[str, object] = {
        "subjectAltNames": tls.subject_alt_names,
        "httpsRedirect": tls.https_redirect,
        "credentialName": tls.credential_name,
        "credentialNames": tls.credential_names,
        "tlsCertificates": tls.tls_certificates,
    }
    for name, value in fields.items():
        if value:
            message = f"Istio does not support {name} in the tls of an ingress listener"
            hint = "use serverCertificate, privateKey and caCertificates"
            report.add(NOT_ALLOWED_HERE, (at / name).key, message, hint=hint)
    if tls.mode in (ServerTlsMode.ISTIO_MUTUAL, ServerTlsMode.AUTO_PASSTHROUGH):
        message = f"an ingress listener cannot have the mode {tls.mode.value}"
        hint = "use SIMPLE or MUTUAL; mutual TLS of the mesh is a PeerAuthentication's"
        report.add(NOT_ALLOWED_HERE, at / "mode", message, hint=hint)
    elif not protocols.is_tls(port.protocol) and (
        not port.protocol or protocols.is_known(port.protocol)
    ):
        message = f'tls needs a port of HTTPS or TLS, not of "{port.protocol}"'
        report.add(NOT_ALLOWED_HERE, at.key, message, hint="write protocol: HTTPS")
    check_server_tls(report, at, tls)
