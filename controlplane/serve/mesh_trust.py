"""The certificates of workloads: who signs them, whom they trust, when they are renewed.

A change of roots goes in steps (``identity/rotation``), whatever asks for it: the command
``controlplane ca rotate``, or another CA in the Secret ``cacerts``.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from controlplane.admin.view import AuthorityStatus
from controlplane.base.errors import KeyUnusable, StateUnusable
from controlplane.base.names import Namespace, ObjectKey
from controlplane.engine.engine import Engine
from controlplane.envoy.resource import Resource
from controlplane.identity.authority import Authority
from controlplane.identity.identity import Identity
from controlplane.identity.mesh_authority import (
    ANNOUNCED,
    INTERMEDIATE,
    ROOT,
    forget_previous,
    is_due,
    kept_mesh_authority,
    renew_intermediate,
    replace_by_new_root,
    restore_previous,
)
from controlplane.identity.plugged_ca import plugged_in
from controlplane.identity.rotation import (
    Proxies,
    Rotation,
    Step,
    aborted,
    advanced,
    fingerprints,
    steady,
    wanted,
)
from controlplane.identity.rotation_file import (
    ROTATION,
    Command,
    kept_rotation,
    rotation_bytes,
    take_command,
)
from controlplane.identity.workload import WorkloadSecrets
from controlplane.kinds.core.configuration import SECRET
from controlplane.model.proxy import Proxy
from controlplane.serve.settings import Settings
from controlplane.translate.kubernetes.secret_replacement import secret_files
from controlplane.xds.connections import Connections

CA_SECRET: Final = "cacerts"  # Istio's name of the Secret that plugs a CA in

log = structlog.stdlib.get_logger("serve")


class MeshTrust:
    """The mesh's authority and what it vouches for. Raises ``KeyUnusable`` when it cannot."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], datetime],
        on_issued: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._area = settings.state.authority
        self._life = settings.workload_life
        self._own = kept_mesh_authority(self._area, clock())
        self._rotation = self._kept = kept_rotation(self._area)
        self._desired = self._own if self._rotation is None else None
        """What is configured; ``None`` until that is known, or where it cannot be used."""
        self._secrets = WorkloadSecrets(self._own, life=self._life, on_issued=on_issued)
        self._written: dict[str, bytes] = {}
        self._seen: dict[str, datetime] = {}
        self._said = timedelta.max
        if self._rotation is not None:
            self._sign(self._rotation)

    @property
    def root_expires(self) -> datetime:
        """When the first root that is trusted does."""
        trusted = self._rotation.trusted if self._rotation is not None else self._own
        return min(root.not_valid_after_utc for root in trusted.roots)

    @property
    def chain_expires(self) -> datetime:
        """When the first certificate that leads from a workload's to a root does."""
        signer = self._rotation.signer if self._rotation is not None else self._own
        return min(c.not_valid_after_utc for c in (signer.certificate, *signer.chain))

    def status(self) -> AuthorityStatus:
        rotation = self._decided()
        return AuthorityStatus(
            step=rotation.step.value,
            since=rotation.since,
            until=rotation.until,
            waits_for=tuple(sorted(rotation.waits_for)),
            is_plugged_in=self._is_plugged_in(),
            root_expires=self.root_expires,
        )

    def own_secrets(self, proxy: Proxy, _: object = None) -> Mapping[str, Resource]:
        """A proxy's own certificate and the roots that it trusts; these alone where none can be
        signed.
        """
        self._decided()
        try:
            return self._secrets.secrets(self._identity(proxy), self._clock()).resources
        except KeyUnusable as fault:
            log.error("certificate_not_signed", proxy=proxy.name, reason=fault.message)
            return self._secrets.trusted

    async def renew(self, proxies: Iterable[Proxy]) -> None:
        """Renew what is due of the connected ``proxies``, a part of it in each turn of the loop."""
        in_use = dict.fromkeys(map(self._identity, proxies))
        while self._secrets.renew(in_use, self._clock()):
            await asyncio.sleep(0)
        self._secrets.forget_expired(self._clock(), in_use)

    def plug_in(self, engine: Engine, connections: Connections) -> None:
        """Sign workload certificates with the CA of the Secret ``cacerts``, where there is a valid
        one, else with the mesh's own. Where there is one that is not valid, nothing changes.
        """
        root = Namespace(self._settings.mesh.root_namespace)
        name = f"{root}/{CA_SECRET}"
        secret = engine.object(ObjectKey(SECRET, root, CA_SECRET))
        if secret is None:
            self._desired = self._own
        else:
            try:
                desired = plugged_in(secret_files(secret.spec), self._clock())
            except KeyUnusable as fault:
                log.error("ca_not_plugged_in", secret=name, reason=fault.message, hint=fault.hint)
                return
            if desired != self._desired:
                self._say_plugged_in(name, desired)
            self._desired = desired
        with suppress(StateUnusable):  # it is tried again by ``advance``
            self._want(connections)
            self._keep(self._decided())

    def advance(self, connections: Connections) -> Mapping[str, bytes]:
        """Do what a command asks, renew the mesh's own intermediate, and go to the next step where
        this one is over; gives the files that changed.
        """
        with suppress(StateUnusable):  # which the keeper of the directory reports: at the next turn
            self._obey()
            self._renew_intermediate()
            self._want(connections)
            settle, now = min(self._settings.rotation_settles, self._life), self._clock()
            proxies = self._proxies(connections)
            self._take(advanced(self._decided(), proxies, now, self._life, settle))
            self._keep(self._decided())
        written, self._written = self._written, {}
        return written

    def _decided(self) -> Rotation:
        """Where it stands. What is configured at the first start is in use without any steps."""
        if self._rotation is None:
            self._rotation = steady(self._desired or self._own, self._clock())
            self._sign(self._rotation)
        return self._rotation

    def _is_plugged_in(self) -> bool:
        configured = self._desired or self._decided().signer
        return fingerprints(configured) != fingerprints(self._own)

    def _want(self, connections: Connections) -> None:
        rotation, now = self._decided(), self._clock()
        if self._desired is not None and self._desired != rotation.signer:
            proxies = self._proxies(connections)
            self._take(wanted(rotation, self._desired, proxies, now, self._life))

    def _take(self, rotation: Rotation) -> None:
        """This is how it stands from now on, once it is kept. ``StateUnusable``."""
        before = self._decided()
        if rotation == before:
            return
        self._keep(rotation)
        self._rotation = rotation
        self._sign(rotation)
        if rotation.step is not before.step:
            self._say(rotation)
            if rotation.step is Step.STEADY:
                forget_previous(self._area)

    def _keep(self, rotation: Rotation) -> None:
        if rotation != self._kept:
            content = rotation_bytes(rotation)
            self._area.replace(ROTATION, content)
            self._kept = rotation
            self._written[ROTATION] = content

    def _sign(self, rotation: Rotation) -> None:
        self._secrets.sign_with(rotation.signer, rotation.trusted)

    def _say(self, rotation: Rotation) -> None:
        signer = rotation.signer.certificate.subject.rfc4514_string()
        roots = len(rotation.trusted.roots)
        log.info("ca_rotation", step=rotation.step.value, signer=signer, roots=roots)

    def _say_plugged_in(self, name: str, authority: Authority) -> None:
        kept = self._rotation
        if kept is not None and kept.declined == fingerprints(authority):
            hint = "its rotation was aborted; controlplane ca rotate begins it again"
            log.error("ca_not_plugged_in", secret=name, reason="declined", hint=hint)
        else:
            log.info("ca_plugged_in", secret=name)

    def _obey(self) -> None:
        command = take_command(self._area)
        if command is Command.ABORT:
            self._abort()
        elif command is Command.ROTATE:
            self._rotate()

    def _rotate(self) -> None:
        rotation = self._decided()
        if rotation.step is not Step.STEADY:
            log.error("ca_not_rotated", reason="a change of roots is under way")
        elif self._desired is not None and rotation.declined == fingerprints(self._desired):
            self._take(replace(rotation, declined=()))
        elif self._is_plugged_in():
            log.error("ca_not_rotated", reason=f'the CA is plugged in: change "{CA_SECRET}"')
        else:
            self._own_is(replace_by_new_root(self._area, self._clock()))

    def _abort(self) -> None:
        rotation = self._decided()
        coming = rotation.coming
        if coming is None or rotation.declined == fingerprints(rotation.current):
            log.error("ca_not_aborted", reason="no change of roots is under way, or it goes back")
            return
        if fingerprints(coming) == fingerprints(self._own):
            restored = restore_previous(self._area)
            if restored is not None:
                self._own_is(restored)
        self._take(aborted(rotation, self._clock(), self._life))

    def _own_is(self, authority: Authority) -> None:
        if not self._is_plugged_in():
            self._desired = authority
        self._own = authority
        self._written[INTERMEDIATE] = self._area.content(INTERMEDIATE) or b""

    def _renew_intermediate(self) -> None:
        """Renew the mesh's own intermediate authority when half of its life is over, or say how
        long it lasts where its root is elsewhere.
        """
        now = self._clock()
        if not is_due(self._own, now):
            return
        renewed = renew_intermediate(self._area, self._own, now)
        if renewed is None:
            self._announce_end(self._own.certificate.not_valid_after_utc - now)
            return
        self._own_is(renewed)
        end = renewed.certificate.not_valid_after_utc
        log.info("intermediate_renewed", until=f"{end:%Y-%m-%d}")

    def _announce_end(self, left: timedelta) -> None:
        due = next((time for time in ANNOUNCED if left <= time), timedelta.max)
        if due < self._said:
            hint = f"put {ROOT} back into {self._area.path}: it signs a new one"
            log.error("intermediate_not_renewed", days_left=left.days, hint=hint)
        self._said = due

    def _proxies(self, connections: Connections) -> Proxies:
        """What is known of the proxies now; those that left stay known for the life of a leaf. What
        they have acknowledged is asked only where a change of roots waits for it.
        """
        now, waits = self._clock(), self._decided().coming is not None
        connected = frozenset(map(_key, connections.proxies))
        self._seen |= dict.fromkeys(connected, now)
        self._seen = {key: at for key, at in self._seen.items() if at + self._life > now}
        return Proxies(
            connected=connected,
            lacking=frozenset(map(_key, connections.lacking(self.own_secrets) if waits else ())),
            away=self._seen.keys() - connected,
        )

    def _identity(self, proxy: Proxy) -> Identity:
        return Identity(
            trust_domain=self._settings.mesh.trust_domain,
            namespace=proxy.namespace,
            service_account=proxy.service_account,
            role=proxy.role,
        )


def _key(proxy: Proxy) -> str:
    """What a proxy is known by while it is away."""
    return f"{proxy.namespace}/{proxy.name} {proxy.addresses[0]}"
