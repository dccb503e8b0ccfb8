"""Certificates and the Envoy secrets that carry them."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse
from structlog.testing import capture_logs

from controlplane.base.errors import KeyUnusable
from controlplane.base.names import Namespace
from controlplane.envoy.resource import Resource
from controlplane.identity.authority import Authority, kept_authority
from controlplane.identity.certificates import (
    Credential,
    client_credential,
    new_rsa_key,
    server_credential,
    workload_credential,
    xds_credential,
)
from controlplane.identity.identity import Identity
from controlplane.identity.workload import WorkloadSecrets
from controlplane.model.proxy import Role
from controlplane.sources.state import StateDirectory

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CART = Identity(
    trust_domain="cluster.local",
    namespace=Namespace("shop"),
    service_account="cart",
    role=Role.SIDECAR,
)


def workload(number: int) -> Identity:
    return replace(CART, service_account=f"cart-{number}")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return kept_authority(StateDirectory.opened(tmp_path / "state").authority, NOW)


def leaf(credential: Credential) -> x509.Certificate:
    return x509.load_pem_x509_certificates(credential.chain)[0]


def names(credential: Credential) -> list[str]:
    extension = leaf(credential).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(name.value) for name in extension.value]


def secret(resource: Resource) -> Secret:
    [wrapped] = DeltaDiscoveryResponse.FromString(resource.framed).resources
    message = Secret()
    assert wrapped.resource.Unpack(message)
    return message


def test_a_workloads_only_name_is_its_spiffe_id(authority: Authority) -> None:
    credential = workload_credential(authority, CART, NOW)

    assert names(credential) == ["spiffe://cluster.local/ns/shop/sa/cart"]
    assert leaf(credential).subject.rfc4514_string() == ""
    assert leaf(credential).not_valid_before_utc == datetime(2026, 3, 1, 11, 58, tzinfo=UTC)
    assert leaf(credential).not_valid_after_utc == datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("life", [timedelta(seconds=60), timedelta(hours=24)])
def test_a_workloads_certificate_is_renewed_at_about_half(
    authority: Authority, life: timedelta
) -> None:
    issued = [workload_credential(authority, workload(i), NOW, life) for i in range(50)]
    after = sorted((credential.renew_at - NOW) / life for credential in issued)

    assert 0.45 <= after[0] < 0.47
    assert 0.53 < after[-1] <= 0.55
    assert issued[0].renew_at == workload_credential(authority, workload(0), NOW, life).renew_at


def test_a_servers_certificate_is_renewed_after_two_thirds(authority: Authority) -> None:
    credential = xds_credential(authority, [], NOW, timedelta(hours=3))

    assert credential.renew_at == datetime(2026, 3, 1, 14, 0, tzinfo=UTC)


def test_no_certificate_outlives_its_authority(authority: Authority) -> None:
    almost = datetime(2036, 2, 27, 11, 59, 50, tzinfo=UTC)

    credential = workload_credential(authority, CART, almost)

    assert credential.not_after == datetime(2036, 2, 27, 12, 0, tzinfo=UTC)
    assert credential.renew_at > almost
    with pytest.raises(KeyUnusable, match="the authority expired on 2036-02-27"):
        workload_credential(authority, CART, almost + DAY)


def test_the_xds_server_is_known_by_its_own_name_and_by_its_hosts(authority: Authority) -> None:
    credential = xds_credential(authority, ["controlplane", "10.0.0.7", "localhost"], NOW)

    assert names(credential) == [
        "xds.controlplane.internal",
        "localhost",
        "127.0.0.1",
        "::1",
        "controlplane",
        "10.0.0.7",
    ]


def test_a_server_certificate_verifies(authority: Authority) -> None:
    credential = server_credential(authority, ["shop.example.com", "*.shop.example.com"], NOW, DAY)

    verifier = (
        PolicyBuilder()
        .store(Store(list(authority.roots)))
        .time(NOW)
        .build_server_verifier(x509.DNSName("api.shop.example.com"))
    )
    assert verifier.verify(leaf(credential), []) == [leaf(credential), authority.certificate]


def test_a_client_certificate_is_for_clients(authority: Authority) -> None:
    credential = client_credential(authority, ["ada"], NOW, DAY)

    verifier = PolicyBuilder().store(Store(list(authority.roots))).time(NOW).build_client_verifier()
    assert verifier.verify(leaf(credential), []).subjects == [x509.DNSName("ada")]


def test_an_rsa_key_serves_old_clients(authority: Authority) -> None:
    credential = server_credential(authority, ["a.example"], NOW, DAY, new_rsa_key())

    assert load_pem_private_key(credential.key, None).public_key() == leaf(credential).public_key()


@pytest.mark.parametrize("name", ["", "a b", "a..b", "-a", "a" * 64, "*", "*.*.com", "ä.example"])
def test_what_is_no_name_is_reported(authority: Authority, name: str) -> None:
    with pytest.raises(ValueError, match="is no host name, IP address or URI"):
        server_credential(authority, [name], NOW, DAY)


def test_a_long_name_is_no_common_name(authority: Authority) -> None:
    long = ".".join(["abcdefghij"] * 7)

    credential = server_credential(authority, [long], NOW, DAY)

    assert names(credential) == [long]


def test_python_serves_with_what_is_issued(authority: Authority, tmp_path: Path) -> None:
    credential = xds_credential(authority, [], NOW)
    pem = tmp_path / "server.pem"
    pem.write_bytes(credential.key + credential.chain)

    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pem)


def test_a_proxys_secrets_are_its_certificate_and_whom_it_trusts(authority: Authority) -> None:
    secrets = WorkloadSecrets(authority).secrets(CART, NOW).resources

    assert sorted(secrets) == ["ROOTCA", "default"]
    certificate = secret(secrets["default"]).tls_certificate
    own = x509.load_pem_x509_certificate(certificate.certificate_chain.inline_bytes)
    key = load_pem_private_key(certificate.private_key.inline_bytes, None)
    assert key.public_key() == own.public_key()
    trusted = secret(secrets["ROOTCA"]).validation_context.trusted_ca.inline_bytes
    assert trusted == authority.trust_bundle


def test_secrets_stay_until_their_renewal_and_then_change(authority: Authority) -> None:
    workload = WorkloadSecrets(authority)
    first = workload.secrets(CART, NOW)

    workload.renew([CART], NOW + timedelta(hours=10))
    assert workload.secrets(CART, NOW + timedelta(hours=10)) is first
    workload.renew([CART], NOW + timedelta(hours=14))
    second = workload.secrets(CART, NOW + timedelta(hours=14))
    assert second.resources["default"] != first.resources["default"]
    assert second.resources["ROOTCA"] == first.resources["ROOTCA"]


def test_secrets_that_are_over_are_made_anew_when_asked_for(authority: Authority) -> None:
    workload = WorkloadSecrets(authority)
    first = workload.secrets(CART, NOW)

    assert workload.secrets(CART, NOW + timedelta(hours=23)) is first
    assert workload.secrets(CART, NOW + timedelta(hours=24)).credential.is_valid(
        NOW + timedelta(hours=25)
    )


def test_renewals_are_made_a_hundred_at_a_time(authority: Authority) -> None:
    secrets = WorkloadSecrets(authority)
    used = [workload(i) for i in range(250)]
    before = [secrets.secrets(who, NOW) for who in used]
    later = NOW + timedelta(hours=14)

    def renewed() -> int:
        now = [secrets.secrets(who, later) for who in used]
        return sum(a is not b for a, b in zip(before, now, strict=True))

    assert secrets.renew(used, later)
    assert renewed() == 100
    assert secrets.renew(used, later)
    assert renewed() == 200
    assert not secrets.renew(used, later)
    assert renewed() == 250


def test_who_is_not_connected_gets_no_new_certificate(authority: Authority) -> None:
    secrets = WorkloadSecrets(authority)
    first = secrets.secrets(CART, NOW)

    secrets.renew([workload(1)], NOW + timedelta(hours=14))

    assert secrets.secrets(CART, NOW + timedelta(hours=14)) is first
    assert repr(secrets) == "WorkloadSecrets(1 identities)"


def test_a_certificate_that_cannot_be_renewed_stays_and_is_reported_once(
    authority: Authority,
) -> None:
    end = datetime(2036, 2, 27, 12, 0, tzinfo=UTC)
    secrets = WorkloadSecrets(authority, life=timedelta(minutes=2))
    first = secrets.secrets(CART, end - timedelta(minutes=1))

    with capture_logs() as logs:
        for _ in range(3):
            secrets.renew([CART], end)

    assert secrets.secrets(CART, end - timedelta(seconds=1)) is first
    (said,) = logs
    assert (said["event"], said["reason"]) == (
        "certificates_not_renewed",
        "the authority expired on 2036-02-27",
    )


def test_another_authority_is_trusted_at_once_and_signs_what_is_renewed(
    authority: Authority, tmp_path: Path
) -> None:
    other = kept_authority(StateDirectory.opened(tmp_path / "other").authority, NOW)
    secrets = WorkloadSecrets(authority)
    first = secrets.secrets(CART, NOW)

    secrets.sign_with(authority)
    assert secrets.secrets(CART, NOW) is first
    secrets.sign_with(other)
    then = secrets.secrets(CART, NOW).resources
    assert then["ROOTCA"] != first.resources["ROOTCA"]
    assert then["default"] == first.resources["default"]
    assert secrets.lacking([CART, workload(1)]) == {CART}
    secrets.renew([CART], NOW)
    assert secrets.secrets(CART, NOW).resources["default"] != first.resources["default"]
    assert secrets.lacking([CART]) == frozenset()


def test_no_key_is_ever_shown(authority: Authority) -> None:
    credential = workload_credential(authority, CART, NOW)
    workload = WorkloadSecrets(authority)
    secrets = workload.secrets(CART, NOW)

    for thing in (authority, credential, workload, secrets, secrets.resources["default"]):
        assert "PRIVATE" not in repr(thing)
        assert "PRIVATE" not in str(thing)
        assert repr(authority.key) not in repr(thing)
