"""The state of a rotation in the state directory, with the keys of both authorities: a control
plane that restarts goes on where it was.
"""

from datetime import datetime
from enum import Enum
from typing import Final

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding

from controlplane.base.errors import KeyLost
from controlplane.identity.authority import Authority
from controlplane.identity.pem import certificates_of, check_pair, key_of, key_pem
from controlplane.identity.rotation import Rotation, Step
from controlplane.sources.state import Area

ROTATION: Final = "rotation.json"
COMMAND: Final = "rotation-command"


class Command(Enum):
    """What ``controlplane ca`` asks of the control plane that runs."""

    ROTATE = "rotate"
    ABORT = "abort"


class _Authority(msgspec.Struct, frozen=True, kw_only=True):
    """All as PEM."""

    certificate: str
    key: str
    chain: str
    roots: str
    revoked: str


class _Rotation(msgspec.Struct, frozen=True, kw_only=True):
    step: Step
    current: _Authority
    coming: _Authority | None
    since: datetime
    until: datetime | None
    waits_for: tuple[str, ...]
    declined: tuple[str, ...]
    """In hexadecimal."""


def kept_rotation(area: Area) -> Rotation | None:
    """What the file says; ``None`` when there is none."""
    content = area.content(ROTATION)
    return None if content is None else rotation_of(content, area)


def rotation_of(content: bytes, area: Area) -> Rotation:
    """The rotation in ``content``, that of its file in ``area``; ``KeyLost`` when it cannot be
    read.
    """
    what = str(area.path / ROTATION)
    try:
        read = msgspec.json.decode(content, type=_Rotation)
        declined = tuple(bytes.fromhex(one) for one in read.declined)
    except (msgspec.MsgspecError, ValueError):
        raise KeyLost(
            f"{what} cannot be read", hint="put back a copy of it, or delete it"
        ) from None
    return Rotation(
        step=read.step,
        current=_authority(read.current, what),
        coming=_authority(read.coming, what) if read.coming is not None else None,
        since=read.since,
        until=read.until,
        waits_for=frozenset(read.waits_for),
        declined=declined,
    )


def rotation_bytes(rotation: Rotation) -> bytes:
    """What ``rotation_of`` reads."""
    return msgspec.json.encode(
        _Rotation(
            step=rotation.step,
            current=_pem(rotation.current),
            coming=_pem(rotation.coming) if rotation.coming is not None else None,
            since=rotation.since,
            until=rotation.until,
            waits_for=tuple(sorted(rotation.waits_for)),
            declined=tuple(one.hex() for one in rotation.declined),
        )
    )


def take_command(area: Area) -> Command | None:
    """The command that waits, which is then gone; ``None`` when there is none."""
    content = area.content(COMMAND)
    if content is None:
        return None
    area.remove(COMMAND)
    try:
        return Command(content.decode(errors="replace").strip())
    except ValueError:
        return None


def _pem(authority: Authority) -> _Authority:
    certificate = authority.certificate.public_bytes(Encoding.PEM)
    chain = b"".join(one.public_bytes(Encoding.PEM) for one in authority.chain)
    return _Authority(
        certificate=certificate.decode(),
        key=key_pem(authority.key).decode(),
        chain=chain.decode(),
        roots=authority.trust_bundle.decode(),
        revoked=authority.revoked.decode(),
    )


def _authority(read: _Authority, what: str) -> Authority:
    certificate = certificates_of(read.certificate.encode(), what)[0]
    key = key_of(read.key.encode(), what)
    check_pair(certificate, key, what)
    return Authority(
        certificate=certificate,
        key=key,
        chain=certificates_of(read.chain.encode(), what) if read.chain else (),
        roots=certificates_of(read.roots.encode(), what),
        revoked=read.revoked.encode(),
    )
