"""What the egress listeners of a Sidecar must be.

Source: Istio ``pkg/config/validation/validation.go`` (ValidateSidecar)
"""

from collections.abc import Sequence

from controlplane.base.codes import (
    MISSING_FIELD,
    NO_EFFECT,
    NOT_ALLOWED_HERE,
    NOT_UNIQUE,
    UNKNOWN_VALUE,
    VALUE_MALFORMED,
)
from controlplane.base.diagnostics import Report
from controlplane.base.hosts import is_ip
from controlplane.base.locations import FieldRef
from controlplane.base.names import CLUSTER_DOMAIN, Namespace
from controlplane.kinds.istio.sidecar import CaptureMode, EgressListener, SidecarPort
from controlplane.kinds.validation import names, protocols
from controlplane.kinds.validation.checks import check_label, check_port

_FORM = "write NAMESPACE/HOST, such as ./* or default/reviews.default.svc.cluster.local"


def check_egress(
    report: Report, at: FieldRef, listeners: Sequence[EgressListener], namespace: Namespace
) -> None:
    for i, listener in enumerate(listeners):
        place = at / i
        if listener.port is not None:
            check_listener_port(report, place / "port", listener.port)
            _check_bind(report, place, listener, listener.port)
        elif i < len(listeners) - 1:
            message = "the egress listener without a port must be the last, for all other ports"
            hint = "move it to the end, or give it a port"
            report.add(NOT_ALLOWED_HERE, place, message, hint=hint)
        _check_hosts(report, place, listener.hosts, namespace)
    _check_apart(report, at, listeners)


def check_listener_port(
    report: Report, at: FieldRef, port: SidecarPort, *, among: Sequence[str] = protocols.SERVED
) -> None:
    """What holds for the ports of both directions, except for their number. ``among`` are the
    protocols that fit what else the listener says.
    """
    if port.name:
        check_label(report, at / "name", port.name)
    if port.protocol and not protocols.is_known(port.protocol):
        message = f'"{port.protocol}" is not a protocol'
        hint = protocols.known_instead(port.protocol, among=among)
        report.add(UNKNOWN_VALUE, at / "protocol", message, hint=hint)
    if port.target_port:
        message = "targetPort has no meaning in a Sidecar"
        report.add(NOT_ALLOWED_HERE, (at / "targetPort").key, message, hint="remove it")


def check_ip(report: Report, at: FieldRef, bind: str) -> None:
    if bind and not is_ip(bind):
        report.add(VALUE_MALFORMED, at, f'"{bind}" is not an IP address')


def _check_bind(report: Report, at: FieldRef, listener: EgressListener, port: SidecarPort) -> None:
    bind = listener.bind
    if port.number:
        check_port(report, at / "port" / "number", port.number)
        if bind.startswith(names.UNIX):
            message = f"a Unix socket has no port, here {port.number}"
            report.add(NOT_ALLOWED_HERE, at / "bind", message, hint="write number: 0")
        else:
            check_ip(report, at / "bind", bind)
        return
    if not bind.startswith(names.UNIX):
        message = "port 0 or none is only for Unix sockets"
        hint = "give the port a number, or bind to unix:// and a path"
        report.add(NOT_ALLOWED_HERE, at / "port", message, hint=hint)
    elif (fault := names.unix_fault(bind.removeprefix(names.UNIX))) is not None:
        report.add(VALUE_MALFORMED, at / "bind", f'"{bind}" {fault}')
    if listener.capture_mode is CaptureMode.IPTABLES:
        message = "connections to a Unix socket cannot be captured with IPTABLES"
        report.add(NOT_ALLOWED_HERE, at / "captureMode", message, hint="use DEFAULT or NONE")


def _check_apart(report: Report, at: FieldRef, listeners: Sequence[EgressListener]) -> None:
    """No two listeners have one port, whatever they bind to, and no two one socket."""
    first: dict[int | str, int] = {}
    for i, listener in enumerate(listeners):
        if listener.port is None:
            continue
        taken = listener.port.number or listener.bind
        if taken in first:
            what = "number" if listener.port.number else "bind"
            where = at / i / "port" / "number" if listener.port.number else at / i / "bind"
            message = f"{taken} is already the {what} of egress[{first[taken]}]"
            report.add(NOT_UNIQUE, where, message, hint="put all hosts of a port in one listener")
        first.setdefault(taken, i)


def _check_hosts(report: Report, at: FieldRef, hosts: Sequence[str], namespace: Namespace) -> None:
    if not hosts:
        hint = 'add hosts: ["./*"] for all services of the namespace'
        report.add(MISSING_FIELD, at, "the egress listener has no hosts", hint=hint)
    seen: dict[str, set[str]] = {}
    for i, written in enumerate(hosts):
        place = at / "hosts" / i
        _check_host(report, place, written, namespace)
        where, slash, host = written.partition("/")
        if not slash or where.startswith("~"):
            continue
        known = seen.setdefault(namespace if where == "." else where, set())
        if host in known or "*" in known or (host == "*" and known):
            message = f'"{written}" imports what another entry of the list imports already'
            report.add(NO_EFFECT, place, message, hint="keep the wider one of them")
        known.add(host)
    if "*" in seen.get("*", ()) and len(seen) > 1:
        message = '"*/*" imports everything, so the entries beside it have no effect'
        report.add(NO_EFFECT, at / "hosts", message, hint='remove "*/*", or the others')


def _check_host(report: Report, at: FieldRef, written: str, own: Namespace) -> None:
    namespace, slash, host = written.partition("/")
    if not slash or not namespace or not host:
        missing = "slash" if not slash else "namespace" if not namespace else "host"
        message = f'"{written}" has no {missing}; expected NAMESPACE/HOST'
        report.add(VALUE_MALFORMED, at, message, hint=_hint(written, own))
        return
    meant = namespace.removeprefix("~")
    if meant not in ("", "*", ".") and not names.is_label(meant):
        message = f'"{written}" has "{meant}" as its namespace, which is not a DNS label'
        hint = 'write a namespace, "." or "*" before the slash'
        report.add(VALUE_MALFORMED, at, message, hint=hint)
    if host != "*" and "." not in host:
        message = f'"{host}" is a short name; a Sidecar needs fully qualified host names'
        where = own if meant in ("", "*", ".") else meant
        hint = f"write {namespace}/{host}.{where}.svc.{CLUSTER_DOMAIN}"
        report.add(VALUE_MALFORMED, at, message, hint=hint)
        return
    fault = names.wildcard_fault(host)
    if fault is not None:
        instead = names.host_meant(host)
        report.add(VALUE_MALFORMED, at, f'"{host}" {fault}', hint=instead)
    elif names.is_partial_wildcard(host):
        message = f'"{host}" has an asterisk that is only part of the first label'
        hint = f'write "{namespace}/*.{host.partition(".")[2]}"'
        report.add(VALUE_MALFORMED, at, message, hint=hint)


def _hint(written: str, own: Namespace) -> str:
    """What an entry without its slash was probably meant to be."""
    if "/" in written or not written:
        return _FORM
    if written == "*":
        return 'write "*/*" for everything, or "./*" for the own namespace'
    if "." in written:
        return f'write "*/{written}"'
    service = f"./{written}.{own}.svc.{CLUSTER_DOMAIN}"
    return f'write "{service}" for a service, "{written}/*" for a namespace'
