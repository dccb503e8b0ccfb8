"""Whatever happens in whatever order, a client ends up with what the snapshot says.

The client is a model of Envoy: it takes messages in order, warms changed clusters until their
endpoints come, withholds the answer to clusters as long, refuses some forms, applies refused
messages in part or not at all, reconnects at any time and then says what it has.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import given, settings, strategies as st

from controlplane.envoy.resource import TypeUrl
from controlplane.xds.delta import DeltaSession
from controlplane.xds.events import DeltaRequest, Nonce, Output, Rejected, Send, SotwRequest
from controlplane.xds.order import PUSH_ORDER
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.snapshot import Snapshot, snapshot
from controlplane.xds.sotw import SotwSession
from tests.support.conversations import form
from tests.support.properties import examples

CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET, *_ = PUSH_ORDER
NAMES = "abcd"
REFUSED = "9"  # no client takes a resource of this version
ABSENT = "-"

Step = tuple[str, ...]
World = dict[TypeUrl, dict[str, str]]


@dataclass
class Client:
    """An Envoy, as far as the protocol goes. ``have`` is the version of each name it knows."""

    partial: bool
    have: World = field(default_factory=lambda: {kind: {} for kind in PUSH_ORDER})
    names: dict[TypeUrl, set[str]] = field(
        default_factory=lambda: {kind: set() for kind in PUSH_ORDER}
    )
    warming: set[str] = field(default_factory=set)
    withheld: list[DeltaRequest | SotwRequest] = field(default_factory=list)
    said: deque[DeltaRequest | SotwRequest] = field(default_factory=deque)
    nonces: dict[TypeUrl, Nonce] = field(default_factory=dict)
    asked: set[TypeUrl] = field(default_factory=set)

    def connect(self) -> None:
        """Ask for all types as Envoy does: clusters first, unless one of them warms."""
        self.said.clear()
        self.withheld.clear()
        self.nonces.clear()
        self.asked.clear()
        for kind in PUSH_ORDER:
            if kind in (CLUSTER, LISTENER) or self.names[kind]:
                self.ask(kind)

    def ask(self, kind: TypeUrl) -> None:
        raise NotImplementedError

    def hear(self, send: Send) -> None:
        kind, response = send.type_url, send.response
        self.nonces[kind] = send.nonce
        error = None
        if any(r.version == REFUSED and self.is_news(kind, r.name) for r in response.resources):
            error = "one of these is bad"
        before = dict(self.have[kind])
        for resource in response.resources:
            if error is None or (self.partial and resource.version != REFUSED):
                self.have[kind][resource.name] = resource.version
        self.drop(send, error)
        if kind is CLUSTER:
            self.warm(before)
        if kind is ENDPOINT:
            self.warming -= {resource.name for resource in response.resources}
            self.warming -= set(response.removed)
        self.answer(kind, send.nonce, error)

    def is_news(self, kind: TypeUrl, name: str) -> bool:
        return self.have[kind].get(name) != REFUSED

    def drop(self, send: Send, error: str | None) -> None:
        raise NotImplementedError

    def warm(self, before: dict[str, str]) -> None:
        """New clusters subscribe to endpoints, changed ones wait for them without a word."""
        now = self.have[CLUSTER]
        held = {name for name, version in now.items() if version != ABSENT}
        changed = {name for name in held if before.get(name) != now[name]}
        new = held - self.names[ENDPOINT]
        gone = self.names[ENDPOINT] - held
        self.warming = (self.warming | changed) - gone
        self.names[ENDPOINT] = held
        for name in gone:
            self.have[ENDPOINT].pop(name, None)
        if new or gone:
            self.change(ENDPOINT, new, gone)

    def change(self, kind: TypeUrl, added: set[str], dropped: set[str]) -> None:
        raise NotImplementedError

    def answer(self, kind: TypeUrl, nonce: Nonce, error: str | None) -> None:
        request = self.answered(kind, nonce, error)
        if kind is CLUSTER and self.warming:
            self.withheld.append(request)
        else:
            self.said.append(request)
        if not self.warming:
            self.said.extend(self.withheld)
            self.withheld.clear()

    def answered(
        self, kind: TypeUrl, nonce: Nonce, error: str | None
    ) -> DeltaRequest | SotwRequest:
        raise NotImplementedError

    def subscribe(self, kind: TypeUrl, name: str) -> None:
        added = {name} - self.names[kind]
        self.names[kind] |= added
        if kind in self.asked and added:
            self.change(kind, added, set())
        elif added:
            self.ask(kind)

    def unsubscribe(self, kind: TypeUrl, name: str) -> None:
        dropped = {name} & self.names[kind]
        self.names[kind] -= dropped
        self.have[kind].pop(name, None)
        if dropped:
            self.change(kind, set(), dropped)


class DeltaClient(Client):
    def ask(self, kind: TypeUrl) -> None:
        wildcard = kind in (CLUSTER, LISTENER)
        held = {n: v for n, v in self.have[kind].items() if v not in (ABSENT, "")}
        request = DeltaRequest(
            type_url=kind,
            subscribe=frozenset() if wildcard else frozenset(self.names[kind]),
            initial=held if wildcard else {n: v for n, v in held.items() if n in self.names[kind]},
        )
        self.asked.add(kind)
        (self.withheld if kind is CLUSTER and self.warming else self.said).append(request)

    def drop(self, send: Send, error: str | None) -> None:
        if error is None or self.partial:
            for name in send.response.removed:
                self.have[send.type_url][name] = ABSENT

    def change(self, kind: TypeUrl, added: set[str], dropped: set[str]) -> None:
        if kind not in self.asked:
            self.ask(kind)
            return
        self.said.append(
            DeltaRequest(type_url=kind, subscribe=frozenset(added), unsubscribe=frozenset(dropped))
        )

    def answered(self, kind: TypeUrl, nonce: Nonce, error: str | None) -> DeltaRequest:
        return DeltaRequest(type_url=kind, nonce=nonce, error=error)


class SotwClient(Client):
    def ask(self, kind: TypeUrl) -> None:
        self.asked.add(kind)
        request = self.answered(kind, self.nonces.get(kind, Nonce("")), None)
        (self.withheld if kind is CLUSTER and self.warming else self.said).append(request)

    def drop(self, send: Send, error: str | None) -> None:
        """What a whole type leaves out is gone."""
        kind = send.type_url
        names = {resource.name for resource in send.response.resources}
        if kind in (CLUSTER, LISTENER) and (error is None or self.partial):
            self.have[kind] = {n: v for n, v in self.have[kind].items() if n in names}

    def change(self, kind: TypeUrl, added: set[str], dropped: set[str]) -> None:  # noqa: ARG002
        self.ask(kind)

    def answered(self, kind: TypeUrl, nonce: Nonce, error: str | None) -> SotwRequest:
        names = frozenset() if kind in (CLUSTER, LISTENER) else frozenset(self.names[kind])
        return SotwRequest(type_url=kind, names=names, nonce=nonce, error=error)


class Talk:
    """A client and its session with two queues between them."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.cache = ResponseCache()
        self.snapshot = snapshot(0, {})
        self.connect()

    def connect(self) -> None:
        kind = DeltaSession if isinstance(self.client, DeltaClient) else SotwSession
        self.session: DeltaSession | SotwSession = kind(self.cache, self.snapshot)
        self.sent: deque[Send] = deque()
        self.rejected: list[Rejected] = []
        self.client.connect()

    def take(self, outputs: tuple[Output, ...]) -> None:
        self.sent.extend(output for output in outputs if isinstance(output, Send))
        self.rejected.extend(output for output in outputs if isinstance(output, Rejected))

    def server_hears(self) -> None:
        if self.client.said:
            request = self.client.said.popleft()
            match request, self.session:
                case DeltaRequest(), DeltaSession() as session:
                    self.take(session.receive(request))
                case SotwRequest(), SotwSession() as session:
                    self.take(session.receive(request))

    def client_hears(self) -> None:
        if self.sent:
            self.client.hear(self.sent.popleft())

    def step(self, step: Step) -> None:
        match step:
            case ("world", *words):
                self.snapshot = _snapshot(words)
                self.cache.forget()
                self.take(self.session.update(self.snapshot))
            case ("server",):
                self.server_hears()
            case ("client",):
                self.client_hears()
            case ("subscribe", kind, name):
                self.client.subscribe(TypeUrl[kind], name)
            case ("unsubscribe", kind, name):
                self.client.unsubscribe(TypeUrl[kind], name)
            case ("stop_waiting", kind):
                self.take(self.session.stop_waiting(TypeUrl[kind]))
            case ("reconnect",):
                self.connect()

    def drain(self) -> None:
        self.take(self.session.arrived())
        for _ in range(2000):
            if not self.client.said and not self.sent:
                if self.session.may_ask_more:
                    self.take(self.session.arrived())
                elif not self.let_go():
                    return
            self.server_hears()
            self.client_hears()
        raise AssertionError("the conversation does not end")

    def let_go(self) -> bool:
        """End all waits, as time does; whether there were any."""
        waits = self.session.held_back
        for type_url in waits:
            self.take(self.session.send_anyway(type_url))
        return bool(waits)


