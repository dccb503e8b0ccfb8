"""Every field of every kind: translated by a function that reads it, or reported where it is used.

What is not supported is listed here as well, so that a field that was forgotten is seen.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import inspect

from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef, path_text
from controlplane.base.names import Namespace, ObjectKey
from controlplane.kinds.declared import mesh_config
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.registry import SERVED
from controlplane.kinds.served import By, Fields
from controlplane.kinds.spec import Spec
from controlplane.kinds.support import (
    report_unsupported,
    structs_in,
    unsupported,
    unsupported_fields,
)
from tests.support.reads import NoSuchFunction, attributes_read
from tests.support.reference_pages import title
from tests.support.samples import sample

NOT_SUPPORTED = {
    "DestinationRule": (
        "trafficPolicy.loadBalancer.backendUtilization",
        "trafficPolicy.portLevelSettings.loadBalancer.backendUtilization",
        "trafficPolicy.retryBudget.budgetInterval",
        "subsets.trafficPolicy.loadBalancer.backendUtilization",
        "subsets.trafficPolicy.portLevelSettings.loadBalancer.backendUtilization",
        "subsets.trafficPolicy.retryBudget.budgetInterval",
    ),
    "Gateway": ("servers.tls.tlsCertificates.caCertificates", "servers.defaultEndpoint"),
    "ProxyConfig": ("image",),
    "Sidecar": ("ingress.port.targetPort", "egress.port.targetPort"),
    "BackendTLSPolicy": ("options",),
    "GRPCRoute": ("useDefaultGateways",),
    "Gateway (gateway.networking.k8s.io)": (
        "infrastructure.parametersRef",
        "defaultScope",
    ),
    "GatewayClass": ("parametersRef",),
    "HTTPRoute": ("useDefaultGateways",),
    "TCPRoute": ("useDefaultGateways",),
    "TLSRoute": ("useDefaultGateways",),
    "UDPRoute": ("useDefaultGateways",),
    "XBackend": ("type", "port", "externalHostname", "protocol", "tls"),
    "XBackendTrafficPolicy": (
        "retryConstraint.budget.interval",
        "retryConstraint.minRetryRate.interval",
        "sessionPersistence",
    ),
    "XMesh": ("parametersRef",),
    "MeshConfig": (
        "proxyListenPort",
        "proxyHttpPort",
        "defaultConfig.caCertificatesPem",
        "defaultConfig.customConfigFile",
        "defaultConfig.proxyBootstrapTemplatePath",
        "defaultConfig.image",
        "defaultConfig.privateKeyProvider",
        "defaultConfig.proxyHeaders.metadataExchangeHeaders",
        "defaultConfig.connectionSettings.clusterPerConnectionBufferLimitBytes",
        "defaultConfig.connectionSettings.listenerConnectionLimit",
        "extensionProviders.zipkin.headers.envName",
        "extensionProviders.lightstep",
        "extensionProviders.stackdriver",
        "extensionProviders.opencensus",
        "extensionProviders.opentelemetry.http.headers.envName",
        "extensionProviders.opentelemetry.grpc.initialMetadata.envName",
        "extensionProviders.opentelemetry.dynatraceSampler.httpService.http.headers.envName",
        "extensionProviders.sds",
    ),
}
DECLARED: dict[str, tuple[type[Spec], Fields]] = {
    **{title(kind): (served.spec, served.fields) for kind, served in SERVED.items()},
    "MeshConfig": (MeshConfig, mesh_config.FIELDS),
}


def translations() -> Iterator[Any]:
    seen: set[tuple[type[Spec], str]] = set()
    for _, fields in DECLARED.values():
        for struct, entries in fields.items():
            for entry in entries:
                for name in entry.fields if isinstance(entry, By) else ():
                    if (struct, name) not in seen:
                        seen.add((struct, name))
                        id_ = f"{struct.__name__}.{name}"
                        yield pytest.param(struct, name, entry.function, id=id_)


def structs_of(spec: type[Spec]) -> Iterator[type[Spec]]:
    """A struct and all within it, each once."""
    waiting, seen = [spec], set[type[Spec]]()
    while waiting:
        struct = waiting.pop()
        if struct in seen:
            continue
        seen.add(struct)
        yield struct
        info = inspect.type_info(struct)
        assert isinstance(info, inspect.StructType)
        for field in info.fields:
            waiting += [s.cls for s in structs_in(field.type) if issubclass(s.cls, Spec)]


@pytest.mark.parametrize("kind", DECLARED)
def test_what_is_not_translated_is_known(kind: str) -> None:
    spec, fields = DECLARED[kind]

    found = unsupported_fields(spec, fields)

    assert found == NOT_SUPPORTED.get(kind, ()), (
        "a field has no effect: name the function that translates it in kinds/declared,"
        " or list it here"
    )


@pytest.mark.parametrize("kind", DECLARED)
def test_a_declaration_names_fields_that_are_there_each_once(kind: str) -> None:
    spec, fields = DECLARED[kind]
    structs = set(structs_of(spec))

    for struct, entries in fields.items():
        names = [name for entry in entries for name in entry.fields]
        assert struct in structs, f"{kind} holds no {struct.__name__}"
        assert sorted(names) == sorted(set(names))
        assert set(names) <= set(struct.__struct_fields__)


@pytest.mark.parametrize(("struct", "name", "function"), list(translations()))
def test_a_field_is_translated_by_a_function_that_reads_it(
    struct: type[Spec], name: str, function: str
) -> None:
    try:
        read = attributes_read(function)
    except NoSuchFunction:
        pytest.fail(
            f"{function} no longer exists: say in kinds/declared who reads {struct.__name__}"
        )

    assert name in read, f"{function} does not read {struct.__name__}.{name}"


@pytest.mark.parametrize("kind", NOT_SUPPORTED)
def test_each_use_of_a_field_that_is_not_supported_is_reported(kind: str) -> None:
    spec, fields = DECLARED[kind]
    at = FieldRef(ObjectKey(next(iter(SERVED)), Namespace("default"), "a"))
    for path in NOT_SUPPORTED[kind]:
        report = Report()

        report_unsupported(
            report, at, using(spec, path.split(".")), unsupported_fields(spec, fields)
        )

        (diagnostic,) = report
        assert str(diagnostic.code) == "CP0203"
        assert isinstance(diagnostic.place, FieldRef)
        assert re.sub(r"\[\d+\]", "", path_text(diagnostic.place.path)).strip(".") == path


def using(spec: type[Spec], path: list[str]) -> Spec:
    """A struct in which the field at a path is set and nothing else is."""
    names = dict(zip(spec.__struct_encode_fields__, spec.__struct_fields__, strict=True))
    name = names[path[0]]
    if len(path) == 1:
        return spec(**{name: sample(spec, name)})
    info = inspect.type_info(spec)
    assert isinstance(info, inspect.StructType)
    (field,) = (field for field in info.fields if field.name == name)
    (inner,) = structs_in(field.type)
    assert issubclass(inner.cls, Spec)
    value: object = using(inner.cls, path[1:])
    in_list = isinstance(field.type, inspect.VarTupleType)
    return spec(**{name: (value,) if in_list else value})


def test_a_field_that_nothing_translates_is_named() -> None:
    assert "trafficPolicy.loadBalancer.backendUtilization" in unsupported(SERVED[DESTINATION_RULE])
