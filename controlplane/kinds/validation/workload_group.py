"""What a WorkloadGroup must be.

Source: https://istio.io/latest/docs/reference/config/networking/workload-group/, its CRD, Istio
``pkg/config/validation/validation.go`` (ValidateWorkloadGroup)
"""

import re
from typing import Final

from controlplane.base.codes import (
    MISSING_FIELD,
    NOT_ALLOWED_HERE,
    UNKNOWN_VALUE,
    VALUE_MALFORMED,
    VALUE_OUT_OF_RANGE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.workload_group import HttpProbe, ReadinessProbe, WorkloadGroup
from controlplane.kinds.proxy_config import check_annotation
from controlplane.kinds.validation.checks import (
    About,
    check_count,
    check_labels,
    check_one_of,
    check_port,
)
from controlplane.kinds.validation.workload_entry import check_entry

_HEADER: Final = re.compile(r"[-A-Za-z0-9]+")  # as Kubernetes has it for probes
METADATA_LIMIT: Final = 256


def workload_group(report: Report, at: FieldRef, spec: WorkloadGroup, about: About) -> None:
    if spec.template is None:
        report.add(MISSING_FIELD, at, "the group has no template", hint="add template: {}")
    else:
        body = about.body.get("template", None)
        check_entry(report, at / "template", spec.template, body)
    if spec.metadata is not None:
        place = at / "metadata"
        check_labels(report, place / "labels", spec.metadata.labels)
        check_count(report, place / "labels", spec.metadata.labels, METADATA_LIMIT, "labels")
        annotations = spec.metadata.annotations
        check_count(report, place / "annotations", annotations, METADATA_LIMIT, "annotations")
        check_annotation(report, place / "annotations", annotations)
    if spec.probe is not None:
        _check_probe(report, at / "probe", spec.probe)


def _check_probe(report: Report, at: FieldRef, probe: ReadinessProbe) -> None:
    numbers = {
        "initialDelaySeconds": probe.initial_delay_seconds,
        "timeoutSeconds": probe.timeout_seconds,
        "periodSeconds": probe.period_seconds,
        "successThreshold": probe.success_threshold,
        "failureThreshold": probe.failure_threshold,
    }
    for name, number in numbers.items():
        if number < 0:
            report.add(VALUE_OUT_OF_RANGE, at / name, f"{number} is below 0")
    check_one_of(
        report,
        at,
        http_get=probe.http_get,
        tcp_socket=probe.tcp_socket,
        exec=probe.exec,
        grpc=probe.grpc,
    )
    if probe.http_get is not None:
        _check_http(report, at / "httpGet", probe.http_get)
    elif probe.tcp_socket is not None:
        check_port(report, at / "tcpSocket" / "port", probe.tcp_socket.port)
    elif probe.exec is not None:
        if not all(probe.exec.command) or not probe.exec.command:
            report.add(MISSING_FIELD, at / "exec", "the command is empty or has an empty argument")
    elif probe.grpc is not None:
        message = "Istio refuses grpc probes"
        report.add(NOT_ALLOWED_HERE, (at / "grpc").key, message, hint="use tcpSocket or httpGet")
    else:
        report.add(MISSING_FIELD, at, "the probe has no httpGet, tcpSocket or exec")


def _check_http(report: Report, at: FieldRef, probe: HttpProbe) -> None:
    check_port(report, at / "port", probe.port)
    if probe.scheme not in ("", "HTTP", "HTTPS"):
        message = f'"{probe.scheme}" is not one of HTTP, HTTPS'
        report.add(UNKNOWN_VALUE, at / "scheme", message)
    for i, header in enumerate(probe.http_headers):
        if not _HEADER.fullmatch(header.name):
            message = f'"{header.name}" is not a valid header name'
            hint = "use letters, digits and hyphens"
            report.add(VALUE_MALFORMED, at / "httpHeaders" / i / "name", message, hint=hint)
