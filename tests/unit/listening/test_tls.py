"""``servers[].tls`` becomes the TLS that Envoy ends."""

from typing import Any

import pytest

from controlplane.kinds.istio.mesh_config import MeshConfig, MeshTls
from tests.support.declared import Declared

GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: apps}
spec:
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [a.com]
    tls: {%s}
"""
STREAM = """
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: stream, namespace: apps}
spec: {hosts: [a.com], gateways: [gw], tcp: [{route: [{destination: {host: x}}]}]}
"""
SPKI = "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="
HASH = "a2" * 32


def context_of(
    tls: str, *, protocol: str = "HTTPS", mesh: MeshConfig | None = None
) -> tuple[dict[str, Any], set[str]]:
    """The TLS context that comes out, and the codes of what is said of it."""
    text = GATEWAY % tls
    declared = Declared(text.replace("HTTPS}", f"{protocol}}}") + STREAM, mesh=mesh)
    (listener,) = declared.listeners().values()
    (chain,) = listener["filter_chains"]
    return chain["transport_socket"]["typed_config"], {t.split()[0] for t in declared.reported()}


def certificates(context: dict[str, Any]) -> list[str]:
    common = context["common_tls_context"]
    return [c["name"] for c in common["tls_certificate_sds_secret_configs"]]


@pytest.mark.parametrize(
    ("tls", "shown", "trusted", "required"),
    [
        ("mode: SIMPLE, credentialName: c", ["kubernetes://c"], None, False),
        ("mode: MUTUAL, credentialName: c", ["kubernetes://c"], "kubernetes://c-cacert", True),
        (
            "mode: OPTIONAL_MUTUAL, credentialName: c",
            ["kubernetes://c"],
            "kubernetes://c-cacert",
            False,
        ),
        (
            "mode: MUTUAL, credentialName: c, caCertCredentialName: p-cacert",
            ["kubernetes://c"],
            "kubernetes://p-cacert",
            True,
        ),
        (
            "mode: MUTUAL, credentialName: c, caCertCredentialName: 'configmap://ns/roots'",
            ["kubernetes://c"],
            "configmap://ns/roots",
            True,
        ),
        (
            "mode: MUTUAL, credentialNames: [rsa, ecdsa]",
            ["kubernetes://rsa", "kubernetes://ecdsa"],
            "kubernetes://rsa-cacert",
            True,
        ),
        ("mode: ISTIO_MUTUAL", ["default"], "ROOTCA", True),
        ("mode: MUTUAL, credentialName: 'builtin://'", ["default"], "ROOTCA", True),
        (
            "mode: SIMPLE, serverCertificate: /c.pem, privateKey: /k.pem",
            ["file-cert:/c.pem~/k.pem"],
            None,
            False,
        ),
        (
            "mode: MUTUAL, serverCertificate: /c, privateKey: /k, caCertificates: /ca, caCrl: /crl",
            ["file-cert:/c~/k"],
            "file-root:/ca~/crl",
            True,
        ),
        (
            "mode: SIMPLE, tlsCertificates: [{serverCertificate: /c, privateKey: /k}, "
            "{serverCertificate: /d, privateKey: /l}]",
            ["file-cert:/c~/k", "file-cert:/d~/l"],
            None,
            False,
        ),
    ],
)
def test_a_mode_names_its_secrets(
    tls: str, shown: list[str], trusted: str | None, required: bool
) -> None:
    context, _ = context_of(tls)

    validation = context["common_tls_context"].get("combined_validation_context", {})
    assert certificates(context) == shown
    assert validation.get("validation_context_sds_secret_config", {}).get("name") == trusted
    assert context["require_client_certificate"] is required


@pytest.mark.parametrize(
    ("tls", "parameters", "codes"),
    [
        ("", None, set()),
        ("minProtocolVersion: TLSV1_3", {"tls_minimum_protocol_version": "TLSv1_3"}, set()),
        (
            "minProtocolVersion: TLSV1_3, maxProtocolVersion: TLSV1_2",
            {
                "tls_minimum_protocol_version": "TLSv1_3",
                "tls_maximum_protocol_version": "TLSv1_2",
            },
            {"CP0414"},
        ),
        (
            "cipherSuites: [AES128-SHA, NONSENSE, AES128-SHA]",
            {"cipher_suites": ["AES128-SHA"]},
            {"CP0413"},
        ),
        (
            "cipherSuites: ['-ALL', '[AES128-SHA|AES256-SHA]', '!RC4', '+AES256', '-ECDSA:+SHA']",
            {"cipher_suites": ["-ALL", "[AES128-SHA|AES256-SHA]", "+AES256", "-ECDSA:+SHA"]},
            {"CP0413"},
        ),
        ("cipherSuites: ['!AES128-SHA']", None, set()),
        ("ecdhCurves: [X25519, P-224]", {"ecdh_curves": ["X25519"]}, {"CP0413"}),
    ],
)
def test_versions_and_ciphers_are_those_that_envoy_takes(
    tls: str, parameters: dict[str, Any] | None, codes: set[str]
) -> None:
    context, reported = context_of(f"mode: SIMPLE, credentialName: c, {tls}")

    assert context["common_tls_context"].get("tls_params") == parameters
    assert reported & {"CP0413", "CP0414"} == codes


MESH = MeshConfig(
    tls_defaults=MeshTls(
        min_protocol_version="TLSV1_3",
        cipher_suites=("AES128-SHA", "NONSENSE"),
        ecdh_curves=("P-256", "P-224"),
    )
)


@pytest.mark.parametrize(
    ("tls", "parameters"),
    [
        (
            "mode: SIMPLE, credentialName: c",
            {
                "tls_minimum_protocol_version": "TLSv1_3",
                "cipher_suites": ["AES128-SHA"],
                "ecdh_curves": ["P-256"],
            },
        ),
        (
            "mode: MUTUAL, credentialName: c, minProtocolVersion: TLSV1_2,"
            " cipherSuites: [AES256-SHA], ecdhCurves: [X25519]",
            {
                "tls_minimum_protocol_version": "TLSv1_2",
                "cipher_suites": ["AES256-SHA"],
                "ecdh_curves": ["X25519"],
            },
        ),
        ("mode: ISTIO_MUTUAL, minProtocolVersion: TLSV1_2, cipherSuites: [AES256-SHA]", None),
    ],
    ids=["the mesh's", "the server's before the mesh's", "none for the mesh's own TLS"],
)
def test_the_mesh_says_versions_and_ciphers_that_a_server_does_not(
    tls: str, parameters: dict[str, Any] | None
) -> None:
    context, _ = context_of(tls, mesh=MESH)

    assert context["common_tls_context"].get("tls_params") == parameters


@pytest.mark.parametrize(
    ("tls", "protocol", "offered"),
    [
        ("mode: SIMPLE, credentialName: c", "HTTPS", ["h2", "http/1.1"]),
        ("mode: SIMPLE, credentialName: c", "TLS", ["h2", "http/1.1"]),
        ("mode: ISTIO_MUTUAL", "HTTPS", ["h2", "http/1.1"]),
        ("mode: ISTIO_MUTUAL", "TLS", ["istio-peer-exchange", "h2", "http/1.1"]),
    ],
)
def test_what_a_server_offers(tls: str, protocol: str, offered: list[str]) -> None:
    context, _ = context_of(tls, protocol=protocol)

    assert context["common_tls_context"]["alpn_protocols"] == offered


def test_names_are_demanded_of_clients_in_the_mesh_too() -> None:
    context, _ = context_of("mode: ISTIO_MUTUAL, subjectAltNames: [x]")

    validation = context["common_tls_context"]["combined_validation_context"]
    assert validation["default_validation_context"] == {"match_subject_alt_names": [{"exact": "x"}]}


def test_pins_mean_nothing_where_certificates_come_from_files() -> None:
    files = "serverCertificate: /c, privateKey: /k, caCertificates: /ca"
    context, reported = context_of(f"mode: MUTUAL, {files}, verifyCertificateHash: [{HASH}]")

    validation = context["common_tls_context"]["combined_validation_context"]
    assert validation["default_validation_context"] == {}
    assert "CP0210" in reported


@pytest.mark.parametrize(
    ("name", "waits_for"),
    [("c", None), ("'builtin://'", "0s")],
    ids=["a secret that may never come", "the proxy's own"],
)
def test_envoy_waits_a_while_for_secrets_that_may_be_missing(
    name: str, waits_for: str | None
) -> None:
    context, _ = context_of(f"mode: SIMPLE, credentialName: {name}")

    (source,) = context["common_tls_context"]["tls_certificate_sds_secret_configs"]
    assert source["sds_config"].get("initial_fetch_timeout") == waits_for


@pytest.mark.parametrize(
    ("tls", "expected", "code"),
    [
        ("subjectAltNames: [x]", {"match_subject_alt_names": [{"exact": "x"}]}, None),
        (f'verifyCertificateSpki: ["{SPKI}"]', {"verify_certificate_spki": [SPKI]}, None),
        (
            f'verifyCertificateSpki: ["{SPKI}", nonsense]',
            {"verify_certificate_spki": [SPKI]},
            "CP0412",
        ),
        (
            "verifyCertificateSpki: [nonsense]",
            {"verify_certificate_spki": ["A" * 43 + "="]},
            "CP0412",
        ),
        (f"verifyCertificateHash: [{HASH}]", {"verify_certificate_hash": [HASH]}, None),
        ("verifyCertificateHash: [xyz]", {"verify_certificate_hash": ["00" * 32]}, "CP0412"),
        ("insecureSkipVerify: true", {"trust_chain_verification": "ACCEPT_UNTRUSTED"}, None),
    ],
)
def test_what_is_demanded_of_clients_never_gets_looser(
    tls: str, expected: dict[str, Any], code: str | None
) -> None:
    context, reported = context_of(f"mode: MUTUAL, credentialName: c, {tls}")

    validation = context["common_tls_context"]["combined_validation_context"]
    assert validation["default_validation_context"] == expected
    assert reported & {"CP0412"} == ({code} if code else set())


def test_names_of_clients_on_simple_do_not_reach_envoy_which_would_refuse_the_listener() -> None:
    context, reported = context_of("mode: SIMPLE, credentialName: c, subjectAltNames: [x]")

    assert "combined_validation_context" not in context["common_tls_context"]
    assert "CP0410" in reported


def test_an_authority_that_would_be_read_as_a_certificate_is_never_served() -> None:
    context, reported = context_of("mode: MUTUAL, credentialName: c, caCertCredentialName: c")

    validation = context["common_tls_context"]["combined_validation_context"]
    assert validation["validation_context_sds_secret_config"]["name"] == "invalid://c"
    assert "CP0415" in reported


@pytest.mark.parametrize("name", ["c-cacert", "'configmap://ns/c'"])
def test_a_certificate_that_would_be_read_as_an_authority_is_never_served(name: str) -> None:
    context, reported = context_of(f"mode: SIMPLE, credentialName: {name}")

    (shown,) = certificates(context)
    assert shown.startswith("invalid://")
    assert "CP0415" in reported
