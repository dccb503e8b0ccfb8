"""How clusters speak to their endpoints: plaintext, TLS of a rule, or the mesh's own."""

import pytest

from controlplane.kinds.istio.mesh_config import MeshConfig, MeshTls
from tests.support.declared import Declared
from tests.unit.clusters.given import (
    HTTP_OPTIONS,
    NAME,
    PARTNER,
    SERVICE,
    SIDECAR,
    cluster,
    entry,
    mesh_of,
    part,
    rule,
    tls,
    unlimited,
)

FOUR_PORTS = (
    "[{number: 80, name: http, protocol: HTTP}, {number: 81, name: grpc, protocol: GRPC},"
    " {number: 82, name: tcp, protocol: TCP}, {number: 83, name: auto}]"
)


@pytest.mark.parametrize(
    ("port", "mesh_offers", "own_offers"),
    [
        (80, ["istio-http/1.1", "istio"], None),
        (81, ["istio-h2", "istio", "h2"], ["h2"]),
        (82, ["istio"], None),
        (83, ["istio"], None),
    ],
    ids=["HTTP", "gRPC", "TCP", "not said"],
)
def test_what_is_offered_to_endpoints_by_the_protocol_of_the_port(
    port: int, mesh_offers: list[str], own_offers: list[str] | None
) -> None:
    name = f"outbound|{port}||api.partner.com"

    def offered(mode: str) -> object:
        policy = rule(f"{{tls: {{mode: {mode}}}}}", host="api.partner.com")
        found = cluster(entry(ports=FOUR_PORTS) + policy, name)
        return part(tls(found), "common_tls_context.alpn_protocols")

    assert offered("ISTIO_MUTUAL") == mesh_offers
    assert offered("SIMPLE") == own_offers


