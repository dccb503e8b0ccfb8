"""The mesh's own authority, which signs workloads: a root of ten years, and an intermediate of one
year that the root signs.

Only the intermediate is needed to run. The root is there to renew it at half of its life, and its
file may be moved to a safer place until then; without it the end of the intermediate is announced.
"""

import secrets
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from controlplane.base.errors import KeyUnusable
from controlplane.identity.authority import Authority, ca_certificate
from controlplane.identity.pem import certificates_of, check_pair, key_of, key_pem, new_key
from controlplane.sources.state import Area

ROOT: Final = "ca.root.pem"
"""The root and its key."""
PREVIOUS_ROOT: Final = "ca.root.previous.pem"
PREVIOUS_INTERMEDIATE: Final = "ca.mesh.previous.pem"
"""What was there before, while a rotation can be aborted."""
INTERMEDIATE: Final = "ca.mesh.pem"
"""The intermediate, its key, and the root's certificate."""
ROOT_LIFE: Final = timedelta(days=3650)  # Istio's self-signed root lives as long
INTERMEDIATE_LIFE: Final = timedelta(days=365)
ANNOUNCED: Final = tuple(timedelta(days=days) for days in (1, 7, 14, 30))
"""How long before its end the intermediate is reported, where it cannot be renewed."""


def kept_mesh_authority(area: Area, now: datetime) -> Authority:
    """The authority of the state directory, made first when there is none. ``KeyUnusable`` where it
    has expired and the root that could renew it is elsewhere.
    """
    content = area.made_once(INTERMEDIATE, lambda: _new_intermediate(_kept_root(area, now), now))
    authority = intermediate_of(content, area)
    if now < authority.certificate.not_valid_after_utc:
        return authority
    renewed = renew_intermediate(area, authority, now)
    if renewed is None:
        end = authority.certificate.not_valid_after_utc
        raise KeyUnusable(
            f"the mesh's intermediate authority in {area.path} expired on {end:%Y-%m-%d}",
            hint=f"put {ROOT} back for the start: it signs a new one",
        )
    return renewed


def is_due(authority: Authority, now: datetime) -> bool:
    """Whether half of an intermediate's life is over."""
    certificate = authority.certificate
    half = (certificate.not_valid_after_utc - certificate.not_valid_before_utc) / 2
    return now >= certificate.not_valid_before_utc + half


def renew_intermediate(area: Area, authority: Authority, now: datetime) -> Authority | None:
    """Replace the intermediate by one with a new key; ``None`` where its root is elsewhere."""
    content = area.content(ROOT)
    if content is None:
        return None
    root = root_of(content, area)
    if root.certificate not in authority.roots or now >= root.certificate.not_valid_after_utc:
        return None
    made = _new_intermediate(root, now)
    area.replace(INTERMEDIATE, made)
    return intermediate_of(made, area)


def replace_by_new_root(area: Area, now: datetime) -> Authority:
    """Put a new root and its intermediate in place of those that are there, which are kept until
    ``forget_previous``.
    """
    area.rename(ROOT, PREVIOUS_ROOT)
    area.rename(INTERMEDIATE, PREVIOUS_INTERMEDIATE)
    blob = _new_root(now)
    area.replace(ROOT, blob)
    made = _new_intermediate(root_of(blob, area), now)
    area.replace(INTERMEDIATE, made)
    return intermediate_of(made, area)


def restore_previous(area: Area) -> Authority | None:
    """Undo ``replace_by_new_root``; ``None`` where there is nothing to undo."""
    content = area.content(PREVIOUS_INTERMEDIATE)
    if content is None:
        return None
    area.remove(ROOT)
    area.rename(PREVIOUS_ROOT, ROOT)
    area.rename(PREVIOUS_INTERMEDIATE, INTERMEDIATE)
    return intermediate_of(content, area)


def forget_previous(area: Area) -> None:
    area.remove(PREVIOUS_ROOT)
    area.remove(PREVIOUS_INTERMEDIATE)


def root_of(blob: bytes, area: Area) -> Authority:
    """The root in ``blob``, the content of its file in ``area``."""
    what = str(area.path / ROOT)
    certificate, key = certificates_of(blob, what)[0], key_of(blob, what)
    check_pair(certificate, key, what)
    return Authority(certificate=certificate, key=key, roots=(certificate,))


def intermediate_of(blob: bytes, area: Area) -> Authority:
    """The authority in ``blob``, the content of the intermediate's file in ``area``."""
    what = str(area.path / INTERMEDIATE)
    certificate, *roots = certificates_of(blob, what)
    key = key_of(blob, what)
    check_pair(certificate, key, what)
    if not roots:
        raise KeyUnusable(f"{what} lacks the certificate of its root", hint=f"it is in {ROOT}")
    return Authority(certificate=certificate, key=key, chain=(certificate,), roots=tuple(roots))


def _kept_root(area: Area, now: datetime) -> Authority:
    return root_of(area.made_once(ROOT, lambda: _new_root(now)), area)


def _new_root(now: datetime) -> bytes:
    """Roots differ in their names: clients find the one that signed by its name."""
    key, name = new_key(), f"controlplane mesh root {secrets.token_hex(4)}"
    certificate = ca_certificate(name, key, None, path_length=1, now=now, life=ROOT_LIFE)
    return certificate.public_bytes(Encoding.PEM) + key_pem(key)


def _new_intermediate(root: Authority, now: datetime) -> bytes:
    key, name = new_key(), f"controlplane mesh intermediate {secrets.token_hex(4)}"
    certificate = ca_certificate(name, key, root, path_length=0, now=now, life=INTERMEDIATE_LIFE)
    return certificate.public_bytes(Encoding.PEM) + key_pem(key) + root.trust_bundle
