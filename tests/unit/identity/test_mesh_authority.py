"""The mesh's own authority: a root, and the intermediate that signs workloads."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from controlplane.base.errors import KeyUnusable
from controlplane.base.names import Namespace
from controlplane.identity.authority import Authority, kept_authority
from controlplane.identity.certificates import workload_credential
from controlplane.identity.identity import Identity
from controlplane.identity.mesh_authority import (
    is_due,
    kept_mesh_authority,
    renew_intermediate,
    replace_by_new_root,
)
from controlplane.model.proxy import Role
from controlplane.sources.state import Area, StateDirectory

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CART = Identity(
    trust_domain="cluster.local",
    namespace=Namespace("shop"),
    service_account="cart",
    role=Role.SIDECAR,
)


@pytest.fixture
def area(tmp_path: Path) -> Area:
    return StateDirectory.opened(tmp_path / "state").authority


def length(certificate: x509.Certificate) -> int | None:
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    return constraints.path_length if constraints.ca else None


def verifies(authority: Authority, roots: tuple[x509.Certificate, ...], now: datetime) -> bool:
    """Whether a workload's certificate of ``authority`` leads to ``roots``."""
    leaf, *chain = x509.load_pem_x509_certificates(workload_credential(authority, CART, now).chain)
    verifier = PolicyBuilder().store(Store(list(roots))).time(now).build_client_verifier()
    try:
        return bool(verifier.verify(leaf, chain).chain)
    except x509.verification.VerificationError:
        return False


def test_an_intermediate_of_a_year_signs_and_a_root_of_ten_years_is_trusted(area: Area) -> None:
    authority = kept_mesh_authority(area, NOW)
    (root,) = authority.roots

    assert (length(authority.certificate), length(root)) == (0, 1)
    assert authority.certificate.not_valid_after_utc == NOW + 365 * DAY
    assert root.not_valid_after_utc == NOW + 3650 * DAY
    assert authority.chain == (authority.certificate,)
    assert verifies(authority, (root,), NOW)


def test_it_is_another_authority_than_that_of_bootstraps(area: Area) -> None:
    assert kept_mesh_authority(area, NOW).roots != kept_authority(area, NOW).roots


def test_it_is_made_once_and_kept(area: Area) -> None:
    assert kept_mesh_authority(area, NOW) == kept_mesh_authority(area, NOW + 100 * DAY)


def test_the_root_is_not_needed_to_run(area: Area) -> None:
    authority = kept_mesh_authority(area, NOW)
    (area.path / "ca.root.pem").unlink()

    assert kept_mesh_authority(area, NOW + 300 * DAY) == authority
    assert not (area.path / "ca.root.pem").exists()


def test_the_intermediate_is_renewed_at_half_by_the_same_root(area: Area) -> None:
    first = kept_mesh_authority(area, NOW)
    later = NOW + 183 * DAY

    assert not is_due(first, NOW + 182 * DAY)
    assert is_due(first, later)
    renewed = renew_intermediate(area, first, later)

    assert renewed is not None
    assert renewed.roots == first.roots
    assert renewed.certificate.public_key() != first.certificate.public_key()
    assert verifies(renewed, first.roots, later)
    assert kept_mesh_authority(area, later) == renewed


def test_without_its_root_it_is_not_renewed(area: Area) -> None:
    first = kept_mesh_authority(area, NOW)
    (area.path / "ca.root.pem").rename(area.path / "elsewhere")

    assert renew_intermediate(area, first, NOW + 183 * DAY) is None
    with pytest.raises(KeyUnusable, match="expired on 2027-03-01") as refused:
        kept_mesh_authority(area, NOW + 366 * DAY)
    assert refused.value.hint == "put ca.root.pem back for the start: it signs a new one"


def test_another_root_does_not_renew_it(area: Area, tmp_path: Path) -> None:
    first = kept_mesh_authority(area, NOW)
    other = StateDirectory.opened(tmp_path / "other").authority
    kept_mesh_authority(other, NOW)
    area.replace("ca.root.pem", other.content("ca.root.pem") or b"")

    assert renew_intermediate(area, first, NOW + 183 * DAY) is None


def test_one_that_expired_while_nobody_served_is_renewed_at_the_start(area: Area) -> None:
    first = kept_mesh_authority(area, NOW)

    renewed = kept_mesh_authority(area, NOW + 400 * DAY)

    assert renewed.roots == first.roots
    assert verifies(renewed, first.roots, NOW + 400 * DAY)


def test_a_new_root_has_another_name_and_does_not_verify_the_old(area: Area) -> None:
    first = kept_mesh_authority(area, NOW)
    second = replace_by_new_root(area, NOW)

    assert second.roots[0].subject != first.roots[0].subject
    assert kept_mesh_authority(area, NOW) == second
    assert not verifies(first, second.roots, NOW)
    assert verifies(first, (*second.roots, *first.roots), NOW)


def test_an_intermediate_does_not_outlive_its_root(area: Area) -> None:
    first = kept_mesh_authority(area, NOW)
    almost = NOW + 3640 * DAY

    renewed = renew_intermediate(area, first, almost)

    assert renewed is not None
    assert renewed.certificate.not_valid_after_utc == NOW + 3650 * DAY
    assert renew_intermediate(area, renewed, NOW + 3650 * DAY) is None


@pytest.mark.parametrize("name", ["ca.root.pem", "ca.mesh.pem"])
def test_the_keys_are_private(area: Area, name: str) -> None:
    authority = kept_mesh_authority(area, NOW)

    assert (area.path / name).stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in repr(authority)
