"""What becomes of a configuration of an extension that a client refuses, and of the listeners that
name it.

Envoy keeps what it refused, so that it refuses those listeners too, until something else comes.
"""

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings, strategies as st

from controlplane.envoy.resource import TypeUrl
from controlplane.xds.delta import DeltaSession
from controlplane.xds.events import DeltaRequest, Nonce, Output, Send, SotwRequest
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.snapshot import Snapshot
from controlplane.xds.sotw import SotwSession
from tests.support.conversations import (
    delta,
    fresh,
    said,
    sotw,
    synced,
    synced_sotw,
    world,
)
from tests.support.properties import examples

LISTENER, EXTENSION = TypeUrl.LISTENER, TypeUrl.EXTENSION


def refusing(text: str = "a1=x") -> DeltaSession:
    """A session whose client has refused this one, and what it has been sent instead."""
    session = synced(world(1, LDS="l1", ECDS=text), LDS="*")
    session.receive(delta("ECDS", "a"))
    assert said(session.receive(delta("ECDS", nonce="2", error="no file"))) == [
        f"ECDS {text[:2]} rejected: no file",
        f"3 ECDS +a{text[-1]}",
    ]
    return session


def test_a_refused_extension_is_replaced_and_stays_reported() -> None:
    session = refusing()

    assert said(session.receive(delta("ECDS", nonce="3"))) == ["ack 3 ECDS"]
    assert [(r.version, r.error) for r in session.rejections(EXTENSION)] == [("1", "no file")]
    assert session.settled


def test_the_state_of_the_world_is_replaced_too() -> None:
    session = synced_sotw(world(1, LDS="l1", ECDS="a1=x"), LDS="*")
    session.receive(sotw("ECDS", "a"))

    found = session.receive(sotw("ECDS", "a", nonce="2", error="no file"))

    assert said(found) == ["ECDS a1 rejected: no file", "3 ECDS +ax"]
    assert said(session.receive(sotw("ECDS", "a", nonce="3"))) == ["ack 3 ECDS"]
    assert [r.version for r in session.rejections(EXTENSION)] == ["1"]


def test_each_extension_goes_alone_for_envoy_takes_it_unread_the_second_time() -> None:
    session = fresh(world(1, LDS="l1", ECDS="a1=x b1=x"))

    assert said(session.receive(delta("ECDS", "a b"))) == ["1 ECDS +a1", "2 ECDS +b1"]


def test_in_the_state_of_the_world_one_waits_for_the_answer_to_the_other() -> None:
    session = synced_sotw(world(1, LDS="l1", ECDS="a1=x b1=x"), LDS="*")

    assert said(session.receive(sotw("ECDS", "a b"))) == ["2 ECDS +a1"]
    assert said(session.receive(sotw("ECDS", "a b", nonce="2", error="no file"))) == [
        "ECDS a1 rejected: no file",
        "3 ECDS +b1",
    ]
    assert said(session.receive(sotw("ECDS", "a b", nonce="3"))) == ["ack 3 ECDS", "4 ECDS +ax"]


def test_what_a_client_had_before_is_better_than_what_stands_in() -> None:
    session = synced(world(1, LDS="l1", ECDS="a1=x"), LDS="*", ECDS="a")
    session.update(world(2, LDS="l1", ECDS="a2=x"))

    found = said(session.receive(delta("ECDS", nonce="3", error="no file")))

    assert found == ["ECDS a2 rejected: no file", "4 ECDS +a1"]


def test_what_stands_in_is_no_form_to_go_back_to() -> None:
    session = refusing()
    session.receive(delta("ECDS", nonce="3"))
    session.update(world(2, LDS="l1", ECDS="a2=y"))

    found = said(session.receive(delta("ECDS", nonce="4", error="no file")))

    assert found == ["ECDS a2 rejected: no file", "5 ECDS +ay"]


