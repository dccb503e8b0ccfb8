"""What a WorkloadEntry must be, alone, as an endpoint of a ServiceEntry or as a WorkloadGroup's
template.

Source: https://istio.io/latest/docs/reference/config/networking/workload-entry/, its CRD, Istio
``pkg/config/validation/validation.go`` (validateWorkloadEntry)
"""

import re
from collections.abc import Mapping
from typing import Final

from controlplane.base.codes import CANNOT_WORK, MISSING_FIELD, NOT_ALLOWED_HERE, VALUE_MALFORMED
from controlplane.base.diagnostics import Report
from controlplane.base.hosts import is_ip
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.workload_entry import WorkloadEntry
from controlplane.kinds.validation import names
from controlplane.kinds.validation.checks import (
    About,
    check_count,
    check_labels,
    check_length,
    check_port,
)

_PORT_NAME: Final = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?")
PORT_NAME_LIMIT: Final = 62  # the CRD wants less than 63
ADDRESS_LIMIT: Final = 256
LABELS_LIMIT: Final = 256
PORTS_LIMIT: Final = 128
PLACE_LIMIT: Final = 2048  # locality and network
ACCOUNT_LIMIT: Final = 253


def workload_entry(report: Report, at: FieldRef, spec: WorkloadEntry, about: About) -> None:
    check_entry(report, at, spec, about.body)
    if not spec.address and not spec.network:
        report.add(MISSING_FIELD, at, "the workload has no address")
    elif not spec.address:
        message = f'the workload has no address, only network "{spec.network}"'
        report.add(CANNOT_WORK, at, message)
    elif not spec.address.startswith(names.UNIX) and not is_ip(spec.address):
        fault = names.domain_fault(spec.address)
        if fault is not None:
            message = f'"{spec.address}" is neither an IP address nor a host name: it {fault}'
            report.add(VALUE_MALFORMED, at / "address", message)
    check_labels(report, at / "labels", spec.labels)


def check_entry(report: Report, at: FieldRef, entry: WorkloadEntry, body: object) -> None:
    """What holds for every entry, wherever it is; ``body`` is it as it was written."""
    address = entry.address
    if address.startswith(names.UNIX):
        fault = names.unix_fault(address.removeprefix(names.UNIX))
        if fault is None and address.endswith("/"):
            fault = "names a directory after unix://"
        if fault is not None:
            report.add(VALUE_MALFORMED, at / "address", f'"{address}" {fault}')
        if isinstance(body, Mapping) and "ports" in body:
            message = "a Unix socket has no ports"
            report.add(NOT_ALLOWED_HERE, (at / "ports").key, message, hint="remove ports")
    for name, number in entry.ports.items():
        if len(name) > PORT_NAME_LIMIT or not _PORT_NAME.fullmatch(name):
            message = f'"{name}" is not a valid port name (a DNS label, {PORT_NAME_LIMIT} at most)'
            report.add(VALUE_MALFORMED, (at / "ports" / name).key, message)
        check_port(report, at / "ports" / name, number)
    check_length(report, at / "address", address, ADDRESS_LIMIT)
    check_length(report, at / "network", entry.network, PLACE_LIMIT)
    check_length(report, at / "locality", entry.locality, PLACE_LIMIT)
    check_length(report, at / "serviceAccount", entry.service_account, ACCOUNT_LIMIT)
    check_count(report, at / "labels", entry.labels, LABELS_LIMIT, "labels")
    check_count(report, at / "ports", entry.ports, PORTS_LIMIT, "ports")