def _snapshot(words: list[str]) -> Snapshot:
    """Each word is a version per name: ``"12-9"``; endpoints exist for every cluster."""
    worlds = dict(zip(PUSH_ORDER[:5], words, strict=True))
    resources = {
        kind: [form(n + v) for n, v in zip(NAMES, word, strict=True) if v != ABSENT]
        for kind, word in worlds.items()
    }
    clusters = [name for name, v in zip(NAMES, worlds[CLUSTER], strict=True) if v != ABSENT]
    versions = dict(zip(NAMES, worlds[ENDPOINT], strict=True))
    resources[ENDPOINT] = [form(n + versions[n].replace(ABSENT, "1")) for n in clusters]
    return snapshot(1, resources)


versions = st.text(st.sampled_from(["1", "2", "3", REFUSED, ABSENT]), min_size=4, max_size=4)
named = st.sampled_from(["ROUTE", "SECRET"])
steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("world"), versions, versions, versions, versions, versions),
    st.just(("server",)),
    st.just(("client",)),
    st.tuples(st.just("subscribe"), named, st.sampled_from(NAMES)),
    st.tuples(st.just("unsubscribe"), named, st.sampled_from(NAMES)),
    st.tuples(st.just("stop_waiting"), st.sampled_from([kind.name for kind in PUSH_ORDER])),
    st.just(("reconnect",)),
)


