"""ProxyConfig as users write it: ``defaultConfig`` of MeshConfig, and the YAML in the annotation
``proxy.istio.io/config`` of a workload.

Its declaration says which fields are honoured; the others are reported, but for those listed here,
which change nothing on purpose. A setting with a fault is left out.
Source: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from functools import cache, lru_cache
from typing import Final

import msgspec

from controlplane.base.codes import (
    NO_EFFECT,
    NOT_SUPPORTED_YET,
    PROXY_CONFIG_FAULT,
    UNKNOWN_SETTING,
)
from controlplane.base.diagnostics import Effect, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind
from controlplane.base.nearest import nearest
from controlplane.base.wording import described
from controlplane.documents.yaml import parsed
from controlplane.kinds.core.pod import POD
from controlplane.kinds.core.workload_template import DAEMON_SET, DEPLOYMENT, STATEFUL_SET
from controlplane.kinds.declared.mesh_config import PROXY_CONFIG
from controlplane.kinds.duration import value_of
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY, ProxyConfig
from controlplane.kinds.istio.proxy_config import ANNOTATION, Tracing
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY
from controlplane.kinds.istio.workload_group import WORKLOAD_GROUP
from controlplane.kinds.limits import limited
from controlplane.kinds.proxy_start_values import startable
from controlplane.kinds.proxy_statistics import STATISTICS, read_statistics
from controlplane.kinds.proxy_variables import no_effect
from controlplane.kinds.spec import Spec
from controlplane.kinds.support import report_unsupported, unsupported_fields
from controlplane.kinds.walk import DROPPED, Null, Walk

TRACERS: Final = frozenset(
    [
        "disableContextPropagation",
        "lightstep",
        "openCensusAgent",
        "stackdriver",
    ]
)
"""Of ``tracing``: tracers that Envoy does not have any more, and what istiod does not read."""
NOT_YET: Final = frozenset(["readinessProbe", "zipkinAddress"])
"""They change what a proxy does, and nothing here honours them."""
IGNORED: Final[Mapping[str, str]] = {
    "availabilityZone": "Istio ignores it: the locality is the node's",
    "binaryPath": "whoever starts Envoy chooses the program",
    "configPath": "Envoy is given its bootstrap by -c",
    "connectTimeout": "Istio has no such setting any more: MeshConfig has",
    "controlPlaneAuthPolicy": "proxies always use TLS and a token, unless with --insecure-xds",
    "discoveryAddress": "controlplane bootstrap --xds says where the control plane is",
    "discoveryRefreshDelay": "Istio ignores it",
    "envoyMetricsServiceAddress": "Istio ignores it: envoyMetricsService is used",
    "parentShutdownDuration": "Istio has no such setting any more",
    "sds": "Istio ignores it: certificates always come by SDS",
    "tracing": "",
}
"""They change nothing, each with its reason: files of Istio are full of them, so none is reported.
``tracing`` is checked by itself.
"""
HINTS: Final[Mapping[str, str]] = {
    "caCertificatesPem": "put further roots into ca.crt of the Secret cacerts, or --root-cert",
    "customConfigFile": "give the file to Envoy",
    "image": "choose the image where Envoy is started",
    "privateKeyProvider": "the stock Envoy has no private key providers",
    "proxyBootstrapTemplatePath": "change what controlplane bootstrap prints",
    "readinessProbe": "give the WorkloadGroup a probe",
}
_WORKLOADS: Final[frozenset[Kind]] = frozenset({POD, WORKLOAD_ENTRY, KUBERNETES_GATEWAY})
_TEMPLATES: Final[Mapping[Kind, str]] = {
    DEPLOYMENT: "spec.template.metadata.annotations",
    STATEFUL_SET: "spec.template.metadata.annotations",
    DAEMON_SET: "spec.template.metadata.annotations",
    WORKLOAD_GROUP: "spec.metadata.annotations",
}


def check_proxy_settings(report: Report, at: FieldRef, data: Mapping[str, object]) -> None:
    """Report the settings of a ProxyConfig that are unknown or not honoured."""
    check_settings(report, at, data, ProxyConfig, IGNORED.keys(), NOT_YET)
    tracing = data.get("tracing", None)
    if isinstance(tracing, Mapping):
        check_settings(report, at / "tracing", tracing, Tracing, frozenset(), TRACERS)
    metadata = data.get("proxyMetadata", None)
    if isinstance(metadata, Mapping):
        check_variables(report, at / "proxyMetadata", metadata)


def check_settings(
    report: Report,
    at: FieldRef,
    data: Mapping[str, object],
    struct: type[Spec],
    ignored: Set[str],
    not_yet: Set[str] = frozenset(),
) -> None:
    """Report the names in ``data`` that ``struct`` has not, unless they are ignored on purpose."""
    fields = struct.__struct_encode_fields__
    for name in data:
        if name in not_yet:
            message = f"{name} is not supported yet and has no effect"
            hint = HINTS.get(name)
            report.add(NOT_SUPPORTED_YET, (at / name).key, message, hint=hint)
        elif name not in fields and name not in ignored:
            near = nearest(name, [*fields, *ignored, *not_yet])
            hint = f'rename it to "{near}"' if near else None
            report.add(UNKNOWN_SETTING, (at / name).key, f'unknown setting "{name}"', hint=hint)


def check_variables(report: Report, at: FieldRef, names: Iterable[str]) -> None:
    """Report the environment variables that change nothing."""
    for name in names:
        why = no_effect(name)
        if why is not None:
            report.add(NO_EFFECT, (at / name).key, f"the variable {name} has no effect: {why}")


def check_annotation(report: Report, at: FieldRef, annotations: Mapping[str, object]) -> None:
    """Report what is wrong with a workload's annotations about its proxy, among those at ``at``."""
    read_statistics(report, at, annotations)
    if ANNOTATION not in annotations:
        return
    text, place = annotations[ANNOTATION], at / ANNOTATION
    if not isinstance(text, str):
        message = f"expected ProxyConfig as text, found {described(text)}; it has no effect"
        hint = "write | after the colon, and the settings below it, indented"
        report.add(PROXY_CONFIG_FAULT, place, message, hint=hint)
        return
    _read(report, place, text)


