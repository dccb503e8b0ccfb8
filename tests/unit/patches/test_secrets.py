"""Secrets that only a patch names are sent by the rules for all others."""

from pathlib import Path
from typing import Any, Final

import pytest

from controlplane.envoy.resource import TypeUrl
from controlplane.model.proxy import Proxy
from controlplane.queries.snapshot.origins import origins_by_name
from tests.support.pki import Authority
from tests.unit.patches.given import GATEWAY, NOW, SIDECAR, Patched, envoy_filter, patch

TYPE: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
CERTIFICATES: Final = "tls_certificate_sds_secret_configs"
AUTHORITIES: Final = "validation_context_sds_secret_config"
REPORT: Final = ["CP0544 EnvoyFilter/istio-system/patch.spec.configPatches[0].patch.value"]


def cluster(field: str, name: str, source: dict[str, Any] | None = None) -> dict[str, Any]:
    named = {"name": name, "sds_config": source or {"ads": {}}}
    return {
        "name": "added",
        "transport_socket": {
            "name": "tls",
            "typed_config": {
                "@type": TYPE,
                "common_tls_context": {field: [named] if field == CERTIFICATES else named},
            },
        },
    }


@pytest.fixture(scope="module")
def secrets() -> str:
    root = Authority(now=NOW)
    own = root.leaf("a").secret("own", authority=root.pem)
    return f"{own}---\n{root.leaf('a').secret('other', namespace='other')}"


def sent(secrets: str, *patches: dict[str, Any], proxy: Proxy = GATEWAY) -> Patched:
    patched = Patched(envoy_filter(*patches))
    patched.engine.apply([(Path("secrets.yaml"), secrets)])
    patched.resources(proxy)
    return patched


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (CERTIFICATES, "kubernetes://own"),
        (CERTIFICATES, "kubernetes://istio-system/own"),
        (AUTHORITIES, "kubernetes://own-cacert"),
    ],
)
def test_a_secret_of_the_own_namespace_is_sent(secrets: str, field: str, name: str) -> None:
    patched = sent(secrets, patch("CLUSTER", "ADD", cluster(field, name)))

    assert list(patched.resources().secrets) == [name]
    assert patched.reported() == []
    view = patched.engine.view(GATEWAY)
    (origin, *_) = origins_by_name(patched.engine.graph, view, TypeUrl.SECRET)[name].origins
    assert str(origin) == "EnvoyFilter/istio-system/patch.spec.configPatches[0].patch"


def in_struct(wrapper: str, field: str, source: str) -> dict[str, Any]:
    named = {"name": "kubernetes://own", source: {"ads": {}}}
    context = {"common_tls_context": {field: [named]}}
    return {
        "name": "added",
        "transport_socket": {
            "name": "custom",
            "typed_config": {
                "@type": f"type.googleapis.com/{wrapper}",
                "type_url": "type.googleapis.com/example.Unknown",
                "value": {"inner": [{"@type": TYPE, **context}]},
            },
        },
    }


@pytest.mark.parametrize("wrapper", ["xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct"])
@pytest.mark.parametrize(
    ("field", "source"),
    [(CERTIFICATES, "sds_config"), ("tlsCertificateSdsSecretConfigs", "sdsConfig")],
)
def test_a_secret_that_a_typed_struct_names_is_sent(
    secrets: str, wrapper: str, field: str, source: str
) -> None:
    patched = sent(secrets, patch("CLUSTER", "ADD", in_struct(wrapper, field, source)))

    assert list(patched.resources().secrets) == ["kubernetes://own"]


@pytest.mark.parametrize(
    ("field", "name"),
    [
        pytest.param(CERTIFICATES, "kubernetes://other/other", id="of another namespace"),
        pytest.param(CERTIFICATES, "kubernetes://absent", id="absent"),
        pytest.param(CERTIFICATES, "own", id="without a scheme"),
        pytest.param(CERTIFICATES, "kubernetes://own-cacert", id="authorities as a certificate"),
        pytest.param(AUTHORITIES, "kubernetes://own", id="a certificate as authorities"),
        pytest.param(AUTHORITIES, "configmap://other/absent", id="an absent ConfigMap"),
    ],
)
def test_any_other_is_reported_and_not_sent(secrets: str, field: str, name: str) -> None:
    patched = sent(secrets, patch("CLUSTER", "ADD", cluster(field, name)))

    assert list(patched.resources().secrets) == []
    assert patched.reported() == REPORT


@pytest.mark.parametrize("name", ["default", "ROOTCA"])
def test_what_every_proxy_has_is_neither_sent_twice_nor_reported(secrets: str, name: str) -> None:
    patched = sent(secrets, patch("CLUSTER", "ADD", cluster(CERTIFICATES, name)))

    assert list(patched.resources().secrets) == []
    assert patched.reported() == []


def test_a_secret_that_comes_from_elsewhere_is_not_asked_for_here(secrets: str) -> None:
    source = {"path_config_source": {"path": "/etc/a.yaml"}}

    patched = sent(secrets, patch("CLUSTER", "ADD", cluster(CERTIFICATES, "a", source)))

    assert patched.reported() == []


def test_a_patch_that_changes_nothing_of_a_proxy_sends_it_no_secret(secrets: str) -> None:
    value = cluster(CERTIFICATES, "kubernetes://own")
    nowhere = {"cluster": {"name": "absent"}}

    patched = sent(secrets, patch("CLUSTER", "MERGE", value, nowhere))

    assert list(patched.resources().secrets) == []
    assert patched.reported() == []


def test_a_merged_socket_has_its_secret(secrets: str) -> None:
    value = cluster(CERTIFICATES, "kubernetes://own")
    value["name"] = "BlackHoleCluster"
    match = {"cluster": {"name": "BlackHoleCluster"}}

    patched = sent(secrets, patch("CLUSTER", "MERGE", value, match))

    assert list(patched.resources().secrets) == ["kubernetes://own"]


def test_a_secret_is_of_the_namespace_of_the_proxy_not_of_the_patch(secrets: str) -> None:
    patched = sent(
        secrets, patch("CLUSTER", "ADD", cluster(CERTIFICATES, "kubernetes://own")), proxy=SIDECAR
    )

    assert list(patched.resources(SIDECAR).secrets) == []
    assert patched.reported() == REPORT
