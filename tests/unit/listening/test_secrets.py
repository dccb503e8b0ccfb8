"""Which secrets are served, and what is said of those that are not."""

import subprocess
import sys
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse

from controlplane.base.names import Namespace
from controlplane.model.proxy_view import ConnectedGateway, GatewayInstance
from controlplane.model.tls import KeyPair
from controlplane.queries.inputs.clock import CLOCK
from controlplane.queries.inputs.connected_gateways import CONNECTED
from controlplane.queries.views.views import gateway_view
from tests.support.checked import checked
from tests.support.declared import Declared
from tests.support.pki import DAY, Authority, Leaf, encoded

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROOT = Authority(now=NOW)
SHOP = ROOT.leaf("a.com")
OTHER = ROOT.leaf("b.com")


def gateway(tls: str, host: str = "a.com", namespace: str = "istio-system") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: gw, namespace: {namespace}}}
spec:
  servers:
  - port: {{number: 443, name: https, protocol: HTTPS}}
    hosts: ["{host}"]
    tls: {{{tls}}}
---
"""


def secret(name: str, entries: dict[str, str], namespace: str = "istio-system") -> str:
    lines = "".join(f"  {entry}: {encoded(text)}\n" for entry, text in entries.items())
    return (
        f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
        f"data:\n{lines}---\n"
    )


def pair(leaf: Leaf) -> dict[str, str]:
    return {"tls.crt": leaf.certificate, "tls.key": leaf.key}


def served(declared: Declared) -> dict[str, Secret]:
    found = declared.resources().secrets
    messages = {}
    for name in sorted(found):
        message = Secret()
        sent = DeltaDiscoveryResponse.FromString(found[name].framed)
        sent.resources[0].resource.Unpack(message)
        assert message.name == name
        messages[name] = message
    return messages


def reported(declared: Declared) -> list[str]:
    return sorted({t.split()[0] for t in declared.reported()})


def test_a_certificate_and_key_that_are_swapped_are_one_message() -> None:
    entries = {"tls.crt": SHOP.key, "tls.key": SHOP.certificate}

    declared = Declared(gateway("mode: SIMPLE, credentialName: c") + secret("c", entries), now=NOW)

    [found] = [d for d in declared.diagnostics() if str(d.code).startswith("CP04")]
    assert str(found.code) == "CP0403"
    assert found.message == '"tls.crt" holds the private key and "tls.key" the certificate'
    assert found.hint == "swap the two"


def test_a_certificate_with_the_serial_number_0_is_read_without_a_warning_of_python() -> None:
    script = (
        "import controlplane, warnings\n"
        "from cryptography.utils import CryptographyDeprecationWarning\n"
        "text = 'Parsed a serial number which wasn\\'t positive (i.e., it was negative or zero)'\n"
        "warnings.warn(text, CryptographyDeprecationWarning)\n"
    )

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert run.stderr == b""


SIMPLE = "mode: SIMPLE, credentialName: c"
MUTUAL = "mode: MUTUAL, credentialName: c"


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param(pair(SHOP), id="the usual entries"),
        pytest.param({"cert": SHOP.certificate, "key": SHOP.key}, id="generic entries"),
        pytest.param(
            {"cert": SHOP.certificate, "key": SHOP.key, **pair(OTHER)}, id="generic ones first"
        ),
        pytest.param({"cert": OTHER.certificate, **pair(SHOP)}, id="the first complete pair"),
        pytest.param(
            {
                "tls.crt": "\ufeff" + SHOP.certificate,
                "tls.key": "".join(f"  {line}\n" for line in SHOP.key.splitlines()),
            },
            id="what Envoy does not see past is left out",
        ),
    ],
)
def test_a_certificate_and_its_key_are_found_in_either_form(entries: dict[str, str]) -> None:
    found = served(Declared(gateway(SIMPLE) + secret("c", entries), now=NOW))

    shown = found["kubernetes://c"].tls_certificate
    assert shown.certificate_chain.inline_bytes.decode() == SHOP.certificate
    assert shown.private_key.inline_bytes.decode() == SHOP.key


@pytest.mark.parametrize(
    ("objects", "authority"),
    [
        pytest.param(secret("c", pair(SHOP) | {"ca.crt": ROOT.pem}), ROOT.pem, id="in the secret"),
        pytest.param(
            secret("c", pair(SHOP)) + secret("c-cacert", {"cacert": ROOT.pem}),
            ROOT.pem,
            id="in a secret of its own",
        ),
        pytest.param(
            secret("c", pair(SHOP) | {"ca.crt": ROOT.pem}) + secret("c-cacert", {"x": "y"}),
            None,
            id="a secret of its own without one hides the other",
        ),
        pytest.param(
            secret("c", pair(SHOP) | {"ca.crt": OTHER.certificate, "cacert": ROOT.pem}),
            ROOT.pem,
            id="under the generic name first",
        ),
        pytest.param(secret("c", pair(SHOP)), None, id="nowhere"),
    ],
)
def test_authorities_are_looked_for_in_a_secret_of_their_own_first(
    objects: str, authority: str | None
) -> None:
    declared = Declared(gateway(MUTUAL) + objects, now=NOW)
    found = served(declared)

    assert ("kubernetes://c-cacert" in found) is (authority is not None)
    assert ("CP0402" in reported(declared)) is (authority is None)
    if authority is not None:
        context = found["kubernetes://c-cacert"].validation_context
        assert context.trusted_ca.inline_bytes.decode() == authority


@pytest.mark.parametrize(("authority", "revocation"), [("ca.crt", "ca.crl"), ("cacert", "crl")])
def test_a_revocation_list_goes_with_the_authorities(authority: str, revocation: str) -> None:
    revoked = ROOT.revocation(OTHER)
    entries = pair(SHOP) | {authority: ROOT.pem, revocation: revoked}

    found = served(Declared(gateway(MUTUAL) + secret("c", entries), now=NOW))

    context = found["kubernetes://c-cacert"].validation_context
    assert context.crl.inline_bytes.decode() == revoked


@pytest.mark.parametrize("entry", ["cacert", "ca.crt"])
def test_authorities_may_be_in_a_config_map_of_any_namespace(entry: str) -> None:
    lines = "".join(f"    {line}\n" for line in ROOT.pem.splitlines())
    roots = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: roots, namespace: far}\n"
        f"data:\n  {entry}: |\n{lines}---\n"
    )
    tls = f"{MUTUAL}, caCertCredentialName: 'configmap://far/roots-cacert'"

    found = served(Declared(gateway(tls) + roots + secret("c", pair(SHOP)), now=NOW))

    context = found["configmap://far/roots-cacert"].validation_context
    assert context.trusted_ca.inline_bytes.decode() == ROOT.pem


SMALL = ROOT.leaf("a.com", key=rsa.generate_private_key(65537, 1024))
ODD = ROOT.leaf("a.com", key=ec.generate_private_key(ec.SECP224R1()))
OLD = ROOT.leaf("a.com", valid=(NOW - 9 * DAY, NOW - timedelta(hours=1)))
NEW = ROOT.leaf("a.com", valid=(NOW + timedelta(hours=1), NOW + 9 * DAY))


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        pytest.param({"password": "x"}, "CP0402", id="no certificate"),
        pytest.param({"tls.crt": SHOP.certificate}, "CP0402", id="no key"),
        pytest.param({"tls.crt": "x", "tls.key": SHOP.key}, "CP0403", id="a certificate not PEM"),
        pytest.param({"tls.crt": SHOP.certificate, "tls.key": "x"}, "CP0403", id="a key not PEM"),
        pytest.param(
            {"tls.crt": SHOP.certificate, "tls.key": OTHER.key}, "CP0404", id="another's key"
        ),
        pytest.param(pair(OLD), "CP0405", id="expired"),
        pytest.param(pair(NEW), "CP0406", id="not yet valid"),
        pytest.param(pair(SMALL), "CP0409", id="a key that is too small"),
        pytest.param(pair(ODD), "CP0409", id="a curve that Envoy does not take"),
    ],
)
def test_a_secret_that_envoy_or_clients_would_refuse_is_held_back(
    entries: dict[str, str], code: str
) -> None:
    declared = Declared(
        gateway(SIMPLE)
        + secret("c", entries)
        + gateway("mode: SIMPLE, credentialName: good", host="b.com").replace("gw", "second")
        + secret("good", pair(OTHER)),
        now=NOW,
    )

    assert list(served(declared)) == ["kubernetes://good"]
    assert reported(declared) == [code]
    users = {r.message for note in declared.diagnostics() for r in note.related}
    assert users == {"Gateway istio-system/gw uses it"}


def test_a_staple_goes_with_its_certificate() -> None:
    staple = ROOT.staple(SHOP)
    stapled = f"  tls.ocsp-staple: {b64encode(staple).decode()}\n---\n"
    text = secret("c", pair(SHOP)).replace("---\n", stapled)

    found = served(Declared(gateway(SIMPLE) + text, now=NOW))

    assert found["kubernetes://c"].tls_certificate.ocsp_staple.inline_bytes == staple


def test_a_staple_that_is_no_ocsp_response_is_left_out() -> None:
    entries = pair(SHOP) | {"tls.ocsp-staple": "x"}
    declared = Declared(gateway(SIMPLE) + secret("c", entries), now=NOW)

    assert list(served(declared)) == ["kubernetes://c"]
    assert reported(declared) == ["CP0417"]


@pytest.mark.parametrize(("days", "warned"), [(31, None), (29, 30), (13, 14), (6, 7), (0.5, 1)])
def test_a_certificate_that_ends_soon_is_warned_of_in_steps(
    days: float, warned: int | None
) -> None:
    leaf = ROOT.leaf("a.com", valid=(NOW - DAY, NOW + timedelta(days=days)))
    declared = Declared(gateway(SIMPLE) + secret("c", pair(leaf)), now=NOW)
    served(declared)

    notes = [n for n in declared.diagnostics() if n.code.id == "CP0407"]
    if warned is None:
        assert notes == []
    else:
        unit = "day" if warned == 1 else "days"
        assert [n.message.rpartition("than ")[2] for n in notes] == [f"{warned} {unit}"]
        assert [r.message for r in notes[0].related] == ["Gateway istio-system/gw uses it"]


def test_time_alone_takes_a_certificate_out_of_service() -> None:
    declared = Declared(gateway(SIMPLE) + secret("c", pair(SHOP)), now=NOW)
    assert list(served(declared)) == ["kubernetes://c"]

    declared.graph.edit()
    declared.graph.set(CLOCK, "clock", NOW + 91 * DAY)

    assert list(served(declared)) == []
    assert reported(declared) == ["CP0405"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("c", True),
        ("kubernetes://c", True),
        ("kubernetes://istio-system/c", True),
        ("kubernetes-gateway://istio-system/c", True),
        ("kubernetes-gateway://apps/beside", False),
        ("kubernetes-gateway://c", False),
        ("sds://c", False),
        ("kubernetes://apps/beside", False),
        ("beside", False),
        ("apps/beside", False),
    ],
)
def test_a_proxy_gets_secrets_of_its_own_namespace(name: str, found: bool) -> None:
    declared = Declared(
        gateway(f"mode: SIMPLE, credentialName: '{name}'", namespace="apps")
        + secret("c", pair(SHOP))
        + secret("beside", pair(SHOP), namespace="apps"),
        now=NOW,
    )

    assert bool(served(declared)) is found


def test_certificates_in_files_are_reported_by_their_paths() -> None:
    tls = "mode: MUTUAL, serverCertificate: /c, privateKey: /k, caCertificates: /ca, caCrl: /crl"

    found = served(Declared(gateway(tls), now=NOW))

    shown = found["file-cert:/c~/k"].tls_certificate
    trusted = found["file-root:/ca~/crl"].validation_context
    assert (shown.certificate_chain.filename, shown.private_key.filename) == ("/c", "/k")
    assert (trusted.trusted_ca.filename, trusted.crl.filename) == ("/ca", "/crl")


@pytest.mark.parametrize(
    ("host", "names", "warned"),
    [
        ("a.com", ("a.com",), False),
        ("A.com", ("a.com",), False),
        ("x.a.com", ("*.a.com",), False),
        ("x.y.a.com", ("*.a.com",), True),
        ("*.a.com", ("*.a.com",), False),
        ("*.a.com", ("x.a.com",), True),
        ("*", ("a.com",), False),
        ("b.com", ("a.com",), True),
    ],
)
def test_a_certificate_for_other_hosts_is_warned_of(
    host: str, names: tuple[str, ...], warned: bool
) -> None:
    declared = Declared(gateway(SIMPLE, host=host) + secret("c", pair(ROOT.leaf(*names))), now=NOW)
    served(declared)

    assert ("CP0408" in reported(declared)) is warned


@pytest.mark.parametrize(
    ("objects", "code"),
    [
        pytest.param("", "CP0401", id="nowhere"),
        pytest.param(secret("c", pair(SHOP), namespace="apps"), None, id="beside the Gateway"),
        pytest.param(secret("c", pair(SHOP)), None, id="in the root namespace"),
        pytest.param(secret("c", pair(SHOP), namespace="far"), "CP0416", id="elsewhere"),
    ],
)
def test_without_a_proxy_secrets_are_looked_for_where_one_may_be(
    objects: str, code: str | None
) -> None:
    declared = Declared(gateway(SIMPLE, namespace="apps") + objects, now=NOW)

    assert reported(declared) == ([code] if code else [])


def test_keys_are_never_shown() -> None:
    credential = KeyPair(chain=b"chain", key=b"secret")

    assert "secret" not in repr(credential)
    assert "secret" not in str((credential,))


RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: x, namespace: apps}
spec: {host: x.com, trafficPolicy: {tls: {%s}}}
---
"""