def test_without_any_other_form_the_client_forgets_it() -> None:
    session = synced(world(1, LDS="l1", ECDS="a1"), LDS="*")
    session.receive(delta("ECDS", "a"))

    found = said(session.receive(delta("ECDS", nonce="2", error="bad")))

    assert found == ["ECDS a1 rejected: bad", "3 ECDS -a"]
    session.receive(delta("ECDS", nonce="3"))
    assert [r.version for r in session.rejections(EXTENSION)] == ["1"]


def test_what_is_refused_in_every_form_is_forgotten() -> None:
    session = refusing()

    found = said(session.receive(delta("ECDS", nonce="3", error="bad")))

    assert found == ["ECDS ax rejected: bad", "4 ECDS -a"]


def test_a_form_that_is_good_no_longer_is_not_sent_forever() -> None:
    session = synced(world(1, LDS="l1", ECDS="a1=x"), LDS="*", ECDS="a")
    session.update(world(2, LDS="l1", ECDS="a2=x"))
    session.receive(delta("ECDS", nonce="3", error="no file"))

    found = said(session.receive(delta("ECDS", nonce="4", error="no file")))

    assert found == ["ECDS a1 rejected: no file", "5 ECDS +ax"]


def test_nothing_is_sent_in_place_of_what_is_not_asked_for_any_longer() -> None:
    session = synced(world(1, LDS="l1", ECDS="a1=x"), LDS="*")
    session.receive(delta("ECDS", "a"))
    session.receive(delta("ECDS", unsubscribe="a"))

    found = said(session.receive(delta("ECDS", nonce="2", error="no file")))

    assert found == ["ECDS a1 rejected: no file"]


def test_the_rejection_ends_with_a_form_that_is_accepted() -> None:
    session = refusing()
    session.receive(delta("ECDS", nonce="3"))

    assert said(session.update(world(2, LDS="l1", ECDS="a2=x"))) == ["4 ECDS +a2"]
    session.receive(delta("ECDS", nonce="4"))
    assert session.rejections(EXTENSION) == ()


def test_what_was_refused_is_tried_again_when_it_returns() -> None:
    """The file may be there by then."""
    session = refusing()
    session.receive(delta("ECDS", nonce="3"))
    session.update(world(2, LDS="l1", ECDS="a2=x"))
    session.receive(delta("ECDS", nonce="4"))

    assert said(session.update(world(3, LDS="l1", ECDS="a1=x"))) == ["5 ECDS +a1"]


def test_a_listener_that_was_refused_before_is_offered_again() -> None:
    session = synced(world(1, LDS="l1", ECDS="a1=x"), LDS="*")
    session.receive(delta("ECDS", "a"))
    session.update(world(2, LDS="l2", ECDS="a1=x"))
    session.receive(delta("LDS", nonce="3", error="no file"))

    replaced = said(session.receive(delta("ECDS", nonce="2", error="no file")))
    again = said(session.receive(delta("ECDS", nonce="4")))

    assert replaced == ["ECDS a1 rejected: no file", "4 ECDS +ax"]
    assert again == ["ack 4 ECDS", "5 LDS +l2"]


def test_a_listener_that_is_refused_late_is_offered_again() -> None:
    """Envoy met it before what stands in, and answers types in any order."""
    session = synced(world(1, LDS="l1", ECDS="a1=x"), LDS="*")
    session.receive(delta("ECDS", "a"))
    session.update(world(2, LDS="l2", ECDS="a1=x"))
    session.receive(delta("ECDS", nonce="2", error="no file"))
    session.receive(delta("ECDS", nonce="4"))

    again = said(session.receive(delta("LDS", nonce="3", error="no file")))
    refused = said(session.receive(delta("LDS", nonce="5", error="bad itself")))

    assert again == ["LDS l2 rejected: no file", "5 LDS +l2"]
    assert refused == ["LDS l2 rejected: bad itself"]
    assert session.settled


def test_a_client_that_reconnects_is_offered_what_it_refused() -> None:
    session = fresh(world(1, LDS="l1", ECDS="a1=x"))

    assert said(session.receive(delta("ECDS", "a", held="ax"))) == ["1 ECDS +a1"]
    assert said(session.receive(delta("ECDS", nonce="1", error="no file"))) == [
        "ECDS a1 rejected: no file",
        "2 ECDS +ax",
    ]


