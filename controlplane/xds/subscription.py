"""What one stream knows of one type: what the client asked for, was sent and refused."""

import re
from collections import deque
from dataclasses import dataclass
from dataclasses import field
from typing import Final

from controlplane.base.shelf import Shelf
from controlplane.envoy.resource import Resource
from controlplane.envoy.resource import TypeUrl
from controlplane.xds.events import Nonce
from controlplane.xds.events import Rejected
from controlplane.xds.response import Response
from controlplane.xds.response_cache import Names
from controlplane.xds.snapshot import NOTHING

NO_NONCE: Final = Nonce("")
NO_NAMES: Final[Names] = frozenset()
UNANSWERED_LIMIT: Final = (
    128  # un-ACKed responses that are still told apart when the client is slow
)
BISECTION_WIDTH: Final = 64  # a refused response is sent again in up to so many parts
VERSIONS_LIMIT: Final = 16  # refused versions of one resource that are remembered

WILDCARD_BY_SILENCE: Final = frozenset({TypeUrl.CLUSTER, TypeUrl.LISTENER})
"""A first request without names asks for everything of these types, and for nothing of the others.

Source: xDS protocol, "How the client specifies what resources to return".
"""


@dataclass(slots=True)
class PendingResponse:
    """A response on its way."""

    response: Response
    awaited: bool
    is_bisection: bool


@dataclass(slots=True)
class Held:
    """A resource of which the client refused ``versions``; it is held at ``good``, or absent.

    ``now`` is the refusal in force: until another form is acknowledged or the resource is gone.
    """

    good: Resource | None
    versions: dict[str, str] = field(default_factory=dict)
    now: Rejected | None = None

    def refuse(self, rejection: Rejected) -> None:
        if len(self.versions) >= VERSIONS_LIMIT:
            self.versions.pop(next(iter(self.versions)))
        self.versions[rejection.version] = rejection.error
        self.now = rejection