@pytest.mark.parametrize(
    ("tls", "objects", "codes"),
    [
        ("mode: SIMPLE, credentialName: c", "", ["CP0401"]),
        ("mode: MUTUAL, credentialName: c", "", ["CP0401"]),
        ("mode: DISABLE, credentialName: c", "", []),
        ("mode: SIMPLE, credentialName: c", secret("c", {"ca.crt": ROOT.pem}), []),
        ("mode: SIMPLE, credentialName: c", secret("c", pair(SHOP)), ["CP0402"]),
        ("mode: MUTUAL, credentialName: c", secret("c", pair(SHOP)), ["CP0402"]),
        ("mode: MUTUAL, credentialName: c, insecureSkipVerify: true", secret("c", pair(SHOP)), []),
        ("mode: SIMPLE, credentialName: c", secret("c", pair(SHOP), "far"), ["CP0416"]),
    ],
)
def test_secrets_of_a_destination_rule_are_looked_for_where_gateways_are(
    tls: str, objects: str, codes: list[str]
) -> None:
    declared = Declared(RULE % tls + objects, now=NOW)

    assert [code for code in reported(declared) if code.startswith("CP04")] == codes


EDGE = ConnectedGateway(
    namespace=Namespace("edge"),
    labels=(("istio", "edge"),),
    instance=GatewayInstance(),
    view=gateway_view(Namespace("edge")),
)


