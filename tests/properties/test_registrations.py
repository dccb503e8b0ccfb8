"""Laws of registration over random sequences of what may happen."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import given, settings, strategies as st

from controlplane.base.names import Namespace
from controlplane.engine.registrations import GRACE, Registrations
from controlplane.model.proxy import Role
from controlplane.model.registration import Claim, Registered, WorkloadId
from tests.support.properties import examples

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
CLAIMS = [
    Claim(
        id=WorkloadId(
            namespace=Namespace("shop"), group=group, address=address, is_proven=is_proven
        ),
        service_account="default",
        role=Role.SIDECAR,
        peer=address if is_proven else "192.0.2.1",
    )
    for group in ("cart", "stock")
    for address, is_proven in (("10.0.0.1", True), ("10.0.0.2", False), ("127.0.0.1", True))
]
WHICH = st.integers(0, len(CLAIMS) - 1)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(("join", "announce", "healthy", "unhealthy")), WHICH),
        st.tuples(st.sampled_from(("leave", "dismiss", "leave other")), st.integers(0, 7)),
        st.tuples(st.just("join other"), st.integers(0, 2)),
        st.tuples(st.just("wait"), st.sampled_from((0.5, 2.0, 5.0, 10.0, 15.0))),
        st.tuples(st.just("settle"), st.just(0)),
    ),
    max_size=40,
)


@dataclass
class World:
    """What a mesh of proxies did, and what a reader of changes knows of it."""

    registrations: Registrations = field(default_factory=Registrations)
    now: float = 0.0
    streams: dict[int, tuple[Claim, bool]] = field(default_factory=dict)
    """Open streams, and whether the leave of their workload was announced."""
    others: dict[int, str] = field(default_factory=dict)
    ended: dict[WorkloadId, float] = field(default_factory=dict)
    known: dict[WorkloadId, Registered] = field(default_factory=dict)
    opened: int = 0

    def happen(self, what: str, which: float) -> None:
        number = int(which)
        match what:
            case "join":
                self.opened += 1
                self.streams[self.opened] = (CLAIMS[number], False)
                self.registrations.join(self.opened, CLAIMS[number], NOON)
            case "join other":
                self.opened += 1
                self.others[self.opened] = f"gateway-{number}"
                self.registrations.join_other(self.opened, self.others[self.opened])
            case "leave" if self.streams:
                stream = sorted(self.streams)[number % len(self.streams)]
                claim, _ = self.streams.pop(stream)
                self.ended[claim.id] = self.now
                self.registrations.leave(stream, self.now)
            case "dismiss" if self.streams:
                stream = sorted(self.streams)[number % len(self.streams)]
                claim, _ = self.streams.pop(stream)
                self.ended[claim.id] = self.now
                self.registrations.dismiss(stream, self.now)
            case "leave other" if self.others:
                stream = sorted(self.others)[number % len(self.others)]
                self.registrations.leave_other(stream, self.others.pop(stream), self.now)
            case "announce":
                id_ = CLAIMS[number].id
                self.registrations.announce_leave(id_)
                for stream, (claim, _) in self.streams.items():
                    if claim.id == id_:
                        self.streams[stream] = (claim, True)
            case "healthy" | "unhealthy":
                self.registrations.found(CLAIMS[number].id, is_healthy=what == "healthy")
            case "wait":
                self.now += which
                self.settle()
            case "settle":
                self.settle()

    def settle(self) -> None:
        for id_ in self.registrations.settle(self.now):
            found = self.registrations.get(id_)
            if found is None:
                self.known.pop(id_, None)
            else:
                self.known[id_] = found

    @property
    def live(self) -> set[WorkloadId]:
        return {claim.id for claim, is_announced in self.streams.values() if not is_announced}


def lived(events: list[tuple[str, float]]) -> World:
    world = World()
    for what, which in events:
        world.happen(what, which)
    world.settle()
    return world


@settings(max_examples=examples(300))
@given(EVENTS)
def test_a_workload_with_a_stream_is_registered_and_ready(events: list[tuple[str, float]]) -> None:
    world = lived(events)

    found = {r.claim.id for r in world.registrations if r.is_connected and r.is_present}

    assert found == world.live


@settings(max_examples=examples(300))
@given(EVENTS)
def test_who_reads_the_changes_knows_everything(events: list[tuple[str, float]]) -> None:
    world = lived(events)

    assert sorted(world.known) == [r.claim.id for r in world.registrations]
    for found in world.registrations:
        before = world.known[found.claim.id]
        assert (before.is_present, before.is_healthy) == (found.is_present, found.is_healthy)


@settings(max_examples=examples(200))
@given(EVENTS)
def test_nothing_outlives_its_grace(events: list[tuple[str, float]]) -> None:
    world = lived(events)

    for found in world.registrations:
        assert found.is_connected or world.now - world.ended[found.claim.id] < GRACE
    world.happen("wait", GRACE)
    assert {r.claim.id for r in world.registrations} == world.live


@settings(max_examples=examples(200))
@given(EVENTS)
def test_whoever_waits_until_it_is_due_misses_no_removal(events: list[tuple[str, float]]) -> None:
    world = lived(events)
    waiting = {r.claim.id for r in world.registrations if not r.is_connected}

    for _ in range(100):
        due = world.registrations.due
        if due is None:
            break
        assert due > world.now, "what was due is done"
        world.now = due
        world.settle()

    assert not waiting & {r.claim.id for r in world.registrations}


@settings(max_examples=examples(200))
@given(EVENTS)
def test_a_restart_keeps_who_is_registered_and_ready(events: list[tuple[str, float]]) -> None:
    before = lived(events).registrations

    after = Registrations(tuple(before), now=1_000.0)

    def kept(registrations: Registrations) -> list[tuple[Claim, datetime, bool, bool | None]]:
        return [(r.claim, r.since, r.is_present, r.is_healthy) for r in registrations]

    assert kept(after) == kept(before)


@settings(max_examples=examples(200))
@given(EVENTS, WHICH)
def test_an_address_that_is_proven_to_be_anothers_is_nobody_elses(
    events: list[tuple[str, float]], which: int
) -> None:
    world = lived(events)
    world.happen("join", which)
    world.settle()
    newcomer = CLAIMS[which]

    if newcomer.id.is_proven and newcomer.id.address != "127.0.0.1":
        others = [
            r for r in world.registrations.at(newcomer.id.address) if r.claim.id != newcomer.id
        ]
        assert all(r.is_connected for r in others)
