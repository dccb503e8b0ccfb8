"""What ``token`` issues, writes and revokes."""

import json
import signal
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from controlplane.base.errors import ControlPlaneError
from controlplane.base.names import Namespace
from controlplane.cli.inputs import state_to_issue_from
from controlplane.cli.options import StatePlace
from controlplane.cli.output import complain, say
from controlplane.cli.written_file import write_whole
from controlplane.envoy.bootstrap import token_file
from controlplane.identity.identity import TOKEN_FILE_LIFE
from controlplane.identity.revoked_tokens import revoke
from controlplane.identity.token_keys import kept_token_keys, rotate_token_key
from controlplane.identity.tokens import Tokens, Verified, key_id
from controlplane.model.proxy import Role
from controlplane.sources.state import StateDirectory

ENVOY_FORMS: Final = frozenset({".yaml", ".yml", ".json"})
"""What the names of files end in that Envoy reads secrets from."""
_LOOK: Final = 30.0  # seconds at most between two looks at the clock: a machine may sleep
_RETRY: Final = 10.0  # seconds from a failure to the next attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOrder:
    """What is to be issued, and where it goes: to the file ``out`` of ``mode``, or printed."""

    namespace: Namespace
    service_account: str
    role: Role
    group: str | None
    network: str | None
    hours: int | None
    out: Path | None
    mode: int

    @property
    def life(self) -> timedelta:
        return TOKEN_FILE_LIFE if self.hours is None else timedelta(hours=self.hours)


def issue(order: TokenOrder, state: StatePlace) -> None:
    """Write or print a token, and say its id."""
    token, verified = _issued(order, state_to_issue_from(state), datetime.now(UTC))
    if order.out is None:
        say(token)
    else:
        _write(order.out, token, order.mode)
    _tell(verified, order.out)


def keep_renewed(order: TokenOrder, state: StatePlace) -> None:
    """Write a token to the file, and another one at half of its life, until SIGTERM or SIGINT.

    A failure is reported and tried again: until then the file keeps a token that is still good.
    """
    directory, stop = state_to_issue_from(state), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    assert order.out is not None, "the command demands --out"
    issued: datetime | None = None
    while not stop.is_set():
        now, wait = datetime.now(UTC), _LOOK
        if is_due(issued, now, order.life) or not order.out.exists():
            try:
                token, verified = _issued(order, directory, now)
                _write(order.out, token, order.mode)
            except ControlPlaneError as fault:
                complain(f"error: {fault.message}; the next attempt is in {_RETRY:g} s")
                wait = _RETRY
            else:
                _tell(verified, order.out)
                issued = now
        stop.wait(wait)


def is_due(issued: datetime | None, now: datetime, life: timedelta) -> bool:
    """Whether half of a token's life is over, or its clock was set back."""
    return issued is None or not issued <= now < issued + life / 2


def revoke_token(token_id: str, state: StatePlace) -> None:
    """Refuse the token from now on."""
    directory = state_to_issue_from(state)
    revoke(directory.authority, token_id)
    complain(f"token {token_id} is revoked: a running control plane refuses it within seconds")


def rotate(state: StatePlace) -> None:
    """Sign tokens with a new key from now on."""
    newest, *earlier = rotate_token_key(state_to_issue_from(state).authority)
    complain(f"tokens are signed with key {key_id(newest)} from now on")
    for key in earlier:
        complain(f"those signed with key {key_id(key)} stay good until the next --rotate-key")


def _issued(order: TokenOrder, state: StateDirectory, now: datetime) -> tuple[str, Verified]:
    tokens = Tokens.of(kept_token_keys(state.authority))
    token = tokens.issue(
        order.namespace,
        order.service_account,
        order.role,
        now=now,
        life=order.life,
        group=order.group,
        network=ip_network(order.network) if order.network is not None else None,
    )
    return token, tokens.verify(token, now)


def _write(file: Path, token: str, mode: int) -> None:
    is_for_envoy = file.suffix in ENVOY_FORMS
    text = json.dumps(token_file(token), indent=2) if is_for_envoy else token
    try:
        write_whole(file, f"{text}\n".encode(), mode)
    except OSError as error:
        raise ControlPlaneError(f"{error.filename}: {error.strerror}") from error


def _tell(verified: Verified, file: Path | None) -> None:
    until = f"{verified.expires:%Y-%m-%d %H:%M} UTC"
    where = f" in {file}" if file is not None else ""
    complain(f"token {verified.token_id} of {verified.identity} until {until}{where}")