def test_what_a_client_has_of_an_earlier_stream_works_on_where_it_is_not_known() -> None:
    session = fresh(world(1, LDS="l1", ECDS="a2=x"))
    session.receive(delta("ECDS", "a", held="a1"))

    found = said(session.receive(delta("ECDS", nonce="1", error="no file")))

    assert found == ["ECDS a2 rejected: no file"]
    assert session.settled


def test_what_a_client_has_of_an_earlier_stream_is_known_where_it_is_as_wanted() -> None:
    session = fresh(world(1, LDS="l1", ECDS="a1=x"))
    session.receive(delta("ECDS", "a", held="a1"))
    session.update(world(2, LDS="l1", ECDS="a2=x"))

    found = said(session.receive(delta("ECDS", nonce="1", error="no file")))

    assert found == ["ECDS a2 rejected: no file", "2 ECDS +a1"]


# Whatever happens in whatever order

REFUSED = "9"
STAND_IN = "x"
NAMES = "ab"


@dataclass
class Client:
    """An Envoy whose listeners all name the extensions ``a`` and ``b``. It takes responses in
    their order; what it says is heard in the order of each type, not of all.
    """

    is_delta: bool
    listeners: dict[str, str] = field(default_factory=dict)
    extensions: dict[str, str] = field(default_factory=dict)
    """What is in force."""
    last: dict[str, str] = field(default_factory=dict)
    """What came last, though it was refused."""
    said: dict[TypeUrl, deque[DeltaRequest | SotwRequest]] = field(default_factory=dict)
    nonces: dict[TypeUrl, Nonce] = field(default_factory=dict)

    def connect(self) -> None:
        self.said = {LISTENER: deque(), EXTENSION: deque()}
        self.nonces.clear()
        self.ask(LISTENER, self.listeners)
        if self.listeners:
            self.ask(EXTENSION, self.extensions)

    def ask(self, kind: TypeUrl, held: dict[str, str]) -> None:
        names = frozenset(NAMES) if kind is EXTENSION else frozenset[str]()
        self.nonces[kind] = Nonce("")
        self.said[kind].append(
            DeltaRequest(type_url=kind, subscribe=names, initial=dict(held))
            if self.is_delta
            else SotwRequest(type_url=kind, names=names, is_reconnect=bool(held))
        )

    def hear(self, send: Send) -> None:
        kind, response = send.type_url, send.response
        put = {resource.name: resource.version for resource in response.resources}
        take = self.take_listener if kind is LISTENER else self.take_extension
        refused = [name for name, version in put.items() if not take(name, version)]
        for name in response.removed:
            self.extensions.pop(name, None)
            self.last.pop(name, None)
        self.nonces[kind] = send.nonce
        error = "bad" if refused else None
        names = frozenset(NAMES) if kind is EXTENSION else frozenset[str]()
        self.said[kind].append(
            DeltaRequest(type_url=kind, nonce=send.nonce, error=error)
            if self.is_delta
            else SotwRequest(type_url=kind, names=names, nonce=send.nonce, error=error)
        )
        if self.listeners and EXTENSION not in self.nonces:
            self.ask(EXTENSION, {})

    def take_listener(self, name: str, version: str) -> bool:
        if self.listeners.get(name) == version:
            return True
        if version == REFUSED or REFUSED in self.last.values():
            return False
        self.listeners[name] = version
        return True

    def take_extension(self, name: str, version: str) -> bool:
        if self.last.get(name) == version:
            return True
        self.last[name] = version
        if version == REFUSED:
            return False
        self.extensions[name] = version
        return True


