"""How long the types of one stream have waited, for an answer or for their turn to be sent.

A client may answer late or never: Envoy withholds the answer to clusters while one of them warms.
So every wait has an end, and a client that does not answer holds back its own stream only, and
that for one limit. Times are seconds of a monotonic clock.
"""

from typing import Final

from controlplane.envoy.resource import TypeUrl
from controlplane.xds.events import Nonce, Output
from controlplane.xds.session import Session

WAIT_LIMIT: Final = 1.0  # seconds


class Deadlines:
    """Both kinds of waits of one session, as far as it was given every event of it."""

    __slots__ = ("_answers", "_limit", "_turns")

    def __init__(self, limit: float = WAIT_LIMIT) -> None:
        self._limit = limit
        self._answers: dict[TypeUrl, tuple[Nonce, float]] = {}
        self._turns: dict[TypeUrl, float] = {}

    def note(self, session: Session, outputs: tuple[Output, ...], now: float) -> None:
        """An event of ``session`` had these outputs."""
        for output in outputs:
            type_url = output.type_url
            nonce = session.awaits(type_url)
            if nonce is None:
                self._answers.pop(type_url, None)
            elif type_url not in self._answers or self._answers[type_url][0] != nonce:
                self._answers[type_url] = (nonce, now)
        held_back = session.held_back
        if held_back or self._turns:
            self._turns = {t: self._turns.get(t, now) for t in held_back}

    def answered_late(self, session: Session, now: float) -> tuple[TypeUrl, ...]:
        """The types whose answer is overdue, and was waited for until now."""
        return tuple(
            type_url
            for type_url, (_, since) in self._answers.items()
            if now - since >= self._limit and not session.is_overdue(type_url)
        )

    def held_back_too_long(self, now: float) -> tuple[TypeUrl, ...]:
        """The types that have waited their turn long enough; each is named once per limit."""
        late = tuple(t for t, since in self._turns.items() if now - since >= self._limit)
        for type_url in late:
            self._turns[type_url] = now
        return late

    def next(self, session: Session) -> float | None:
        """When to look again; ``None`` while nothing waits."""
        starts = [s for t, (_, s) in self._answers.items() if not session.is_overdue(t)]
        starts.extend(self._turns.values())
        return min(starts) + self._limit if starts else None

    def unanswered_since(self, type_url: TypeUrl) -> float | None:
        """Since when the oldest unanswered response of a type is on its way."""
        found = self._answers.get(type_url)
        return found[1] if found is not None else None
