"""What the Kubernetes kinds must be, as far as the API server validates the fields used here.

Source: Kubernetes ``pkg/apis/core/validation``, ``pkg/apis/discovery/validation``
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from controlplane.base.base64 import decoded
from controlplane.base.codes import (
    CANNOT_WORK,
    MISSING_FIELD,
    NOT_UNIQUE,
    UNKNOWN_VALUE,
    VALUE_MALFORMED,
    WRONG_SIZE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.hosts import is_ip
from controlplane.base.locations import FieldRef
from controlplane.base.nearest import nearest
from controlplane.kinds.core.configuration import ConfigMap, NamespaceBody, Secret
from controlplane.kinds.core.endpoints import (
    EndpointPort,
    Endpoints,
    EndpointSlice,
    EndpointSubset,
    SliceEndpoint,
    SlicePort,
)
from controlplane.kinds.core.pod import Pod
from controlplane.kinds.core.service import Service, ServicePort
from controlplane.kinds.core.workload_template import WorkloadTemplate
from controlplane.kinds.proxy_config import check_annotation
from controlplane.kinds.spec import Spec
from controlplane.kinds.validation.checks import (
    About,
    check_domain,
    check_label,
    check_labels,
    check_port,
)

PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
SERVICE_TYPES: Final = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
ADDRESS_TYPES: Final = ("IPv4", "IPv6", "FQDN")
ADDRESSES_LIMIT: Final = 100  # of one endpoint; discovery/v1
_PORT_NAME: Final = re.compile(r"(?=.*[a-z])[a-z0-9](?:-?[a-z0-9])*")
PORT_NAME_LIMIT: Final = 15  # IANA service name
_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")


def service(report: Report, at: FieldRef, spec: Service, about: About) -> None:
    check_label(report, FieldRef(at.object, ("metadata", "name")), about.key.name)
    if spec.type not in SERVICE_TYPES:
        _unknown(report, at / "type", spec.type, SERVICE_TYPES)
    if spec.type == "ExternalName":
        if spec.external_name:
            check_domain(report, at / "externalName", spec.external_name.rstrip("."))
        else:
            report.add(MISSING_FIELD, at, "a Service of type ExternalName needs an externalName")
    elif not spec.ports and spec.type in SERVICE_TYPES and _has_address(spec.cluster_ip):
        report.add(MISSING_FIELD, at, "the Service has no ports")
    check_labels(report, at / "selector", spec.selector)
    addresses = (("clusterIP", [spec.cluster_ip]), ("clusterIPs", list(spec.cluster_ips)))
    for field, values in addresses:
        for value in values:
            if value not in ("", "None") and not is_ip(value):
                report.add(VALUE_MALFORMED, at / field, f'"{value}" is not an IP address')
    for i, address in enumerate(spec.external_ips):
        if not is_ip(address):
            message = f'"{address}" is not an IP address'
            report.add(VALUE_MALFORMED, at / "externalIPs" / i, message)
    _check_ports(report, at / "ports", spec.ports)


def _check_ports(report: Report, at: FieldRef, ports: Sequence[ServicePort]) -> None:
    seen: set[object] = set()
    for i, port in enumerate(ports):
        place = at / i
        check_port(report, place / "port", port.port)
        _check_protocol(report, place / "protocol", port.protocol)
        if port.name:
            check_label(report, place / "name", port.name)
        elif len(ports) > 1:
            report.add(MISSING_FIELD, place, "with several ports, each needs a name")
        if isinstance(port.target_port, int):
            check_port(report, place / "targetPort", port.target_port)
        elif isinstance(port.target_port, str) and not _is_port_name(port.target_port):
            message = f'"{port.target_port}" is neither a port number nor the name of a port'
            report.add(VALUE_MALFORMED, place / "targetPort", message)
        if port.name and port.name in seen:
            message = f'the port name "{port.name}" is used twice'
            report.add(NOT_UNIQUE, place / "name", message)
        if (port.port, port.protocol) in seen:
            message = f"port {port.port} ({port.protocol}) is declared twice"
            report.add(NOT_UNIQUE, place / "port", message)
        seen.update((port.name, (port.port, port.protocol)))


def endpoint_slice(report: Report, at: FieldRef, spec: EndpointSlice, about: About) -> None:
    del about
    if spec.address_type not in ADDRESS_TYPES:
        _unknown(report, at / "addressType", spec.address_type, ADDRESS_TYPES)
        return
    for i, endpoint in enumerate(spec.endpoints):
        _check_slice_endpoint(report, at / "endpoints" / i, endpoint, spec.address_type)
    _check_endpoint_ports(report, at / "ports", spec.ports)


def _check_slice_endpoint(
    report: Report, at: FieldRef, endpoint: SliceEndpoint, address_type: str
) -> None:
    if not 1 <= len(endpoint.addresses) <= ADDRESSES_LIMIT:
        found = len(endpoint.addresses)
        message = f"an endpoint has {found} addresses, expected 1 to {ADDRESSES_LIMIT}"
        report.add(WRONG_SIZE, at, message)
    for i, address in enumerate(endpoint.addresses):
        place = at / "addresses" / i
        if address_type == "FQDN":
            check_domain(report, place, address)
        elif _address_type(address) != address_type:
            report.add(VALUE_MALFORMED, place, f'"{address}" is not an {address_type} address')


@lru_cache(maxsize=16_384)
def _address_type(address: str) -> str | None:
    try:
        return f"IPv{ipaddress.ip_address(address).version}"
    except ValueError:
        return None


def endpoints(report: Report, at: FieldRef, spec: Endpoints, about: About) -> None:
    del about
    for i, subset in enumerate(spec.subsets):
        _check_subset(report, at / "subsets" / i, subset)


def _check_subset(report: Report, at: FieldRef, subset: EndpointSubset) -> None:
    if not subset.addresses and not subset.not_ready_addresses:
        report.add(MISSING_FIELD, at, "the subset has no addresses")
    fields = (
        ("addresses", subset.addresses),
        ("notReadyAddresses", subset.not_ready_addresses),
    )
    for field, addresses in fields:
        for i, address in enumerate(addresses):
            if not is_ip(address.ip):
                message = f'"{address.ip}" is not an IP address'
                report.add(VALUE_MALFORMED, at / field / i / "ip", message)
    _check_endpoint_ports(report, at / "ports", subset.ports)


def _check_endpoint_ports(
    report: Report, at: FieldRef, ports: Sequence[EndpointPort | SlicePort]
) -> None:
    seen: set[str] = set()
    for i, port in enumerate(ports):
        if port.port is not None:
            check_port(report, at / i / "port", port.port)
        else:
            message = "the port has no number, so nothing can be sent to it"
            report.add(CANNOT_WORK, at / i, message)
        _check_protocol(report, at / i / "protocol", port.protocol)
        if port.name:
            check_label(report, at / i / "name", port.name)
        if port.name in seen:
            report.add(NOT_UNIQUE, at / i, f'the port name "{port.name}" is used twice')
        seen.add(port.name)


def secret(report: Report, at: FieldRef, spec: Secret, about: About) -> None:
    """Values are never shown: a message names the key alone."""
    del about
    _check_keys(report, at / "data", spec.data)
    _check_keys(report, at / "stringData", spec.string_data)
    _check_base64(report, at / "data", spec.data, hint="or use stringData")


def _check_base64(report: Report, at: FieldRef, data: Mapping[str, str], *, hint: str) -> None:
    for key, value in data.items():
        if decoded(value) is None:
            report.add(VALUE_MALFORMED, at / key, f'the value of "{key}" is not base64', hint=hint)


def config_map(report: Report, at: FieldRef, spec: ConfigMap, about: About) -> None:
    del about
    _check_keys(report, at / "data", spec.data)
    _check_keys(report, at / "binaryData", spec.binary_data)
    _check_base64(report, at / "binaryData", spec.binary_data, hint="or use data")
    for key in spec.binary_data:
        if key in spec.data:
            message = f'the key "{key}" is already in data'
            report.add(NOT_UNIQUE, (at / "binaryData" / key).key, message)


def pod(report: Report, at: FieldRef, spec: Pod, about: About) -> None:
    del about
    for i, container in enumerate(spec.spec.containers):
        for n, port in enumerate(container.ports):
            place = at / "spec" / "containers" / i / "ports" / n
            check_port(report, place / "containerPort", port.container_port)
            _check_protocol(report, place / "protocol", port.protocol)
    for field, address in (("podIP", spec.status.pod_ip),):
        if address and not is_ip(address):
            message = f'"{address}" is not an IP address'
            report.add(VALUE_MALFORMED, at / "status" / field, message)


def namespace(report: Report, at: FieldRef, spec: NamespaceBody, about: About) -> None:
    del spec
    check_label(report, FieldRef(at.object, ("metadata", "name")), about.key.name)


def anything(report: Report, at: FieldRef, spec: Spec, about: About) -> None:
    """Of a kind of which only labels are read: nothing else can be wrong."""
    del report, at, spec, about


def workload_template(report: Report, at: FieldRef, spec: WorkloadTemplate, about: About) -> None:
    """Of a kind of which only its Pods' labels and annotations are read."""
    del about
    place = at / "template" / "metadata" / "annotations"
    check_annotation(report, place, spec.template.metadata.annotations)


def _check_protocol(report: Report, at: FieldRef, protocol: str) -> None:
    if protocol not in PROTOCOLS:
        _unknown(report, at, protocol, PROTOCOLS)


def _check_keys(report: Report, at: FieldRef, data: Mapping[str, str]) -> None:
    for key in data:
        if not _KEY.fullmatch(key):
            message = f'"{key}" is not a valid key (at most 253 letters, digits, -, _ and .)'
            report.add(VALUE_MALFORMED, (at / key).key, message)


def _is_port_name(name: str) -> bool:
    return len(name) <= PORT_NAME_LIMIT and _PORT_NAME.fullmatch(name) is not None


def _has_address(cluster_ip: str) -> bool:
    """Whether the Service is of the sort that needs ports, as far as can be told."""
    return not cluster_ip or is_ip(cluster_ip)


def _unknown(report: Report, at: FieldRef, value: str, known: Sequence[str]) -> None:
    choice = ", ".join(known)
    if value:
        near = nearest(value.strip(), known)
        hint = f"write {near}" if near is not None else None
        report.add(UNKNOWN_VALUE, at, f'"{value}" is not one of {choice}', hint=hint)
    else:
        report.add(MISSING_FIELD, at, f"one of {choice} is needed")
