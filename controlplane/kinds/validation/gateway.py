"""What a Gateway must be, and warnings about TLS settings that are ignored.

Source: https://istio.io/latest/docs/reference/config/networking/gateway/, Istio
``pkg/config/validation/validation.go`` (ValidateGateway)
"""

from collections.abc import Mapping
from typing import Final

from controlplane.base.codes import (
    CANNOT_WORK,
    MISSING_FIELD,
    MUTUALLY_EXCLUSIVE,
    NO_EFFECT,
    NOT_ALLOWED_HERE,
    NOT_UNIQUE,
    UNKNOWN_VALUE,
    VALUE_MALFORMED,
    WRONG_SIZE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.hosts import is_ip
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.gateway import (
    Gateway,
    Port,
    Server,
    ServerTls,
    ServerTlsMode,
    TlsProtocol,
)
from controlplane.kinds.validation import names, protocols
from controlplane.kinds.validation.checks import About, check_port

CERTIFICATES_LIMIT: Final = 2  # one RSA and one ECDSA
_PASSTHROUGH: Final = (ServerTlsMode.PASSTHROUGH, ServerTlsMode.AUTO_PASSTHROUGH)
_MUTUAL: Final = (ServerTlsMode.MUTUAL, ServerTlsMode.OPTIONAL_MUTUAL)


def gateway(report: Report, at: FieldRef, spec: Gateway, about: About) -> None:
    if not names.is_label(about.key.name):
        place = FieldRef(at.object, ("metadata", "name"))
        message = f'a Gateway cannot be called "{about.key.name}": its name must be a DNS label'
        report.add(VALUE_MALFORMED, place, message, hint="use letters, digits and hyphens, no dots")
    if not spec.servers:
        report.add(MISSING_FIELD, at, "the Gateway has no servers")
    written = about.body.get("servers")
    first: dict[str, int] = {}
    for i, server in enumerate(spec.servers):
        place = at / "servers" / i
        _check_server(report, place, server)
        if isinstance(written, list) and i < len(written):
            check_tls_as_written(report, place / "tls", written[i])
        if server.port is not None and server.port.name:
            name = server.port.name
            if name in first:
                message = f'port name "{name}" is already used by servers[{first[name]}]'
                report.add(NOT_UNIQUE, place / "port" / "name", message)
            else:
                first[name] = i


def _check_server(report: Report, at: FieldRef, server: Server) -> None:
    if not server.hosts:
        report.add(
            MISSING_FIELD, at, "the server has no hosts", hint='to accept any host: hosts: ["*"]'
        )
    for i, host in enumerate(server.hosts):
        _check_host(report, at / "hosts" / i, host)
    unix = server.bind.startswith(names.UNIX)
    sound = _check_port(report, at, server, unix=unix)
    _check_bind(report, at / "bind", server.bind)
    if server.tls is not None:
        check_server_tls(report, at / "tls", server.tls)
    if sound and server.port is not None:
        _check_protocol(report, at, server, server.port)


def _check_host(report: Report, at: FieldRef, written: str) -> None:
    namespace, slash, host = written.partition("/")
    meant = names.host_meant(written) if slash else None
    is_host = "." in namespace.strip(".") and "." not in host
    if meant is not None and (is_host or namespace.endswith(":")):
        fault = names.wildcard_fault(written)
        report.add(VALUE_MALFORMED, at, f'"{written}" {fault}', hint=meant)
        return
    if not slash:
        host = written
    elif namespace not in ("*", ".") and not names.is_label(namespace):
        message = f'"{written}" has "{namespace}" as its namespace, which is not a DNS label'
        report.add(
            VALUE_MALFORMED, at, message, hint='write a namespace, "." or "*" before the slash'
        )
    if host != "*" and "." not in host:
        message = f'"{host}" is a short name; a Gateway needs fully qualified host names'
        report.add(VALUE_MALFORMED, at, message)
        return
    fault = names.wildcard_fault(host)
    if fault is not None and not is_ip(host):
        hint = names.host_meant(host)
        report.add(VALUE_MALFORMED, at, f'"{host}" {fault}', hint=hint)
    elif names.is_partial_wildcard(host):
        message = f'"{host}" has an asterisk that is only part of the first label'
        report.add(VALUE_MALFORMED, at, message, hint=f'write "*.{host.partition(".")[2]}"')


def _check_port(report: Report, at: FieldRef, server: Server, *, unix: bool) -> bool:
    before, port = len(report), server.port
    if port is None:
        report.add(MISSING_FIELD, at, "the server has no port")
        return False
    if not protocols.is_known(port.protocol):
        message = f'"{port.protocol}" is not a protocol'
        with_tls = server.tls is not None and not server.tls.https_redirect
        fitting = [each for each in protocols.SERVED if protocols.is_tls(each) == with_tls]
        hint = protocols.known_instead(port.protocol, among=fitting)
        report.add(UNKNOWN_VALUE, at / "port" / "protocol", message, hint=hint)
    if not unix:
        check_port(report, at / "port" / "number", port.number)
    elif port.number:
        message = f"port {port.number} is not allowed with a Unix socket: its number must be 0"
        report.add(NOT_ALLOWED_HERE, at / "port" / "number", message)
    if port.target_port:
        message = "targetPort has no meaning at a Gateway"
        report.add(NOT_ALLOWED_HERE, (at / "port" / "targetPort").key, message)
    if not port.name:
        report.add(MISSING_FIELD, at / "port", "the port has no name")
    return len(report) == before


def _check_bind(report: Report, at: FieldRef, bind: str) -> None:
    if bind.startswith(names.UNIX):
        fault = names.unix_fault(bind.removeprefix(names.UNIX))
        if fault is not None:
            report.add(VALUE_MALFORMED, at, f'"{bind}" {fault}')
    elif bind and not is_ip(bind):
        report.add(VALUE_MALFORMED, at, f'"{bind}" is neither an IP address nor unix:// and a path')


def _check_protocol(report: Report, at: FieldRef, server: Server, port: Port) -> None:
    """TLS settings and the protocol of the port must agree."""
    if port.protocol.upper() == "UDP":
        message = "a Gateway does not serve UDP: this server accepts TCP connections"
        hint = "write TCP" if server.tls is None else "write TLS"
        report.add(CANNOT_WORK, at / "port" / "protocol", message, hint=hint)
    tls = server.tls
    if protocols.is_tls(port.protocol):
        if tls is None:
            message = f"a server of {port.protocol} needs tls settings"
            hint = "add tls: {mode: SIMPLE, credentialName: …} with the name of a Secret"
            report.add(MISSING_FIELD, at, message, hint=hint)
        return
    if tls is None:
        return
    if not protocols.is_http(port.protocol):
        message = f"a server of {port.protocol} accepts no tls settings"
        hint = "use the protocol TLS"
        report.add(NOT_ALLOWED_HERE, (at / "tls").key, message, hint=hint)
        return
    files = tls.ca_certificates or tls.private_key or tls.server_certificate
    if tls.mode not in _PASSTHROUGH or files:
        message = f"a server of {port.protocol} accepts no tls settings except httpsRedirect"
        hint = "use the protocol HTTPS"
        report.add(NOT_ALLOWED_HERE, (at / "tls").key, message, hint=hint)


def check_server_tls(report: Report, at: FieldRef, tls: ServerTls) -> None:
    _check_versions(report, at, tls)
    _check_ciphers(report, at / "cipherSuites", tls)
    if tls.mode is ServerTlsMode.ISTIO_MUTUAL:
        _check_istio_mutual(report, at, tls)
        return
    files = tls.ca_crl or tls.ca_certificates or tls.server_certificate or tls.private_key
    if tls.mode in _PASSTHROUGH and (_sources(tls) or files):
        message = f"{tls.mode.value} does not terminate TLS, so its certificates are ignored"
        report.add(NO_EFFECT, at, message)
    sources = _sources(tls)
    if len(sources) > 1:
        message = (
            f"{' and '.join(sources)} exclude each other: the server has one certificate source"
        )
        report.add(MUTUALLY_EXCLUSIVE, (at / sources[-1]).key, message, hint="keep one of them")
    if tls.mode not in _PASSTHROUGH and (tls.credential_name or tls.credential_names):
        _check_beside_secret(report, at, tls)
        return
    _check_files(report, at, tls)
    if tls.ca_crl and tls.credential_name:
        message = "caCrl cannot be combined with credentialName: the secret holds the list (ca.crl)"
        report.add(NOT_ALLOWED_HERE, (at / "caCrl").key, message)
    if tls.ca_crl and tls.mode is ServerTlsMode.SIMPLE:
        message = (
            "caCrl cannot be combined with SIMPLE, which does not ask clients for a certificate"
        )
        report.add(NOT_ALLOWED_HERE, (at / "caCrl").key, message)


def _check_beside_secret(report: Report, at: FieldRef, tls: ServerTls) -> None:
    """Files that have no effect because only the secret is read."""
    for name, file, key in (
        ("serverCertificate", tls.server_certificate, "tls.crt"),
        ("privateKey", tls.private_key, "tls.key"),
        ("caCertificates", tls.ca_certificates, "ca.crt"),
        ("caCrl", tls.ca_crl, "ca.crl"),
    ):
        if file:
            message = f"{name} has no effect where the certificate comes from a secret"
            hint = f"put the content of {file} into the secret, as {key}"
            report.add(NO_EFFECT, at / name, message, hint=hint)


def _sources(tls: ServerTls) -> list[str]:
    """The fields that say where the server's certificate comes from; half a pair of files is
    ignored.
    """
    named = {
        "serverCertificate": tls.server_certificate and tls.private_key,
        "credentialName": tls.credential_name,
        "credentialNames": tls.credential_names,
        "tlsCertificates": tls.tls_certificates,
    }
    return [name for name, value in named.items() if value]


def _check_files(report: Report, at: FieldRef, tls: ServerTls) -> None:
    """SIMPLE and the mutual modes need a certificate and its key; the latter the clients' CA as
    well.
    """
    if tls.mode in _PASSTHROUGH:
        return
    if tls.tls_certificates:
        for i, pair in enumerate(tls.tls_certificates):
            place = at / "tlsCertificates" / i
            _check_pair(report, place, tls.mode, pair.server_certificate, pair.private_key)
    else:
        _check_pair(report, at, tls.mode, tls.server_certificate, tls.private_key)
    if tls.mode in _MUTUAL and not tls.ca_certificates:
        message = f"{tls.mode.value} needs the clients' CA: caCertificates is empty"
        report.add(MISSING_FIELD, at, message)


def _check_pair(
    report: Report, at: FieldRef, mode: ServerTlsMode, certificate: str, key: str
) -> None:
    for name, value in (("serverCertificate", certificate), ("privateKey", key)):
        if not value:
            hint = "name a secret in credentialName, or give both files"
            report.add(MISSING_FIELD, at, f"{mode.value} needs a {name}", hint=hint)


def _check_istio_mutual(report: Report, at: FieldRef, tls: ServerTls) -> None:
    fields = {
        "serverCertificate": tls.server_certificate,
        "privateKey": tls.private_key,
        "caCertificates": tls.ca_certificates,
        "credentialName": tls.credential_name,
        "credentialNames": tls.credential_names,
        "tlsCertificates": tls.tls_certificates,
    }
    for name, value in fields.items():
        if value:
            message = f"ISTIO_MUTUAL uses the mesh's own certificates, not {name}"
            report.add(NOT_ALLOWED_HERE, (at / name).key, message, hint="remove it, or use MUTUAL")


def _check_versions(report: Report, at: FieldRef, tls: ServerTls) -> None:
    low = tls.min_protocol_version
    if low in (TlsProtocol.TLSV1_0, TlsProtocol.TLSV1_1) and not tls.cipher_suites:
        message = f"{low.value} has none of the default ciphers, so clients of it are refused"
        hint = "name ciphers for it in cipherSuites"
        report.add(CANNOT_WORK, at / "minProtocolVersion", message, hint=hint)


def _check_ciphers(report: Report, at: FieldRef, tls: ServerTls) -> None:
    seen: set[str] = set()
    for i, cipher in enumerate(tls.cipher_suites):
        if cipher in seen:
            report.add(NO_EFFECT, at / i, f'"{cipher}" is named twice')
        seen.add(cipher)


def check_tls_as_written(report: Report, at: FieldRef, listener: object) -> None:
    """Rules of the CRD about fields that are written although they are empty.

    ``listener``: what ``tls`` is in, as it was written.
    """
    found = listener.get("tls") if isinstance(listener, Mapping) else None
    tls: Mapping[str, object] = found if isinstance(found, Mapping) else {}
    lists = [name for name in ("credentialNames", "tlsCertificates") if name in tls]
    for name in lists:
        size = len(items) if isinstance(items := tls[name], list | tuple) else 1
        if not 1 <= size <= CERTIFICATES_LIMIT:
            message = f"{name} has {size} entries; expected 1 or {CERTIFICATES_LIMIT}"
            report.add(WRONG_SIZE, at / name, message)
    if len(lists) > 1 or ("credentialNames" in lists and "credentialName" in tls):
        names_ = [n for n in ("credentialName", *lists) if n in tls]
        message = f"{' and '.join(names_)} exclude each other, even empty"
        report.add(MUTUALLY_EXCLUSIVE, (at / lists[-1]).key, message, hint="keep one of them")
