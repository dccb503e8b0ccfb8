"""MeshConfig, read from a file of its own: plain, or as the ``mesh`` key of Istio's ConfigMap.

MeshConfig is large. What bears on traffic is in its struct, and its declaration says which fields
of that are translated; what is left out on purpose is listed here; everything else is probably a
misspelling and gets a warning. A setting with a fault keeps its default.
Source: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/, Istio ValidateMeshConfig
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import msgspec

from controlplane.base.codes import (
    NO_EFFECT,
    VALUE_MALFORMED,
    VALUE_OUT_OF_RANGE,
    WRONG_TYPE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.base.wording import described
from controlplane.documents.locate import location, span_of
from controlplane.documents.yaml import parsed
from controlplane.kinds.declared.mesh_config import FIELDS
from controlplane.kinds.duration import value_of
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY, MeshConfig
from controlplane.kinds.limits import limited
from controlplane.kinds.mesh_providers import extension_providers
from controlplane.kinds.proxy_config import HINTS, check_proxy_settings, check_settings
from controlplane.kinds.proxy_start_values import startable
from controlplane.kinds.support import report_unsupported, unsupported_fields
from controlplane.kinds.validation import names
from controlplane.kinds.validation.checks import (
    check_duration,
    check_duration_or_zero,
    check_label,
    check_port,
    spelled,
)
from controlplane.kinds.validation.load_balancer import check_locality, check_zone_aware
from controlplane.kinds.validation.traffic_policy import (
    check_connection_pool,
    check_keepalive,
    check_outlier_detection,
)
from controlplane.kinds.walk import DROPPED, Null, Walk

IGNORED: Final = frozenset(
    [
        "authPolicy",
        "ca",
        "caCertificates",
        "certificates",
        "configSources",
        "disableMixerHttpReports",
        "disablePolicyChecks",
        "disableReportBatch",
        "enableClientSidePolicyCheck",
        "enablePrometheusMerge",
        "inboundClusterStatName",
        "ingressClass",
        "ingressControllerMode",
        "ingressSelector",
        "ingressService",
        "mixerCheckServer",
        "mixerReportServer",
        "outboundClusterStatName",
        "policyCheckFailOpen",
        "rdsRefreshDelay",
        "reportBatchMaxEntries",
        "reportBatchMaxTime",
        "sdsRefreshDelay",
        "sdsUdsPath",
        "sidecarToTelemetrySessionAffinity",
        "thriftConfig",
        "verifyCertificateAtClient",
    ]
)
"""They start, observe or serve parts of Istio that are not here, and change no traffic."""
NOT_YET: Final = frozenset(
    [
        "discoverySelectors",
        "serviceScopeConfigs",
        "serviceSettings",
    ]
)
"""They change traffic, and are not translated yet."""
_PROVIDERS: Final = "extensionProviders"
_NETWORKS: Final = "meshNetworks"
LONGEST_CONNECT: Final = timedelta(hours=1)  # Istio, ValidateConnectTimeout


def decode_mesh_config(
    config: str | Mapping[str, object], path: Path, report: Report
) -> MeshConfig:
    """The MeshConfig that the text of ``path`` says, its faults reported at their lines.

    A mapping is used as it is; its faults are reported at the file as a whole.
    """
    found = Report()
    if isinstance(config, str):
        source = _source(found, config, path)
        if source is None:
            report.diagnostics.extend(found)
            return MeshConfig()
    else:
        source = _Source(path=path, text="", data=config)
    mesh = _decoded(found, FieldRef(MESH_CONFIG_KEY), source.data)
    for diagnostic in found:
        place = diagnostic.place
        where = source.location(place) if isinstance(place, FieldRef) else place
        report.diagnostics.append(replace(diagnostic, place=where))
    return mesh


def mesh_location(text: str, path: Path, place: FieldRef) -> SourceLocation:
    """Where a field of the MeshConfig is in the text of ``path``."""
    source = _source_of(text, path)
    return source.location(place) if source is not None else SourceLocation(path)


@lru_cache(maxsize=2)
def _source_of(text: str, path: Path) -> "_Source | None":
    """Many fields are looked for in one text, one after the other."""
    return _source(Report(), text, path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """The text that holds MeshConfig, and where in the file it begins (in a ConfigMap it is
    indented).
    """

    path: Path
    text: str
    data: Mapping[str, object]
    first_line: int = 1
    indent: int = 0

    def location(self, place: FieldRef) -> SourceLocation:
        if not self.text:
            return SourceLocation(self.path)
        span = span_of(self.text, place.path, on_key=place.on_key)
        found = location(self.path, self.text, self.first_line, span)
        return replace(found, column=found.column + self.indent)


def _source(report: Report, text: str, path: Path) -> _Source | None:
    outcome = parsed(text)
    if outcome.fault is not None:
        fault = outcome.fault
        place = location(path, text, 1, (fault.start, fault.start + fault.width))
        report.add(fault.code, place, fault.message, hint=fault.hint)
        return None
    data = outcome.data
    if data is None:
        return _Source(path=path, text="", data={})
    if not isinstance(data, Mapping):
        report.add(
            WRONG_TYPE,
            SourceLocation(path, 1, 1),
            f"expected MeshConfig, found {described(data)}",
        )
        return None
    if "data" not in data:
        return _Source(path=path, text=text, data=data)
    inner = data["data"]
    mesh = inner["mesh"] if isinstance(inner, Mapping) and "mesh" in inner else None
    if not isinstance(inner, Mapping) or not isinstance(mesh, str):
        where = location(path, text, 1, span_of(text, ("data",), on_key=True))
        report.add(WRONG_TYPE, where, 'the ConfigMap has no text "mesh" in its data')
        return None
    if _names_networks(inner):
        where = location(path, text, 1, span_of(text, ("data", _NETWORKS), on_key=True))
        report.add(NO_EFFECT, where, "meshNetworks has no effect: all proxies are in one network")
    return _within(report, text, mesh, path)


def _names_networks(data: Mapping[str, object]) -> bool:
    said = data.get(_NETWORKS)
    match parsed(said).data if isinstance(said, str) else None:
        case {"networks": Mapping() as networks}:
            return bool(networks)
    return False


def _within(report: Report, text: str, mesh: str, path: Path) -> _Source | None:
    """MeshConfig as a block of text in a ConfigMap."""
    key = location(path, text, 1, span_of(text, ("data", "mesh"), on_key=True))
    outcome = parsed(mesh)
    if outcome.fault is not None or not isinstance(outcome.data, Mapping | None):
        said = outcome.fault.message if outcome.fault is not None else "mesh is not a mapping"
        report.add(WRONG_TYPE, key, f"MeshConfig cannot be read: {said}")
        return None
    line = text.splitlines()[key.line] if key.line < len(text.splitlines()) else ""
    indent = len(line) - len(line.lstrip())
    return _Source(
        path=path, text=mesh, data=outcome.data or {}, first_line=key.line + 1, indent=indent
    )


def _decoded(report: Report, at: FieldRef, data: Mapping[str, object]) -> MeshConfig:
    check_settings(report, at, data, MeshConfig, IGNORED, NOT_YET)
    proxy = data.get("defaultConfig", None)
    if isinstance(proxy, Mapping):
        check_proxy_settings(report, at / "defaultConfig", proxy)
    rest = {name: value for name, value in data.items() if name != _PROVIDERS}
    fitting = Walk(report, Null.FAULT).struct(at, MeshConfig, rest)
    assert fitting is not DROPPED, "the data is a mapping"
    mesh = msgspec.convert(fitting, MeshConfig, dec_hook=value_of)
    if _PROVIDERS in data:
        found = extension_providers(report, at / _PROVIDERS, data[_PROVIDERS])
        mesh = msgspec.structs.replace(mesh, extension_providers=found)
    report_unsupported(report, at, mesh, _unsupported(), HINTS)
    started = startable(report, at / "defaultConfig", mesh.default_config)
    mesh = msgspec.structs.replace(mesh, default_config=started)
    _check(report, at, mesh)
    return limited(report, at, mesh)


@cache
def _unsupported() -> tuple[str, ...]:
    return unsupported_fields(MeshConfig, FIELDS)


def _check(report: Report, at: FieldRef, mesh: MeshConfig) -> None:
    for name, port in (
        ("proxyListenPort", mesh.proxy_listen_port),
        ("proxyInboundListenPort", mesh.proxy_inbound_listen_port),
        ("proxyHttpPort", mesh.proxy_http_port or 1),
    ):
        check_port(report, at / name, port)
    check_duration(report, at / "connectTimeout", mesh.connect_timeout)
    if mesh.connect_timeout is not None and mesh.connect_timeout.length > LONGEST_CONNECT:
        message = f"{spelled(mesh.connect_timeout)} is longer than 1h"
        report.add(VALUE_OUT_OF_RANGE, at / "connectTimeout", message)
    place = at / "protocolDetectionTimeout"
    check_duration_or_zero(report, place, mesh.protocol_detection_timeout)
    check_duration(report, at / "dnsRefreshRate", mesh.dns_refresh_rate)
    check_label(report, at / "rootNamespace", mesh.root_namespace)
    _check_trust_domains(report, at, mesh)
    if mesh.tcp_keepalive is not None:
        check_keepalive(report, at / "tcpKeepalive", mesh.tcp_keepalive)
    check_locality(report, at / "localityLbSetting", mesh.locality_lb_setting, ejects=True)
    check_zone_aware(report, at / "zoneAwareLbSetting", mesh.zone_aware_lb_setting, ejects=True)
    if mesh.default_traffic_policy is not None:
        policy, place = mesh.default_traffic_policy, at / "defaultTrafficPolicy"
        check_connection_pool(report, place / "connectionPool", policy.connection_pool)
        check_outlier_detection(report, place / "outlierDetection", policy.outlier_detection)
    if mesh.mesh_mtls is not None and mesh.mesh_mtls.ecdh_curves:
        message = "ecdhCurves is not supported for the mesh's own TLS"
        report.add(VALUE_MALFORMED, (at / "meshMTLS" / "ecdhCurves").key, message)


def _check_trust_domains(report: Report, at: FieldRef, mesh: MeshConfig) -> None:
    places = [(at / "trustDomain", mesh.trust_domain)]
    aliases = enumerate(mesh.trust_domain_aliases)
    places += [(at / "trustDomainAliases" / i, alias) for i, alias in aliases]
    for place, domain in places:
        labels = domain.removesuffix(".").split(".")
        if not all(map(names.is_label, labels)):
            message = f'"{domain}" is not a trust domain (DNS labels with dots between them)'
            report.add(VALUE_MALFORMED, place, message)
