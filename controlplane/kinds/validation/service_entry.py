"""What a ServiceEntry must be.

Source: https://istio.io/latest/docs/reference/config/networking/service-entry/, its CRD, Istio
``pkg/config/validation/validation.go`` (ValidateServiceEntry)
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
)
from controlplane.base.diagnostics import Report
from controlplane.base.hosts import is_ip
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.service_entry import (
    EntryResolution,
    Location,
    ServiceEntry,
    ServicePort,
)
from controlplane.kinds.istio.workload_entry import WorkloadEntry
from controlplane.kinds.validation import names, protocols
from controlplane.kinds.validation.checks import (
    About,
    check_count,
    check_export_to,
    check_host,
    check_label,
    check_labels,
    check_length,
    check_port,
    check_selector,
    check_subnet,
)
from controlplane.kinds.validation.workload_entry import check_entry

LIST_LIMIT: Final = 256  # hosts, addresses, ports
ENDPOINTS_LIMIT: Final = 4096
ADDRESS_LIMIT: Final = 64
TEXT_LIMIT: Final = 256
LABELS_LIMIT: Final = 256
WAYPOINT: Final = "istio.io/use-waypoint"
AUTO_ALLOCATE: Final = "networking.istio.io/enable-autoallocate-ip"
_BY_NAME: Final = (EntryResolution.DNS, EntryResolution.DNS_ROUND_ROBIN)
_DYNAMIC_PROTOCOLS: Final = ("HTTP", "HTTP2", "GRPC", "TLS")


def service_entry(report: Report, at: FieldRef, spec: ServiceEntry, about: About) -> None:
    _check_hosts(report, at, spec)
    _check_addresses(report, at / "addresses", spec)
    written = _items(about.body, "ports")
    for i, port in enumerate(spec.ports):
        place = at / "ports" / i
        _check_port(report, place, port)
        if i < len(written) and "targetPort" in written[i]:
            check_port(report, place / "targetPort", port.target_port)
    _check_ports_apart(report, at / "ports", spec)
    check_count(report, at / "ports", spec.ports, LIST_LIMIT, "ports")
    if spec.workload_selector is not None:
        labels = spec.workload_selector.labels
        place = at / "workloadSelector"
        check_selector(report, place / "labels", labels, LABELS_LIMIT)
        if not labels:
            report.add(NO_EFFECT, place, "the selector has no labels, so it selects every workload")
    _check_resolution(report, at, spec)
    _check_waypoint(report, at, spec, about)
    entries = _items(about.body, "endpoints")
    for i, endpoint in enumerate(spec.endpoints or ()):
        _check_endpoint(report, at / "endpoints" / i, endpoint, spec)
        check_entry(report, at / "endpoints" / i, endpoint, entries[i] if i < len(entries) else {})
    check_count(report, at / "endpoints", spec.endpoints or (), ENDPOINTS_LIMIT, "endpoints")
    _check_several_hosts(report, at, spec)
    _warn_of_capture(report, at, spec, about)
    check_export_to(report, at / "exportTo", spec.export_to, about.namespace, hideable=True)


def _items(body: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """A list of the spec as it was written."""
    items = body.get(name)
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _check_hosts(report: Report, at: FieldRef, spec: ServiceEntry) -> None:
    if not spec.hosts:
        report.add(MISSING_FIELD, at, "the entry has no hosts")
    for i, host in enumerate(spec.hosts):
        place = at / "hosts" / i
        if host == "*":
            message = '"*" cannot be the host of a ServiceEntry'
            report.add(NOT_ALLOWED_HERE, place, message, hint="name a domain: *.example.com")
            continue
        sound = check_host(report, place, host)
        dynamic = spec.resolution is EntryResolution.DYNAMIC_DNS
        if sound and names.is_partial_wildcard(host) and not dynamic:
            message = f'"{host}" has an asterisk that is only part of the first label'
            report.add(CANNOT_WORK, place, message, hint=f'write "*.{host.partition(".")[2]}"')
    check_count(report, at / "hosts", spec.hosts, LIST_LIMIT, "hosts")


def _check_addresses(report: Report, at: FieldRef, spec: ServiceEntry) -> None:
    blocks = spec.resolution in (EntryResolution.NONE, EntryResolution.STATIC)
    for i, address in enumerate(spec.addresses):
        place = at / i
        check_subnet(report, place, address)
        check_length(report, place, address, ADDRESS_LIMIT)
        if "/" in address and not blocks:
            message = f"an address range cannot be combined with resolution {spec.resolution.value}"
            report.add(NOT_ALLOWED_HERE, place, message, hint="use NONE or STATIC")
    check_count(report, at, spec.addresses, LIST_LIMIT, "addresses")


def _check_port(report: Report, at: FieldRef, port: ServicePort) -> None:
    check_port(report, at / "number", port.number)
    if port.name:
        check_label(report, at / "name", port.name)
    else:
        report.add(MISSING_FIELD, at, "the port has no name")
    if port.protocol and not protocols.is_known(port.protocol):
        hint = protocols.known_instead(port.protocol)
        message = f'"{port.protocol}" is not a protocol'
        report.add(UNKNOWN_VALUE, at / "protocol", message, hint=hint)
    check_length(report, at / "protocol", port.protocol, TEXT_LIMIT)


def _check_ports_apart(report: Report, at: FieldRef, spec: ServiceEntry) -> None:
    numbers: dict[int, int] = {}
    port_names: dict[str, int] = {}
    for i, port in enumerate(spec.ports):
        if port.name and port.name in port_names:
            message = f'"{port.name}" is already the name of ports[{port_names[port.name]}]'
            report.add(NOT_UNIQUE, at / i / "name", message)
        if port.number and port.number in numbers:
            message = f"{port.number} is already the number of ports[{numbers[port.number]}]"
            report.add(NOT_UNIQUE, at / i / "number", message)
        port_names.setdefault(port.name, i)
        numbers.setdefault(port.number, i)


def _check_resolution(report: Report, at: FieldRef, spec: ServiceEntry) -> None:
    selector, endpoints = spec.workload_selector, spec.endpoints
    resolution = spec.resolution
    if selector is not None and endpoints is not None:
        message = "endpoints and workloadSelector exclude each other"
        report.add(
            MUTUALLY_EXCLUSIVE, (at / "workloadSelector").key, message, hint="keep one of them"
        )
    match resolution:
        case EntryResolution.NONE:
            if endpoints is not None:
                message = (
                    "with resolution NONE, traffic goes to the address that the client asked for"
                )
                report.add(NOT_ALLOWED_HERE, (at / "endpoints").key, message, hint="use STATIC")
            if selector is not None:
                message = "workloadSelector has no effect with resolution NONE"
                report.add(NO_EFFECT, (at / "workloadSelector").key, message, hint="use STATIC")
        case EntryResolution.STATIC:
            pass
        case EntryResolution.DNS | EntryResolution.DNS_ROUND_ROBIN:
            _check_by_name(report, at, spec)
        case EntryResolution.DYNAMIC_DNS:
            _check_dynamic(report, at, spec)


def _check_by_name(report: Report, at: FieldRef, spec: ServiceEntry) -> None:
    if not spec.endpoints:
        for i, host in enumerate(spec.hosts):
            if host != "*" and names.wildcard_fault(host) is None and names.domain_fault(host):
                message = f'"{host}" cannot be looked up in DNS, and there are no endpoints'
                report.add(NOT_ALLOWED_HERE, at / "hosts" / i, message, hint="add endpoints")
    elif spec.resolution is EntryResolution.DNS_ROUND_ROBIN and len(spec.endpoints) > 1:
        message = f"DNS_ROUND_ROBIN allows at most one endpoint, found {len(spec.endpoints)}"
        report.add(NOT_ALLOWED_HERE, at / "endpoints", message, hint="use DNS")


def _check_dynamic(report: Report, at: FieldRef, spec: ServiceEntry) -> None:
    for i, host in enumerate(spec.hosts):
        if not host.startswith("*"):
            message = f'"{host}" has no wildcard, which DYNAMIC_DNS requires'
            report.add(NOT_ALLOWED_HERE, at / "hosts" / i, message, hint="use DNS")
    if spec.addresses:
        message = "DYNAMIC_DNS resolves the request's host, so addresses are not allowed"
        report.add(NOT_ALLOWED_HERE, (at / "addresses").key, message)
    if spec.endpoints:
        message = "DYNAMIC_DNS resolves the request's host, so endpoints are not allowed"
        report.add(NOT_ALLOWED_HERE, (at / "endpoints").key, message)
    for i, port in enumerate(spec.ports):
        if port.protocol.upper() not in _DYNAMIC_PROTOCOLS:
            said = f'"{port.protocol}"' if port.protocol else "a port without protocol"
            message = f"DYNAMIC_DNS serves {', '.join(_DYNAMIC_PROTOCOLS)}, not {said}"
            report.add(NOT_ALLOWED_HERE, at / "ports" / i, message)


def _check_waypoint(report: Report, at: FieldRef, spec: ServiceEntry, about: About) -> None:
    """A waypoint cannot look hosts up when they are asked for."""
    waypoint = about.labels.get(WAYPOINT, "")
    is_used = waypoint.lower() not in ("", "none") and spec.location is Location.MESH_INTERNAL
    if is_used and spec.resolution is EntryResolution.DYNAMIC_DNS:
        message = (
            f'MESH_INTERNAL with DYNAMIC_DNS cannot be combined with the waypoint "{waypoint}"'
        )
        report.add(NOT_ALLOWED_HERE, at / "location", message, hint="use MESH_EXTERNAL")


def _check_endpoint(
    report: Report, at: FieldRef, endpoint: WorkloadEntry, spec: ServiceEntry
) -> None:
    address = endpoint.address
    if spec.resolution in _BY_NAME:
        fault = names.domain_fault(address)
        if fault is not None and not is_ip(address):
            message = f'"{address}" is neither an IP address nor a host name: it {fault}'
            report.add(VALUE_MALFORMED, at / "address", message)
    elif not address and not endpoint.network:
        report.add(MISSING_FIELD, at, "the endpoint has no address")
    elif address.startswith(names.UNIX):
        if len(spec.ports) != 1:
            message = f"an endpoint at a Unix socket serves one port, not {len(spec.ports)}"
            report.add(NOT_ALLOWED_HERE, at / "address", message)
    elif address and not is_ip(address):
        message = f'"{address}" is not an IP address'
        report.add(
            VALUE_MALFORMED, at / "address", message, hint="for host names use resolution DNS"
        )
    check_labels(report, at / "labels", endpoint.labels)
    declared = {port.name for port in spec.ports}
    for name in endpoint.ports:
        if name not in declared:
            known = ", ".join(sorted(declared)) or "none"
            message = f'"{name}" is not one of the ports of the entry ({known})'
            report.add(NOT_ALLOWED_HERE, (at / "ports" / name).key, message)


def _check_several_hosts(report: Report, at: FieldRef, spec: ServiceEntry) -> None:
    """Only HTTP and TLS show which of several hosts is meant; at a sidecar, with an address, only
    HTTP.
    """
    if len(spec.hosts) < 2:
        return
    if spec.addresses and spec.resolution in _BY_NAME:
        for i, port in enumerate(spec.ports):
            if protocols.is_tcp(port.protocol):
                message = (
                    f"at sidecars, all connections to port {port.number} go to one of the hosts"
                )
                hint = "make an entry with its own address for each host"
                report.add(CANNOT_WORK, at / "ports" / i, message, hint=hint)
                break
    for i, port in enumerate(spec.ports):
        names_host = protocols.is_http(port.protocol) or protocols.is_tls(port.protocol)
        if not names_host and spec.resolution is not EntryResolution.NONE:
            message = (
                f"connections to port {port.number} do not say "
                f"which of the {len(spec.hosts)} hosts they are for"
            )
            hint = "set its protocol to HTTP or TLS, or make an entry for each host"
            report.add(NOT_ALLOWED_HERE, at / "ports" / i, message, hint=hint)
            return


def _warn_of_capture(report: Report, at: FieldRef, spec: ServiceEntry, about: About) -> None:
    """Without an address a TCP port takes all connections to its number, whatever their
    destination.
    """
    if spec.addresses or (
        spec.resolution is not EntryResolution.NONE
        and about.labels.get(AUTO_ALLOCATE, "true").lower() != "false"
        and not any(host.startswith("*") for host in spec.hosts)
    ):
        return
    for i, port in enumerate(spec.ports):
        if port.protocol.upper() in ("", "TCP"):
            message = f"at sidecars, port {port.number} takes every connection to this port number"
            report.add(CANNOT_WORK, at / "ports" / i, message, hint="give the entry addresses")