@dataclass(slots=True)
class SubscriptionState:
    """The account of one type on one stream.

    ``target`` is what the client is to have.
    Whatever is in scope was sent to the client as it is in ``sent``, but for what is ``held`` or
    ``suspended``; ``acked`` is the last of these that it answered completely. ``must_answer``
    names are answered whatever their version. ``owed_endpoints`` are endpoints of clusters that
    were sent before any endpoints were asked for. ``pending_removal`` is what the client still has
    and what is to be removed once nothing refers to it. ``owes_empty_response``: an answer is due
    though it is empty.
    """

    type_url: TypeUrl
    target: Shelf[Resource] = NOTHING
    asked: bool = False
    wildcard: bool = False
    named: bool = False
    names: Names = NO_NAMES
    sent: Shelf[Resource] = NOTHING
    acked: Shelf[Resource] = NOTHING
    must_answer: Names = NO_NAMES
    owed_endpoints: Names = NO_NAMES
    owes_empty_response: bool = False
    pending_removal: dict[str, Resource | None] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    suspended: dict[str, Resource | None] = field(default_factory=dict)
    bisection: deque[Names] = field(default_factory=deque)
    unanswered: dict[Nonce, PendingResponse] = field(default_factory=dict)
    last: Nonce = NO_NONCE
    waits_for_ack: bool = True

    @property
    def scope(self) -> Names | None:
        """The names that are subscribed; ``None`` is everything."""
        return None if self.wildcard else self.names

    def covers(self, name: str) -> bool:
        return self.wildcard or name in self.names

    @property
    def is_stirred(self) -> bool:
        """Whether anything happened since the last response that may need another one."""
        return self.asked and bool(
            self.sent is not self.target or self.must_answer or self.owes_empty_response
        )

    @property
    def awaiting(self) -> int:
        """How many responses must be answered before the next generation is sent."""
        return (
            sum(pending.awaited for pending in self.unanswered.values()) if self.unanswered else 0
        )

    @property
    def busy(self) -> bool:
        return bool(self.bisection) or self.awaiting > 0

    @property
    def is_bisecting(self) -> bool:
        """Whether the culprit of a refused response is being looked for."""
        return bool(self.bisection) or any(
            pending.is_bisection for pending in self.unanswered.values()
        )

    @property
    def rejections(self) -> tuple[Rejected, ...]:
        """What is refused now, by name."""
        if not self.held:
            return ()
        return tuple(held.now for _, held in sorted(self.held.items()) if held.now is not None)

    def depart(self, nonce: Nonce, pending: PendingResponse) -> None:
        if len(self.unanswered) >= UNANSWERED_LIMIT:
            self.unanswered.pop(next(iter(self.unanswered)))
        self.unanswered[nonce] = pending
        self.last = nonce

    def stop_waiting(self) -> None:
        """Wait no longer for what is on its way; its answers are still understood."""
        for pending in self.unanswered.values():
            pending.awaited = False
        self.waits_for_ack = False

    def form(self, name: str, resource: Resource | None) -> Resource | None:
        """What this client takes instead of ``resource``, mostly that itself."""
        if name in self.suspended:
            return self.suspended[name]
        held = self.held.get(name)
        if resource is not None and held is not None and resource.version in held.versions:
            return held.good
        return resource

    def holds(self, name: str, base: Shelf[Resource]) -> bool:
        """Whether ``base`` has a form of ``name`` that was refused; then it is reported as such."""
        resource, held = base.get(name), self.held.get(name)
        if resource is None or held is None or resource.version not in held.versions:
            return False
        error = held.versions[resource.version]
        held.now = Rejected(self.type_url, name, resource.version, error)
        return True

    def good(self, name: str) -> Resource | None:
        """The last form of ``name`` that the client took, as far as this stream knows."""
        held = self.held.get(name)
        return held.good if held is not None else self.acked.get(name)

    def accept(self, response: Response) -> None:
        """The client took ``response``: what it holds by these names is good.

        A refusal ends with that, but not when the good form was only said again.
        """
        for resource in response.resources if self.held else ():
            held = self.held.get(resource.name)
            if held is not None and resource.name in response.fresh:
                held.good = resource
                wanted = self.sent.get(resource.name)
                if wanted is None or wanted.version == resource.version:
                    held.now = None

    def refuse(self, resource: Resource, error: str) -> Rejected:
        """The client refused this one resource: hold it at its last good form."""
        good = self.good(resource.name)
        if good is not None and good.version == resource.version:
            good = None  # it was only now subscribed to: the client never had it
        held = self.held.setdefault(resource.name, Held(good))
        rejection = Rejected(self.type_url, resource.name, resource.version, error)
        held.refuse(rejection)
        return rejection

    def leave(self, name: str, resource: Resource | None) -> None:
        """``name`` is gone from the mesh; the client has it until it is removed."""
        self.pending_removal[name] = resource
        if (held := self.held.get(name)) is not None:
            held.good, held.now = None, None


def bisection_groups(suspects: Names, error: str) -> tuple[Names, ...]:
    """The suspects of a refused response in groups to send again; whom the error names goes first.

    Listeners and clusters are named by Envoy, routes, endpoints and secrets are not. Up to
    ``BISECTION_WIDTH`` suspects go one by one; more are divided and, when refused, divided again.
    """
    named = sorted(name for name in suspects if name in error and _is_named(name, error))
    rest = sorted(suspects.difference(named))
    step = -(-len(rest) // BISECTION_WIDTH) or 1
    groups = [frozenset(rest[i : i + step]) for i in range(0, len(rest), step)]
    return (*(frozenset((name,)) for name in named), *groups)


def _is_named(name: str, error: str) -> bool:
    """Whether ``error`` has ``name`` as a word of its own, not as a part of a longer name."""
    return re.search(rf"(?<![\w.|-]){re.escape(name)}(?![\w|-])", error) is not None
