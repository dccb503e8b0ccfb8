"""What is registered, over a restart."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.base.names import Namespace
from controlplane.model.proxy import Locality, Role
from controlplane.model.registration import Claim, Registered, WorkloadId
from controlplane.sources.registered_file import keep_registered, kept_registered
from controlplane.sources.state import StateDirectory

CART = Registered(
    claim=Claim(
        id=WorkloadId(namespace=Namespace("shop"), group="cart", address="fd00::7", is_proven=True),
        service_account="cart",
        role=Role.SIDECAR,
        peer="fd00::7",
        locality=Locality("west", "a"),
    ),
    since=datetime(2026, 11, 30, 12, 0, 1, 500_000, tzinfo=UTC),
    is_connected=True,
    is_present=True,
    is_healthy=False,
    order=7,
)


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory.opened(tmp_path / "state")


def test_what_is_kept_is_found(state: StateDirectory) -> None:
    keep_registered(state, (CART,))

    assert kept_registered(state) == (CART,)
    assert (state.path / "registered.json").stat().st_mode & 0o777 == 0o600


def test_an_address_that_is_none_is_left_out(state: StateDirectory) -> None:
    broken = replace(CART, claim=replace(CART.claim, id=replace(CART.claim.id, address="here")))
    keep_registered(state, (broken, CART))

    assert kept_registered(state) == (CART,)


def test_a_new_directory_has_nobody(state: StateDirectory) -> None:
    assert kept_registered(state) == ()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[1]", b'[{"claim": {}}]', b"null"],
    ids=["empty", "cut off", "no text", "no workload", "lacking", "nothing"],
)
def test_a_broken_file_costs_what_is_in_it(
    state: StateDirectory, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (state.path / "registered.json").write_bytes(content)

    assert kept_registered(state) == ()
    assert "registered_unreadable" in capsys.readouterr().out


def test_a_folder_in_place_of_the_file_costs_nothing_else(state: StateDirectory) -> None:
    (state.path / "registered.json").mkdir()

    assert kept_registered(state) == ()