def _differences(talk: Talk) -> Iterator[str]:
    """Where the client has not what the snapshot says, but for what it refuses."""
    for kind in PUSH_ORDER:
        shelf, have = talk.snapshot.shelf(kind), talk.client.have[kind]
        whole = kind in (CLUSTER, LISTENER)
        refused = {rejection.name for rejection in talk.session.rejections(kind)}
        for name in sorted({*shelf, *have} if whole else talk.client.names[kind]):
            wanted = shelf[name].version if name in shelf else ABSENT
            held = have.get(name, ABSENT)
            if wanted == REFUSED:
                if name not in refused:
                    yield f"{kind.name} {name} is refused and not reported"
            elif wanted == ABSENT:
                # Endpoints, routes and secrets end with what refers to them, not by being removed.
                if whole and held != ABSENT and not _is_kept(talk):
                    yield f"{kind.name} {name} is gone and still there"
            elif held != wanted:
                yield f"{kind.name} {name} is {held}, wanted {wanted}"


def _is_kept(talk: Talk) -> bool:
    """Clusters are not removed while an old listener or route may refer to them.

    A listener whose secret is rejected may still be warming, and the one before it in use.
    """
    return any(talk.session.rejections(kind) for kind in (LISTENER, ROUTE, SECRET))


def _ends_well(client: Client, happened: list[Step]) -> None:
    talk = Talk(client)
    for step in happened:
        talk.step(step)
    talk.drain()

    assert list(_differences(talk)) == []
    assert talk.client.warming == set()
    assert talk.session.settled
    if not any(step[0] == "stop_waiting" for step in happened):
        refusals = [(r.type_url, r.name, r.version) for r in talk.rejected]
        assert len(refusals) == len(set(refusals)), "a refused form was sent again"


@settings(max_examples=examples(300))
@given(st.lists(steps, max_size=40), st.booleans())
def test_a_delta_client_ends_with_the_snapshot(happened: list[Step], partial: bool) -> None:
    _ends_well(DeltaClient(partial), happened)


@settings(max_examples=examples(300))
@given(st.lists(steps, max_size=40), st.booleans())
def test_a_sotw_client_ends_with_the_snapshot(happened: list[Step], partial: bool) -> None:
    _ends_well(SotwClient(partial), happened)