@pytest.mark.parametrize(
    ("settings", "sni", "names"),
    [
        (
            "",
            "outbound_.80_._.api.partner.com",
            ["a.com", "spiffe://cluster.local/ns/default/sa/web", "spiffe://old/ns/default/sa/web"],
        ),
        (", sni: b.com, subjectAltNames: [c.com]", "b.com", ["c.com"]),
    ],
    ids=["as the destination is declared", "as the rule says"],
)
def test_the_meshs_own_tls_is_demanded_of_every_endpoint_where_a_rule_wants_it(
    settings: str, sni: str, names: list[str]
) -> None:
    text = entry(
        endpoints="[{address: 10.0.0.1, serviceAccount: web}, {address: 10.0.0.2}]",
        subjectAltNames="[a.com]",
    ) + rule(f"{{tls: {{mode: ISTIO_MUTUAL{settings}}}}}", host="api.partner.com")
    found = cluster(text, PARTNER, mesh_of("trustDomainAliases: [old]"))

    context = tls(found)
    common = context["common_tls_context"]
    validation = common["combined_validation_context"]
    secret = common["tls_certificate_sds_secret_configs"][0]["name"]
    trust = validation["validation_context_sds_secret_config"]["name"]
    assert (secret, trust, context["sni"]) == ("default", "ROOTCA", sni)
    assert validation["default_validation_context"] == {
        "match_subject_alt_names": [{"exact": name} for name in names]
    }
    assert common["tls_params"] == {
        "tls_minimum_protocol_version": "TLSv1_2",
        "tls_maximum_protocol_version": "TLSv1_3",
    }
    source = common["tls_certificate_sds_secret_configs"][0]["sds_config"]
    assert source == {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    assert "transport_socket_matches" not in found


def test_the_meshs_own_tls_names_the_subset() -> None:
    text = SERVICE + rule("{tls: {mode: ISTIO_MUTUAL}}", subsets="[{name: v1}]")

    found = cluster(text, "outbound|80|v1|reviews.default.svc.cluster.local")

    assert tls(found)["sni"] == "outbound_.80_.v1_.reviews.default.svc.cluster.local"
    assert found["metadata"]["filter_metadata"]["istio"]["subset"] == "v1"


def test_a_port_has_a_pool_ejection_and_tls_of_its_own() -> None:
    own = (
        "{port: {number: 80}, connectionPool: {http: {maxRetries: 4}},"
        " outlierDetection: {interval: 4s}, tls: {mode: SIMPLE, sni: a.com}}"
    )

    found = cluster(SERVICE + rule(f"{{portLevelSettings: [{own}]}}"))

    assert part(found, "circuit_breakers.thresholds") == unlimited(max_retries=4)
    assert part(found, "outlier_detection.interval") == "4s"
    assert tls(found)["sni"] == "a.com"


def test_who_passes_through_to_the_mesh_chooses_no_endpoint_and_so_no_tls_by_it() -> None:
    text = entry(
        endpoints="[{address: 10.0.0.1, serviceAccount: web}]", location="MESH_INTERNAL"
    ) + rule("{loadBalancer: {simple: PASSTHROUGH}}", host="api.partner.com")

    found = cluster(text, PARTNER)

    assert tls(found)["sni"] == "outbound_.80_._.api.partner.com"
    assert "transport_socket_matches" not in found


@pytest.mark.parametrize(
    ("settings", "certificate", "trust"),
    [
        (
            "mode: MUTUAL, clientCertificate: /c, privateKey: /k, caCertificates: /ca, caCrl: /l",
            "file-cert:/c~/k",
            "file-root:/ca~/l",
        ),
        (
            "mode: MUTUAL, clientCertificate: /c, privateKey: /k",
            "file-cert:/c~/k",
            "file-root:/etc/ssl/certs/ca-certificates.crt",
        ),
        (
            "mode: MUTUAL, credentialName: c, insecureSkipVerify: true",
            "kubernetes://c",
            None,
        ),
        ("mode: SIMPLE, credentialName: c", None, "kubernetes://c-cacert"),
        ("mode: SIMPLE, credentialName: 'configmap://default/c'", None, "configmap://default/c"),
    ],
    ids=[
        "files and a revocation list",
        "the system's authorities for a certificate of files",
        "a secret's certificate, and nothing verified",
        "a secret's authority",
        "a ConfigMap's authority",
    ],
)
def test_where_certificates_and_authorities_come_from(
    settings: str, certificate: str | None, trust: str | None
) -> None:
    common = tls(cluster(SERVICE + rule(f"{{tls: {{{settings}}}}}")))["common_tls_context"]

    shown = [c["name"] for c in common.get("tls_certificate_sds_secret_configs", ())]
    path = "combined_validation_context.validation_context_sds_secret_config.name"
    assert shown == ([certificate] if certificate is not None else [])
    assert part(common, path) == trust
    assert ("validation_context" in common) is (trust is None)


HEADLESS = """
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {clusterIP: None, selector: {app: reviews}, ports: [{name: http, port: 80}]}
---
"""


def pod(name: str, address: str, labels: str) -> str:
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: default, labels: {{app: reviews{labels}}}}}
status: {{podIP: {address}}}
---
"""


CAPABLE = ", security.istio.io/tlsMode: istio"


@pytest.mark.parametrize(
    ("second", "encrypted"),
    [(CAPABLE, True), (", security.istio.io/tlsMode: disabled", False), ("", False)],
    ids=["all do", "one says no", "one says nothing"],
)
def test_a_headless_service_is_encrypted_where_all_endpoints_take_it(
    second: str, encrypted: bool
) -> None:
    text = HEADLESS + pod("a", "10.0.0.1", CAPABLE) + pod("b", "10.0.0.2", second)

    assert ("transport_socket_matches" in cluster(text)) is encrypted


@pytest.mark.parametrize(
    ("endpoint", "policy", "taken"),
    [
        ("", "", False),
        (", serviceAccount: a", "", True),
        (", labels: {security.istio.io/tlsMode: istio}", "", True),
        (", serviceAccount: a, labels: {security.istio.io/tlsMode: disabled}", "", False),
        (", serviceAccount: a", "{tls: {}}", False),
        (", serviceAccount: a", "{tls: {mode: SIMPLE}}", False),
        (", serviceAccount: a", "{tls: {mode: ISTIO_MUTUAL}}", True),
    ],
    ids=[
        "nothing is said",
        "an account is one of the mesh",
        "a label says so",
        "a label says no",
        "the rule wants plaintext",
        "the rule wants TLS of its own",
        "the rule wants the mesh's",
    ],
)
def test_endpoints_say_whether_they_take_the_meshs_own_tls(
    endpoint: str, policy: str, taken: bool
) -> None:
    text = entry(endpoints=f"[{{address: 10.0.0.1{endpoint}}}]", location="MESH_INTERNAL")
    ruled = rule(policy, host="api.partner.com") if policy else ""

    [group] = Declared(text + ruled).endpoints()[PARTNER]

    [member] = group["lb_endpoints"]
    said = part(member, "metadata.filter_metadata")
    assert said == ({"envoy.transport_socket_match": {"tlsMode": "istio"}} if taken else None)


def test_a_cluster_outside_of_the_mesh_with_tls_of_its_own_says_so() -> None:
    found = cluster(entry() + rule("{tls: {mode: SIMPLE}}", host="api.partner.com"), PARTNER)

    said = found["metadata"]["filter_metadata"]["istio"]
    assert (said["external"], said["alpn_override"]) == (True, "false")


def test_without_a_rule_endpoints_of_the_mesh_get_mutual_tls_if_they_take_it() -> None:
    found = cluster(SERVICE)

    matches = found["transport_socket_matches"]
    context = matches[0]["transport_socket"]["typed_config"]
    assert [(m["name"], m["match"]) for m in matches] == [
        ("tlsMode-istio", {"tlsMode": "istio"}),
        ("tlsMode-disabled", {}),
    ]
    assert context["sni"] == "outbound_.80_._.reviews.default.svc.cluster.local"
    assert context["common_tls_context"]["alpn_protocols"] == ["istio-http/1.1", "istio"]


def test_the_identities_of_endpoints_are_demanded() -> None:
    found = cluster(
        entry(
            location="MESH_INTERNAL",
            endpoints="[{address: 10.0.0.1, serviceAccount: b}, "
            "{address: 10.0.0.2, serviceAccount: a}]",
        ),
        PARTNER,
    )

    context = found["transport_socket_matches"][0]["transport_socket"]["typed_config"]
    validation = context["common_tls_context"]["combined_validation_context"]
    assert validation["default_validation_context"]["match_subject_alt_names"] == [
        {"exact": "spiffe://cluster.local/ns/default/sa/a"},
        {"exact": "spiffe://cluster.local/ns/default/sa/b"},
    ]


VICTIM = """---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: vault, namespace: bank}
spec:
  hosts: [vault.example]
  location: MESH_INTERNAL
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 10.0.0.9, serviceAccount: vault}]
"""


def test_who_declares_an_address_of_another_namespace_proves_it_with_own_accounts_only() -> None:
    """So a connection to the victim is closed: its certificate is of another namespace."""
    declared = entry(
        location="MESH_INTERNAL", endpoints="[{address: 10.0.0.9, serviceAccount: vault}]"
    )
    found = cluster(declared + VICTIM, PARTNER)

    context = found["transport_socket_matches"][0]["transport_socket"]["typed_config"]
    validation = context["common_tls_context"]["combined_validation_context"]
    assert validation["default_validation_context"]["match_subject_alt_names"] == [
        {"exact": "spiffe://cluster.local/ns/default/sa/vault"}
    ]


@pytest.mark.parametrize(
    "text",
    [
        SERVICE + rule("{tls: {mode: DISABLE}}"),
        SERVICE + rule("{tls: {}}"),
        SERVICE.replace("10.0.0.1", "None"),
    ],
    ids=["DISABLE", "a mode that is left out", "a headless service without endpoints"],
)
def test_plaintext(text: str) -> None:
    found = cluster(text)

    assert "transport_socket" not in found
    assert "transport_socket_matches" not in found


def test_outside_of_the_mesh_is_plaintext_unless_a_rule_says_else() -> None:
    assert "transport_socket_matches" not in cluster(entry(), PARTNER)


def test_the_mesh_can_switch_automatic_mutual_tls_off() -> None:
    assert "transport_socket_matches" not in cluster(
        SERVICE, mesh=MeshConfig(enable_auto_mtls=False)
    )


def test_tls_without_sni_sends_and_proves_the_host_of_the_request() -> None:
    found = cluster(SERVICE + rule("{tls: {mode: SIMPLE}}"))

    context = tls(found)["common_tls_context"]
    options = found["typed_extension_protocol_options"][HTTP_OPTIONS]
    trust = context["combined_validation_context"]["validation_context_sds_secret_config"]
    assert trust["name"] == "file-root:/etc/ssl/certs/ca-certificates.crt"
    assert options["upstream_http_protocol_options"] == {
        "auto_sni": True,
        "auto_san_validation": True,
    }


def test_tls_with_sni_proves_the_names_given() -> None:
    policy = "{tls: {mode: SIMPLE, caCertificates: /ca.pem, sni: a.com, subjectAltNames: [b.com]}}"
    found = cluster(SERVICE + rule(policy))

    assert tls(found)["sni"] == "a.com"
    assert tls(found)["common_tls_context"]["combined_validation_context"] == {
        "default_validation_context": {"match_subject_alt_names": [{"exact": "b.com"}]},
        "validation_context_sds_secret_config": {
            "name": "file-root:/ca.pem",
            "sds_config": {"ads": {}, "resource_api_version": "V3"},
        },
    }
    assert "typed_extension_protocol_options" not in found


def test_credentials_are_asked_for_by_name() -> None:
    found = cluster(SERVICE + rule("{tls: {mode: MUTUAL, credentialName: partner}}"))

    context = tls(found)["common_tls_context"]
    source = {"ads": {}, "resource_api_version": "V3"}
    assert context["tls_certificate_sds_secret_configs"] == [
        {"name": "kubernetes://partner", "sds_config": source}
    ]
    assert context["combined_validation_context"]["validation_context_sds_secret_config"] == {
        "name": "kubernetes://partner-cacert",
        "sds_config": source,
    }


def test_nothing_is_verified_where_the_user_says_so() -> None:
    policy = "{tls: {mode: SIMPLE, insecureSkipVerify: true}}"
    found = cluster(
        entry(subjectAltNames="[a.com]") + rule(policy, host="api.partner.com"), PARTNER
    )

    assert tls(found)["common_tls_context"]["validation_context"] == {}


def test_the_names_of_a_service_entry_are_demanded_besides_the_host() -> None:
    policy = "{tls: {mode: SIMPLE, caCertificates: /ca.pem}}"
    found = cluster(
        entry(subjectAltNames="[a.com]") + rule(policy, host="api.partner.com"), PARTNER
    )

    context = tls(found)["common_tls_context"]["combined_validation_context"]
    validation = context["default_validation_context"]
    options = found["typed_extension_protocol_options"][HTTP_OPTIONS]
    assert validation["match_subject_alt_names"] == [{"exact": "a.com"}]
    assert options["upstream_http_protocol_options"]["auto_san_validation"] is True


def test_the_accounts_of_a_service_entrys_endpoints_are_demanded_too() -> None:
    policy = "{tls: {mode: SIMPLE, caCertificates: /ca.pem, sni: a.com}}"
    endpoints = "[{address: 10.0.0.1, serviceAccount: web}, {address: 10.0.0.2}]"
    found = cluster(entry(endpoints=endpoints) + rule(policy, host="api.partner.com"), PARTNER)

    context = tls(found)["common_tls_context"]["combined_validation_context"]
    assert context["default_validation_context"]["match_subject_alt_names"] == [
        {"exact": "spiffe://cluster.local/ns/default/sa/web"}
    ]


def test_a_server_name_longer_than_any_host_is_not_sent() -> None:
    host = ".".join(["a" * 60] * 4)
    found = cluster(entry(hosts=f"[{host}]", location="MESH_INTERNAL"), f"outbound|80||{host}")

    context = found["transport_socket_matches"][0]["transport_socket"]["typed_config"]
    assert "sni" not in context


def test_the_mesh_says_the_ciphers_of_tls_that_is_not_its_own() -> None:
    mesh = MeshConfig(
        tls_defaults=MeshTls(cipher_suites=("AES128-SHA", "NONE-OF-ENVOYS"), ecdh_curves=("P-256",))
    )
    found = cluster(SERVICE + rule("{tls: {mode: SIMPLE}}"), mesh=mesh)

    parameters = tls(found)["common_tls_context"]["tls_params"]
    assert parameters["cipher_suites"] == ["AES128-SHA"]
    assert parameters["ecdh_curves"] == ["P-256"]


def test_a_credential_is_not_given_to_sidecars_that_are_not_selected() -> None:
    text = SERVICE + rule("{tls: {mode: SIMPLE, credentialName: partner}}")

    assert "transport_socket" not in Declared(text).clusters(SIDECAR)[NAME]


def test_proxy_protocol_wraps_every_way_to_an_endpoint() -> None:
    found = cluster(SERVICE + rule("{proxyProtocol: {version: V2}}"))

    sockets = [match["transport_socket"] for match in found["transport_socket_matches"]]
    assert [socket["name"] for socket in sockets] == [
        "envoy.transport_sockets.upstream_proxy_protocol",
        "envoy.transport_sockets.upstream_proxy_protocol",
    ]
    assert sockets[1]["typed_config"]["config"] == {"version": "V2"}
    assert sockets[1]["typed_config"]["transport_socket"]["name"] == (
        "envoy.transport_sockets.raw_buffer"
    )


def test_proxy_protocol_goes_before_plaintext_too() -> None:
    found = cluster(SERVICE + rule("{proxyProtocol: {}, tls: {}}"))

    typed = found["transport_socket"]["typed_config"]
    raw = "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"
    assert typed["transport_socket"]["typed_config"] == {"@type": raw}
    assert typed["config"] == {}  # version 1 is the default
