"""What ``controlplane token`` changes in the state directory of a control plane that runs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from controlplane.base.addresses import Address
from controlplane.base.errors import TokenRefused
from controlplane.base.names import Namespace
from controlplane.identity.revoked_tokens import revoke
from controlplane.identity.token_keys import kept_token_keys, rotate_token_key
from controlplane.identity.tokens import Tokens
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Role
from controlplane.serve.control_plane import ControlPlane
from controlplane.serve.settings import Settings
from controlplane.sources.state import StateDirectory

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LOOPBACK = Address(host="127.0.0.1", port=0)


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    settings = Settings(
        config=(tmp_path,),
        xds=LOOPBACK,
        admin=LOOPBACK,
        state=StateDirectory.opened(tmp_path / "state"),
        mesh=MeshConfig(),
        environment={},
    )
    plane = ControlPlane(settings, lambda: NOW, lambda _: None)
    yield plane
    plane._accepted.close()


def issued(plane: ControlPlane) -> str:
    tokens = Tokens.of(kept_token_keys(plane.settings.state.authority))
    return tokens.issue(Namespace("shop"), "cart", Role.SIDECAR, now=NOW)


def account(plane: ControlPlane, token: str) -> str:
    bearer = plane._authenticate({"authorization": f"Bearer {token}"})
    assert bearer is not None
    return bearer.identity.service_account


def refusal(plane: ControlPlane, token: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        account(plane, token)
    return refused.value.message


async def test_a_revoked_token_is_refused_at_once_and_ends_its_stream(plane: ControlPlane) -> None:
    token = issued(plane)
    bearer = plane._authenticate({"authorization": f"Bearer {token}"})
    assert bearer is not None
    assert bearer.fault(NOW) is None

    revoke(plane.settings.state.authority, bearer.token_id)
    with capture_logs() as logs:
        await plane.look_after_state()

    assert refusal(plane, token) == f"the token {bearer.token_id} is revoked"
    assert bearer.fault(NOW) is not None
    assert [entry["event"] for entry in logs] == ["token_revoked"]
    assert account(plane, issued(plane)) == "cart"


async def test_a_rotated_key_is_used_without_a_restart(plane: ControlPlane) -> None:
    before = issued(plane)
    rotate_token_key(plane.settings.state.authority)
    with capture_logs() as logs:
        await plane.look_after_state()
        await plane.look_after_state()

    assert account(plane, before) == account(plane, issued(plane)) == "cart"
    assert [entry["event"] for entry in logs] == ["token_key_rotated"]


async def test_a_key_that_does_not_follow_its_own_is_left_alone(
    plane: ControlPlane, tmp_path: Path
) -> None:
    before = issued(plane)
    other = StateDirectory.opened(tmp_path / "other").authority
    kept_token_keys(other)
    foreign = other.content("token-key.pem")
    assert foreign is not None
    plane.settings.state.authority.replace("token-key.pem", foreign)
    with capture_logs() as logs:
        await plane.look_after_state()

    assert account(plane, before) == "cart"
    assert refusal(plane, issued(plane)) == "the token is signed by another control plane's key"
    assert [entry["event"] for entry in logs] == ["state_unusable"]