def test_connected_proxies_say_where_secrets_must_be() -> None:
    declared = Declared(gateway(SIMPLE, namespace="apps") + secret("c", pair(SHOP)), now=NOW)
    declared.graph.edit()
    declared.graph.set(CONNECTED, "gateways", (EDGE,))

    (note,) = declared.diagnostics()
    assert note.code.id == "CP0401"
    assert "does not exist in edge where its proxies are" in note.message


def test_a_service_in_front_says_where_secrets_must_be() -> None:
    in_front = """
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: edge}
spec: {selector: {istio: edge}, ports: [{name: https, port: 443}]}
---
"""
    of_edge = gateway(SIMPLE, namespace="apps").replace(
        "servers:", "selector: {istio: edge}\n  servers:"
    )
    declared = Declared(of_edge + in_front + secret("c", pair(SHOP), "apps"), now=NOW)

    (note,) = declared.diagnostics()
    assert (note.code.id, note.hint) == (
        "CP0416",
        "run the gateway's proxies there, or copy it to edge",
    )


@pytest.mark.parametrize(
    ("first", "second", "reused"),
    [
        ("*.a.com", "two.a.com", True),
        ("one.a.com", "*.a.com", True),
        ("one.a.com", "two.a.com", False),
    ],
)
def test_connections_are_reused_by_the_names_of_certificates(
    first: str, second: str, reused: bool
) -> None:
    one = gateway(SIMPLE, "one.a.com")
    two = gateway("mode: SIMPLE, credentialName: d", "two.a.com").replace("name: gw", "name: two")
    certificates = secret("c", pair(ROOT.leaf(first))) + secret("d", pair(ROOT.leaf(second)))

    assert ("CP0418" in reported(Declared(one + two + certificates, now=NOW))) is reused