def check_own_annotation(report: Report, at: FieldRef, annotations: Mapping[str, str]) -> None:
    """The same of the object's own annotations, which are a workload's for some kinds only."""
    kind = at.object.kind
    if kind in _WORKLOADS:
        check_annotation(report, at, annotations)
        return
    hint = f"put it into {_TEMPLATES[kind]}" if kind in _TEMPLATES else "remove it"
    for name in (ANNOTATION, *STATISTICS):
        if name in annotations:
            message = f"the annotation {name} of a {kind.name} has no effect"
            report.add(NO_EFFECT, (at / name).key, message, hint=hint)


@lru_cache(maxsize=256)
def proxy_config_of(text: str) -> ProxyConfig:
    """The ProxyConfig that an annotation says, without what is wrong in it."""
    return _read(Report(), FieldRef(MESH_CONFIG_KEY), text)


@cache
def _unsupported() -> tuple[str, ...]:
    return unsupported_fields(ProxyConfig, PROXY_CONFIG)


def _read(report: Report, at: FieldRef, text: str) -> ProxyConfig:
    """Nothing here refuses the object: its faults are the annotation's alone."""
    outcome = parsed(text)
    if outcome.fault is not None:
        line = text.count("\n", 0, outcome.fault.start)
        message = f"the annotation is not YAML and has no effect: {outcome.fault.message}"
        report.add(PROXY_CONFIG_FAULT, at / line, message, hint=outcome.fault.hint)
        return ProxyConfig()
    if not isinstance(outcome.data, Mapping):
        if outcome.data is not None:
            found = described(outcome.data)
            message = f"expected the settings of ProxyConfig, found {found}; it has no effect"
            report.add(PROXY_CONFIG_FAULT, at, message)
        return ProxyConfig()
    check_proxy_settings(report, at, outcome.data)
    faults = Report()
    fitting = Walk(faults, Null.FAULT).struct(at, ProxyConfig, outcome.data)
    assert fitting is not DROPPED, "the data is a mapping"
    config = msgspec.convert(fitting, ProxyConfig, dec_hook=value_of)
    report_unsupported(faults, at, config, _unsupported(), HINTS)
    config = limited(faults, at, startable(faults, at, config))
    for fault in faults:
        code = PROXY_CONFIG_FAULT if fault.code.effect is Effect.REFUSED else fault.code
        report.diagnostics.append(replace(fault, code=code))
    return config
