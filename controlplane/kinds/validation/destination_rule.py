"""What a DestinationRule must be.

Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/, Istio
``pkg/config/validation/validation.go`` (ValidateDestinationRule)
"""

from collections.abc import Sequence
from typing import Final

from controlplane.base.codes import (
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
from controlplane.base.names import Namespace
from controlplane.kinds.istio.destination_rule import DestinationRule, Subset
from controlplane.kinds.istio.traffic_policy import (
    ClientTls,
    ClientTlsMode,
    PortTrafficPolicy,
    TrafficPolicy,
    Tunnel,
)
from controlplane.kinds.validation import names
from controlplane.kinds.validation.checks import (
    SELECTOR_LABELS_LIMIT,
    About,
    check_export_to,
    check_host,
    check_label,
    check_labels,
    check_port,
    check_selector,
)
from controlplane.kinds.validation.load_balancer import check_load_balancer
from controlplane.kinds.validation.traffic_policy import (
    check_connection_pool,
    check_outlier_detection,
    check_retry_budget,
)

CONFIG_MAP: Final = "configmap://"


def destination_rule(report: Report, at: FieldRef, spec: DestinationRule, about: About) -> None:
    if spec.host:
        check_host(report, at / "host", spec.host)
    else:
        report.add(MISSING_FIELD, at, "the rule has no host")
    if spec.traffic_policy is not None:
        _check_policy(report, at / "trafficPolicy", spec.traffic_policy, about.namespace)
    first: dict[str, int] = {}
    for i, subset in enumerate(spec.subsets):
        place = at / "subsets" / i
        _check_subset(report, place, subset, about.namespace)
        if subset.name and subset.name in first:
            message = f'subset "{subset.name}" is already declared in subsets[{first[subset.name]}]'
            report.add(NOT_UNIQUE, place / "name", message)
        first.setdefault(subset.name, i)
    check_export_to(report, at / "exportTo", spec.export_to, about.namespace, hideable=False)
    if spec.workload_selector is not None:
        labels = spec.workload_selector.match_labels
        place = at / "workloadSelector"
        check_selector(report, place / "matchLabels", labels, SELECTOR_LABELS_LIMIT)
        if not labels:
            report.add(NO_EFFECT, place, "the selector has no labels, so it selects every workload")
        _check_private(report, at / "exportTo", spec.export_to, about.namespace)


def _check_subset(report: Report, at: FieldRef, subset: Subset, namespace: Namespace) -> None:
    if subset.name:
        check_label(report, at / "name", subset.name)
    else:
        report.add(MISSING_FIELD, at, "the subset has no name")
    check_labels(report, at / "labels", subset.labels)
    if subset.traffic_policy is not None:
        _check_policy(report, at / "trafficPolicy", subset.traffic_policy, namespace)


def _check_private(
    report: Report, at: FieldRef, export_to: Sequence[str], namespace: Namespace
) -> None:
    """A rule for some workloads is for those of its own namespace."""
    own = [entry for entry in export_to if entry in (".", namespace)]
    if export_to and (len(export_to) > 1 or not own):
        message = "a rule with workloadSelector stays in its own namespace"
        report.add(NOT_ALLOWED_HERE, at, message, hint='write exportTo: ["."], or leave it out')


def _check_policy(
    report: Report, at: FieldRef, policy: TrafficPolicy, namespace: Namespace
) -> None:
    if _is_empty(policy):
        report.add(MISSING_FIELD, at, "the traffic policy is empty")
        return
    if policy.tunnel is not None and policy.proxy_protocol is not None:
        message = "tunnel and proxyProtocol exclude each other"
        report.add(MUTUALLY_EXCLUSIVE, (at / "proxyProtocol").key, message, hint="keep one of them")
    _check_common(report, at, policy, namespace)
    for i, setting in enumerate(policy.port_level_settings):
        place = at / "portLevelSettings" / i
        _check_port_policy(report, place, setting, namespace)
    if policy.tunnel is not None:
        _check_tunnel(report, at / "tunnel", policy.tunnel)
    check_retry_budget(report, at / "retryBudget", policy.retry_budget)


def _is_empty(policy: TrafficPolicy) -> bool:
    fields = (
        policy.load_balancer,
        policy.connection_pool,
        policy.outlier_detection,
        policy.tls,
        policy.tunnel,
        policy.proxy_protocol,
        policy.retry_budget,
    )
    return not policy.port_level_settings and all(field is None for field in fields)


def _check_port_policy(
    report: Report, at: FieldRef, setting: PortTrafficPolicy, namespace: Namespace
) -> None:
    if setting.port is None:
        report.add(MISSING_FIELD, at, "the settings have no port")
    elif not 1 <= setting.port.number <= 65_535:
        message = f"no service has a port {setting.port.number}, so the settings have no effect"
        report.add(NO_EFFECT, at / "port" / "number", message)
    fields = (
        setting.load_balancer,
        setting.connection_pool,
        setting.outlier_detection,
        setting.tls,
    )
    if all(field is None for field in fields):
        report.add(MISSING_FIELD, at, "the settings of the port are empty")
    else:
        _check_common(report, at, setting, namespace)


def _check_common(
    report: Report, at: FieldRef, policy: TrafficPolicy | PortTrafficPolicy, namespace: Namespace
) -> None:
    check_load_balancer(
        report,
        at / "loadBalancer",
        policy.load_balancer,
        ejects=policy.outlier_detection is not None,
    )
    check_connection_pool(report, at / "connectionPool", policy.connection_pool)
    check_outlier_detection(report, at / "outlierDetection", policy.outlier_detection)
    if policy.tls is not None:
        check_client_tls(report, at / "tls", policy.tls, namespace)


def check_client_tls(report: Report, at: FieldRef, tls: ClientTls, namespace: Namespace) -> None:
    mode = tls.mode
    if tls.insecure_skip_verify:
        _check_unverified(report, at, tls)
    if mode not in (ClientTlsMode.SIMPLE, ClientTlsMode.MUTUAL):
        _warn_of_ignored(report, at, tls)
        return
    if tls.credential_name:
        _check_credential(report, at, tls, namespace)
        return
    if mode is ClientTlsMode.MUTUAL:
        for name, value in (
            ("clientCertificate", tls.client_certificate),
            ("privateKey", tls.private_key),
        ):
            if not value:
                hint = "name a secret in credentialName, or give both files"
                report.add(MISSING_FIELD, at, f"MUTUAL needs a {name}", hint=hint)


def _check_credential(report: Report, at: FieldRef, tls: ClientTls, namespace: Namespace) -> None:
    files = {
        "clientCertificate": tls.client_certificate,
        "privateKey": tls.private_key,
        "caCertificates": tls.ca_certificates,
        "caCrl": tls.ca_crl,
    }
    for name, value in files.items():
        if value:
            message = f"{name} cannot be combined with credentialName, whose secret holds it"
            report.add(MUTUALLY_EXCLUSIVE, (at / name).key, message, hint="keep one of them")
    if tls.credential_name.startswith(CONFIG_MAP):
        _check_config_map(report, at / "credentialName", tls.credential_name, namespace)


def _check_config_map(report: Report, at: FieldRef, name: str, namespace: Namespace) -> None:
    """``configmap://NAMESPACE/NAME``, in the rule's own namespace."""
    parts = name.removeprefix(CONFIG_MAP).split("/")
    if len(parts) != 2 or not all(parts):
        message = f'"{name}" is not of the form configmap://NAMESPACE/NAME'
        report.add(VALUE_MALFORMED, at, message)
    elif parts[0] != namespace:
        message = f'"{name}" is not in the namespace of the rule, {namespace}'
        report.add(NOT_ALLOWED_HERE, at, message)


def _check_unverified(report: Report, at: FieldRef, tls: ClientTls) -> None:
    """Settings that compare a certificate that is not verified."""
    fields: dict[str, object] = {}
    if tls.mode in (ClientTlsMode.SIMPLE, ClientTlsMode.MUTUAL):
        fields = {
            "caCertificates": tls.ca_certificates,
            "subjectAltNames": tls.subject_alt_names,
        }
    if tls.mode is ClientTlsMode.SIMPLE:
        fields["credentialName"] = tls.credential_name
    for name, value in fields.items():
        if value:
            message = f"{name} cannot be combined with insecureSkipVerify, which verifies nothing"
            report.add(MUTUALLY_EXCLUSIVE, (at / name).key, message, hint="keep one of them")


def _warn_of_ignored(report: Report, at: FieldRef, tls: ClientTls) -> None:
    written = (
        tls.client_certificate or tls.private_key or tls.ca_certificates or tls.credential_name
    )
    if written:
        message = f"{tls.mode.value} does not use the certificates given here"
        report.add(NO_EFFECT, at, message, hint="set mode to SIMPLE or MUTUAL")


def _check_tunnel(report: Report, at: FieldRef, tunnel: Tunnel) -> None:
    if tunnel.protocol not in ("", "CONNECT", "POST"):
        message = f'"{tunnel.protocol}" is not one of CONNECT, POST'
        report.add(UNKNOWN_VALUE, at / "protocol", message)
    fault = names.domain_fault(tunnel.target_host)
    if fault is not None and not is_ip(tunnel.target_host):
        report.add(VALUE_MALFORMED, at / "targetHost", f'"{tunnel.target_host}" {fault}')
    check_port(report, at / "targetPort", tunnel.target_port)