def test_a_secret_that_is_named_with_its_namespace_is_missing_there_only() -> None:
    found = checked(gateway("mode: SIMPLE, credentialName: istio-system/c"))

    assert [line for line in found if "CP0401" in line] != []
    assert all("default" not in line for line in found if "CP0401" in line)


def test_a_refused_secret_is_not_missing_wherever_it_is() -> None:
    refused = """\
---
apiVersion: v1
kind: Secret
metadata: {name: c, namespace: istio-system}
data: {tls.crt: "%"}
"""
    found = checked(gateway("mode: SIMPLE, credentialName: c", namespace="apps") + refused)

    assert [line for line in found if "does not exist" in line] == []


def test_a_secret_is_to_be_where_up_runs_the_gateway() -> None:
    named = gateway("mode: SIMPLE, credentialName: c", namespace="apps")

    labelled = checked(named.replace("spec:", "spec:\n  selector: {istio: ingressgateway}"))

    assert any(line.endswith("-> create Secret istio-system/c") for line in labelled)
    assert any(line.endswith("-> create Secret apps/c") for line in checked(named))


def test_a_slip_in_the_name_of_an_entry_is_met_by_the_name_that_was_meant() -> None:
    entries = {"tls.cert": SHOP.certificate, "tls.key": SHOP.key}

    found = checked(gateway(SIMPLE) + secret("c", entries))

    assert [line.rpartition(" -> ")[2] for line in found if "CP0402" in line] == [
        'rename "tls.cert" to "tls.crt"'
    ]