@dataclass
class Talk:
    client: Client
    wanted: Snapshot
    sent: deque[Send] = field(default_factory=deque)
    session: DeltaSession | SotwSession = field(init=False)
    before: dict[str, str] = field(default_factory=dict)
    """What the client has of an earlier stream, that the server cannot know."""

    def __post_init__(self) -> None:
        self.connect()

    def connect(self) -> None:
        wanted = self.wanted.shelf(EXTENSION)
        known = {(n, v) for n, form in wanted.items() for v in (form.version, STAND_IN)}
        held = self.client.extensions.items() if self.client.is_delta else ()
        self.before = dict(held - known) if held else {}
        kind = DeltaSession if self.client.is_delta else SotwSession
        self.session = kind(ResponseCache(), self.wanted)
        self.sent.clear()
        self.client.connect()

    def take(self, outputs: tuple[Output, ...]) -> None:
        self.sent.extend(output for output in outputs if isinstance(output, Send))

    def server_hears(self, kind: TypeUrl) -> None:
        if self.client.said[kind]:
            request = self.client.said[kind].popleft()
            match request, self.session:
                case DeltaRequest(), DeltaSession() as session:
                    self.take(session.receive(request))
                case SotwRequest(), SotwSession() as session:
                    self.take(session.receive(request))

    def client_hears(self) -> None:
        if self.sent:
            self.client.hear(self.sent.popleft())

    def step(self, step: tuple[str, ...]) -> None:
        match step:
            case ("world", listeners, extensions):
                self.wanted = _world(listeners, extensions)
                self.take(self.session.update(self.wanted))
            case ("server", kind):
                self.server_hears(TypeUrl[kind])
            case ("client",):
                self.client_hears()
            case ("late", kind):
                self.take(self.session.stop_waiting(TypeUrl[kind]))
            case ("reconnect",) if REFUSED not in self.client.last.values():
                # What it refused last it would take unread from the next stream.
                self.connect()

    def drain(self) -> None:
        for _ in range(500):
            if not self.sent and not any(self.client.said.values()) and not self.waited():
                return
            self.server_hears(EXTENSION)
            self.server_hears(LISTENER)
            self.client_hears()
        raise AssertionError("the conversation does not end")

    def waited(self) -> bool:
        """Let the time pass that the server waits for clusters, of which there are none here."""
        waits = self.session.held_back
        for type_url in waits:
            self.take(self.session.send_anyway(type_url))
        return bool(waits)


def _world(listeners: str, extensions: str) -> Snapshot:
    return world(
        1,
        LDS=" ".join(n + v for n, v in zip("klm", f"1{listeners}", strict=True)),
        ECDS=" ".join(f"{n}{v}={STAND_IN}" for n, v in zip(NAMES, extensions, strict=True)),
    )


versions = st.text(st.sampled_from(["1", "2", "3", REFUSED]), min_size=2, max_size=2)
kinds = st.sampled_from([LISTENER.name, EXTENSION.name])
steps = st.one_of(
    st.tuples(st.just("world"), versions, versions),
    st.tuples(st.just("server"), kinds),
    st.just(("client",)),
    st.tuples(st.just("late"), kinds),
    st.just(("reconnect",)),
)


@pytest.mark.parametrize("is_delta", [True, False], ids=["delta", "state of the world"])
@given(happened=st.lists(steps, max_size=40))
@settings(max_examples=examples(300))
def test_whatever_is_refused_the_last_edit_of_each_listener_is_in_force(
    is_delta: bool, happened: list[tuple[str, ...]]
) -> None:
    talk = Talk(Client(is_delta), _world("11", "11"))
    for step in happened:
        talk.step(step)
    talk.drain()

    if any(talk.client.extensions[name] == version for name, version in talk.before.items()):
        return  # what works on cannot be sent again, so that what was refused stays
    for name, resource in talk.wanted.shelf(LISTENER).items():
        if resource.version != REFUSED:
            assert talk.client.listeners.get(name) == resource.version
    reported = {each.name for each in talk.session.rejections(EXTENSION)}
    for name, resource in talk.wanted.shelf(EXTENSION).items():
        if resource.version == REFUSED:
            assert name in reported
            assert name in talk.client.extensions
        else:
            assert talk.client.extensions[name] == resource.version
            assert name not in reported
    assert {each.name for each in talk.session.rejections(LISTENER)} == {
        name for name, found in talk.wanted.shelf(LISTENER).items() if found.version == REFUSED
    }
