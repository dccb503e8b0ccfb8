"""The Secrets that are in use: what is in them, until when, who uses them, what is wrong."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

from controlplane.admin.tls import Certificate, SecretInUse, TlsProblem
from controlplane.admin.view import DeclaredObject
from controlplane.base.codes import (
    CERTIFICATE_NAME_MISMATCH,
    SECRET_IN_OTHER_NAMESPACE,
    UNKNOWN_SECRET,
)
from controlplane.base.diagnostics import Diagnostic, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.engine.engine import Engine
from controlplane.kinds.core.configuration import CONFIG_MAP, SECRET, Secret
from controlplane.kinds.object import Object
from controlplane.queries.registry.credentials import users_of
from controlplane.tls.certificate import certificates
from controlplane.translate.kubernetes.secret import WARNED_DAYS, key_pair, trust

_OF_TLS: Final = "CP04"  # the codes of TLS and secrets
_ELSEWHERE: Final = frozenset(
    (UNKNOWN_SECRET, CERTIFICATE_NAME_MISMATCH, SECRET_IN_OTHER_NAMESPACE)
)
_STEPS: Final = (timedelta(0), *(timedelta(days=days) for days in WARNED_DAYS))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contents:
    """What is or was valid in an object: a leaf, authorities, or both."""

    certificate: Certificate | None
    authorities: tuple[Certificate, ...]

    @property
    def decisive(self) -> Certificate | None:
        """The certificate without which the object is of no use: the leaf, or else the authority
        that lasts longest.
        """
        if self.certificate is not None:
            return self.certificate
        return max(self.authorities, key=lambda authority: authority.ends, default=None)


class Inventory:
    """Reads the objects that are in use; remembers what it read of those that stay the same."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read: dict[ObjectKey, tuple[Object[Any], _Contents]] = {}

    def in_use(self) -> tuple[SecretInUse, ...]:
        """Sorted by namespace and name; complete when ``engine.analyse`` has nothing left to do."""
        problems: dict[ObjectKey, list[str]] = {}
        for place, diagnostic in self._of_tls():
            problems.setdefault(place.object, []).append(_problem(diagnostic))
        return tuple(
            SecretInUse(
                declared=declared(self._engine, secret.key),
                certificate=contents.certificate,
                authorities=contents.authorities,
                users=tuple(declared(self._engine, user) for user in users),
                problems=tuple(problems.get(secret.key, ())),
            )
            for secret, users, contents in self._used()
        )

    def problems(self) -> tuple[TlsProblem, ...]:
        """What is wrong with TLS elsewhere than in the Secrets in use."""
        used = {secret.key for secret, _, _ in self._used()}
        return tuple(
            TlsProblem(declared=declared_at(self._engine, place), problem=_problem(diagnostic))
            for place, diagnostic in self._of_tls()
            if place.object not in used and diagnostic.code in _ELSEWHERE
        )

    def _of_tls(self) -> Iterator[tuple[FieldRef, Diagnostic]]:
        for diagnostic in self._engine.diagnostics():
            if isinstance(diagnostic.place, FieldRef) and diagnostic.code.id.startswith(_OF_TLS):
                yield diagnostic.place, diagnostic

    def expiries(self) -> tuple[tuple[ObjectKey, datetime], ...]:
        """When each object in use expires."""
        decisive = ((secret.key, contents.decisive) for secret, _, contents in self._used())
        return tuple((key, found.ends) for key, found in decisive if found is not None)

    def next_change(self, after: datetime) -> datetime | None:
        """When a certificate becomes valid, expires, or comes close enough to its end to be
        reported.
        """
        held_back = map(_contents, self._engine.held_back())
        moments = (
            moment
            for contents in chain((contents for _, _, contents in self._used()), held_back)
            for found in (contents.certificate, *contents.authorities)
            if found is not None
            for moment in (found.begins, *(found.ends - step for step in _STEPS))
        )
        return min((moment for moment in moments if moment > after), default=None)

    def _used(self) -> Iterator[tuple[Object[Any], tuple[ObjectKey, ...], _Contents]]:
        engine = self._engine
        found = chain(engine.objects(SECRET), engine.objects(CONFIG_MAP))
        read, self._read = self._read, {}
        for secret in sorted(found, key=lambda object_: object_.key):
            users = (related.place for related in users_of(engine.graph, secret.name))
            keys = dict.fromkeys(place.object for place in users if isinstance(place, FieldRef))
            if keys:
                known = read.get(secret.key)
                if known is None or known[0] is not secret:
                    known = (secret, _contents(secret))
                self._read[secret.key] = known
                yield secret, tuple(keys), known[1]


def _problem(diagnostic: Diagnostic) -> str:
    note = f" ({diagnostic.note})" if diagnostic.note else ""
    return f"{diagnostic.code}: {diagnostic.message}{note}"


def declared(engine: Engine, key: ObjectKey) -> DeclaredObject:
    return declared_at(engine, FieldRef(key))


def declared_at(engine: Engine, place: FieldRef) -> DeclaredObject:
    """The object of ``place``, and the line that the place is in."""
    location = engine.location(place)
    return DeclaredObject(
        object=str(place.object),
        path=str(location.path) if location else "",
        line=location.line if location else 0,
    )


def _contents(secret: Object[Any]) -> _Contents:
    pair = key_pair(Report(), secret) if isinstance(secret.spec, Secret) else None
    authorities = trust(Report(), secret)
    return _Contents(
        certificate=certificates(pair.credential.chain)[0] if pair is not None else None,
        authorities=certificates(authorities.credential.authorities) if authorities else (),
    )
