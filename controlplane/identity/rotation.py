"""A change of the mesh's roots goes in steps, so that at no time two workloads refuse each other.

========= ===================== ================ ==================================================
step      roots that are sent   leaves signed by goes on when
========= ===================== ================ ==================================================
steady    the current ones      the current one
announced both                  the current one  every connected proxy has both and a minute is
                                                 over; proxies that are away: after a leaf's life
switched  both                  the coming one   every connected proxy has a new leaf, and the last
                                                 old one is over
========= ===================== ================ ==================================================

After that the coming authority is the current one. No step changes roots and leaves at once. Each
is reversible: back from ``announced`` nothing of the new root is signed; back from ``switched`` is
``switched`` to the authority before.
"""

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256

from controlplane.identity.authority import Authority
from controlplane.identity.chains import path_to_root

SETTLE: Final = timedelta(minutes=1)
"""What a step lasts at least: an Envoy acknowledges roots before all its threads use them."""


class Step(Enum):
    STEADY = "steady"
    ANNOUNCED = "announced"
    SWITCHED = "switched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Which authority is trusted and which signs, and what a step waits for."""

    step: Step
    current: Authority
    """Whose roots are in use: all there is in ``STEADY``."""
    coming: Authority | None = None
    since: datetime
    until: datetime | None = None
    """When nothing of before the step can be in use any more."""
    waits_for: frozenset[str] = frozenset()
    """Proxies that may not have the roots, or the leaf, of the step."""
    declined: tuple[bytes, ...] = ()
    """Fingerprints of plugged-in roots that were aborted, which do not come by themselves again."""

    @property
    def signer(self) -> Authority:
        coming = self.coming if self.step is Step.SWITCHED else None
        return coming or self.current

    @property
    def trusted(self) -> Authority:
        """An authority with all roots that are sent. Revocation lists are sent only where all roots
        have some: Envoy would refuse the others.
        """
        if self.coming is None:
            return self.current
        roots = dict.fromkeys((*self.current.roots, *self.coming.roots))
        has_lists = bool(self.current.revoked and self.coming.revoked)
        both = dict.fromkeys((self.current.revoked, self.coming.revoked))
        return replace(
            self.current, roots=tuple(roots), revoked=b"".join(both) if has_lists else b""
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """What is known of them when a step may be over."""

    connected: Set[str]
    lacking: Set[str]
    """The connected ones that have not acknowledged their roots and leaf as they are now."""
    away: Set[str] = frozenset()
    """Those that left within the life of a leaf, and may serve with what they have."""


def steady(authority: Authority, now: datetime) -> Rotation:
    return Rotation(step=Step.STEADY, current=authority, since=now)


def fingerprints(authority: Authority) -> tuple[bytes, ...]:
    """What its roots are known by."""
    return tuple(sorted(root.fingerprint(SHA256()) for root in authority.roots))


def wanted(
    rotation: Rotation, desired: Authority, proxies: Proxies, now: datetime, life: timedelta
) -> Rotation:
    """``desired`` is configured to sign: what is to be done about that now. ``life``: of a leaf."""
    if fingerprints(desired) == rotation.declined:
        return rotation
    coming = rotation.coming
    if coming is None:
        if is_direct(rotation.current, desired):
            return replace(rotation, current=desired)
        return _announced(rotation, desired, proxies, now, life)
    if fingerprints(desired) == fingerprints(coming):
        return replace(rotation, coming=desired)
    if rotation.step is Step.ANNOUNCED:
        if is_direct(rotation.current, desired):
            return replace(steady(desired, now), declined=rotation.declined)
        return _announced(rotation, desired, proxies, now, life)
    if fingerprints(desired) == fingerprints(rotation.current):
        return _switched(replace(rotation, current=coming, coming=desired), now, life)
    return rotation  # a third one: this change is brought to its end before


def advanced(
    rotation: Rotation,
    proxies: Proxies,
    now: datetime,
    life: timedelta,
    settle: timedelta = SETTLE,
) -> Rotation:
    """What follows from time and from what ``proxies`` acknowledged."""
    if rotation.step is Step.STEADY or rotation.coming is None or rotation.until is None:
        return rotation
    is_over, has_settled = now >= rotation.until, now >= rotation.since + settle
    away = rotation.waits_for - proxies.connected
    waits_for = frozenset(proxies.lacking) | (frozenset() if is_over else away)
    if rotation.step is Step.ANNOUNCED and has_settled and not waits_for:
        return _switched(rotation, now, life)
    if rotation.step is Step.SWITCHED and has_settled and is_over and not waits_for:
        return replace(steady(rotation.coming, now), declined=rotation.declined)
    return rotation if waits_for == rotation.waits_for else replace(rotation, waits_for=waits_for)


def aborted(rotation: Rotation, now: datetime, life: timedelta) -> Rotation:
    """Back to the authority before; the one that was coming does not come by itself again."""
    if rotation.coming is None:
        return rotation
    back = replace(rotation, declined=fingerprints(rotation.coming))
    if rotation.step is Step.ANNOUNCED:
        return replace(steady(rotation.current, now), declined=back.declined)
    return _switched(replace(back, current=rotation.coming, coming=rotation.current), now, life)


def is_direct(current: Authority, desired: Authority) -> bool:
    """Whether ``desired`` may sign at once: no root goes, and all proxies trust the one that it
    leads to.
    """
    return set(current.roots) <= set(desired.roots) and bool(
        path_to_root(desired.certificate, desired.chain, current.roots)
    )


def _announced(
    rotation: Rotation, desired: Authority, proxies: Proxies, now: datetime, life: timedelta
) -> Rotation:
    return replace(
        rotation,
        step=Step.ANNOUNCED,
        coming=desired,
        since=now,
        until=now + life,
        waits_for=frozenset(proxies.connected | proxies.away),
    )


def _switched(rotation: Rotation, now: datetime, life: timedelta) -> Rotation:
    return replace(rotation, step=Step.SWITCHED, since=now, until=now + life, waits_for=frozenset())
