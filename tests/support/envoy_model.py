"""An Envoy as far as xDS goes: what warms, what is in use, what it asks and when it answers.

Written from Envoy's sources and from what Envoy 1.40 was seen to do, not from the server's code: it
shares with that nothing but the values that go over the stream. It takes responses in their order
and puts what it says into one queue per type, which the test delivers in any order.

- A new or changed cluster warms until its endpoints (again), its secret and its DNS name are there;
  the one before it works on. While any cluster warms, answers to clusters are withheld, and a
  stream that breaks then is opened without asking for clusters.
- A listener warms until its routes and its secret are there. Routes never warm.
- Endpoints or secrets that are said to be removed end the warming of what waits for them, without
  any.
- Nothing is asked for but what a cluster or listener names.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from controlplane.envoy.resource import TypeUrl
from controlplane.xds.events import DeltaRequest, Nonce, Send, SotwRequest

CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET = (
    TypeUrl.CLUSTER,
    TypeUrl.ENDPOINT,
    TypeUrl.LISTENER,
    TypeUrl.ROUTE,
    TypeUrl.SECRET,
)
WHOLE = (CLUSTER, LISTENER)
NAMED = (ENDPOINT, ROUTE, SECRET)
NO_NONCE = Nonce("")
EMPTY = "empty"
"""The version of endpoints or routes that are not there."""
NO_ENDPOINTS = "0"
"""The version of endpoints that are there and hold nothing."""

Request = DeltaRequest | SotwRequest


@dataclass(frozen=True, kw_only=True)
class ClusterForm:
    """``version`` says what a test calls it; ``eds`` and ``dns`` where its endpoints come from."""

    version: str
    eds: bool = True
    dns: bool = False
    secret: str | None = None


@dataclass(frozen=True, kw_only=True)
class ListenerForm:
    """It serves by a route table, or passes every connection on to ``clusters``."""

    version: str
    routes: str | None = None
    clusters: frozenset[str] = frozenset()
    secret: str | None = None


@dataclass(frozen=True, kw_only=True)
class RouteForm:
    version: str
    clusters: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class OtherForm:
    """Endpoints or a secret."""

    version: str


Form = ClusterForm | ListenerForm | RouteForm | OtherForm


class Forms:
    """What each version of a resource says, for who sees only names and versions."""

    def __init__(self) -> None:
        self._forms: dict[tuple[TypeUrl, str, str], Form] = {}

    def put(self, type_url: TypeUrl, name: str, form: Form) -> None:
        self._forms[type_url, name, form.version] = form

    def cluster(self, name: str, version: str) -> ClusterForm:
        form = self._forms[CLUSTER, name, version]
        assert isinstance(form, ClusterForm)
        return form

    def listener(self, name: str, version: str) -> ListenerForm:
        form = self._forms[LISTENER, name, version]
        assert isinstance(form, ListenerForm)
        return form

    def clusters_of(self, name: str, version: str) -> frozenset[str]:
        """Where the routes lead; empty ones lead nowhere."""
        form = self._forms.get((ROUTE, name, version))
        return form.clusters if isinstance(form, RouteForm) else frozenset()

    def version(self, type_url: TypeUrl, name: str, version: str) -> str:
        """``version``, or that it is a resource without content, which the server makes itself."""
        return version if (type_url, name, version) in self._forms else EMPTY


@dataclass
class Warming:
    """A cluster that replaces the active one of its name, if any, when nothing is missing."""

    form: ClusterForm
    endpoints: str | None = None
    resolved: bool = False


@dataclass
class Active:
    form: ClusterForm
    endpoints: str | None


@dataclass
class EnvoyModel:
    """One Envoy. ``queues`` holds what it has said, by type, until the server hears it."""

    forms: Forms
    is_delta: bool
    active: dict[str, Active] = field(default_factory=dict)
    warming: dict[str, Warming] = field(default_factory=dict)
    listeners: dict[str, ListenerForm] = field(default_factory=dict)
    warming_listeners: dict[str, ListenerForm] = field(default_factory=dict)
    known: dict[TypeUrl, dict[str, str]] = field(default_factory=lambda: {t: {} for t in TypeUrl})
    """The versions of what it was sent and still wants, by type and name."""
    unreported: set[tuple[TypeUrl, str]] = field(default_factory=set)
    """What is known and was said to be removed: it is used further, but not said to be there."""
    names: dict[TypeUrl, frozenset[str]] = field(
        default_factory=lambda: dict.fromkeys(NAMED, frozenset[str]())
    )
    queues: dict[TypeUrl, deque[Request]] = field(
        default_factory=lambda: {t: deque() for t in TypeUrl}
    )
    withheld: list[Request] = field(default_factory=list)
    asked: set[TypeUrl] = field(default_factory=set)
    nonces: dict[TypeUrl, Nonce] = field(default_factory=dict)
    has_started: bool = False
    """Whether it has had clusters, so that it asks for listeners."""

    # What a test looks at

    def unusable(self) -> Iterator[str]:
        """The clusters that active listeners lead to and that would answer 503."""
        for name, listener in sorted(self.listeners.items()):
            clusters = listener.clusters
            if listener.routes is not None:
                version = self.known[ROUTE].get(listener.routes, EMPTY)
                clusters |= self.forms.clusters_of(listener.routes, version)
                if version == EMPTY:
                    yield f"{name} lost its routes"
            for cluster in sorted(clusters):
                found = self.active.get(cluster)
                if found is None:
                    yield f"{name} leads to {cluster}, which is not there"
                elif found.form.eds and found.endpoints in (EMPTY, NO_ENDPOINTS):
                    yield f"{name} leads to {cluster}, which has no endpoints"
                elif self.known[SECRET].get(found.form.secret or "") == EMPTY:
                    yield f"{name} leads to {cluster}, which has no secret"
                elif (ENDPOINT, cluster) in self.unreported:
                    yield f"{name} leads to {cluster}, whose endpoints were said to be removed"

    def is_silent(self) -> bool:
        return not any(self.queues.values())

    # What happens to it

    def connect(self) -> None:
        """Open a stream and say what is known; what the stream before did not carry is lost."""
        for queue in self.queues.values():
            queue.clear()
        self.withheld.clear()
        self.asked.clear()
        self.nonces.clear()
        if not self.warming:
            self._ask(CLUSTER)
        for type_url in NAMED:
            if self.names[type_url]:
                self._ask(type_url)
        if self.has_started:
            self._ask(LISTENER)

    def hear(self, send: Send) -> None:
        """Take a response as a whole, and answer it."""
        type_url, response = send.type_url, send.response
        assert type_url in self.asked, f"{type_url.name} was never asked for on this stream"
        put = {r.name: self.forms.version(type_url, r.name, r.version) for r in response.resources}
        assert len(put) == len(response.resources), "a name comes twice"
        assert put.keys().isdisjoint(response.removed), "a name comes and is removed"
        self.nonces[type_url] = send.nonce
        if type_url in WHOLE:
            self._take_whole(type_url, put, response.removed)
        else:
            self._take_named(type_url, put, response.removed)
        self._settle()
        answer = self._request(type_url, nonce=send.nonce)
        (self.withheld if type_url is CLUSTER else self.queues[type_url]).append(answer)
        self._release()

    def resolve(self, name: str) -> None:
        """DNS answers for a cluster."""
        if name in self.warming:
            self.warming[name].resolved = True
            self._settle()
            self._release()

    def time_out(self) -> None:
        """The time for first answers is over: whatever warms goes on without what it lacks."""
        for warming in self.warming.values():
            warming.endpoints, warming.resolved = warming.endpoints or EMPTY, True
            if warming.form.secret is not None:
                self.known[SECRET].setdefault(warming.form.secret, EMPTY)
                self.unreported.add((SECRET, warming.form.secret))
        self._settle()
        self._release()

    # How it takes a response

    def _take_whole(self, type_url: TypeUrl, put: dict[str, str], removed: tuple[str, ...]) -> None:
        known = self.known[type_url]
        gone = [n for n in removed if n in known] if self.is_delta else list(known.keys() - put)
        for name in gone:
            del known[name]
            for kept in (self.active, self.warming, self.listeners, self.warming_listeners):
                if (kept in (self.active, self.warming)) is (type_url is CLUSTER):
                    kept.pop(name, None)
        for name, version in put.items():
            if known.get(name) == version:
                continue
            known[name] = version
            if type_url is CLUSTER:
                self.warming[name] = Warming(form=self.forms.cluster(name, version))
            else:
                self.warming_listeners[name] = self.forms.listener(name, version)
        changed_eds = type_url is CLUSTER and any(w.form.eds for w in self.warming.values())
        self._subscribe()
        if changed_eds and not self.is_delta and ENDPOINT in self.nonces:
            # Looks like an acknowledgement; delta has no such request (both measured).
            self.queues[ENDPOINT].append(self._request(ENDPOINT))

    def _take_named(self, type_url: TypeUrl, put: dict[str, str], removed: tuple[str, ...]) -> None:
        for name in self.names[type_url] & put.keys():
            self.known[type_url][name] = put[name]
            self.unreported.discard((type_url, name))
            if type_url is ENDPOINT:
                if name in self.active:
                    self.active[name].endpoints = put[name]
                if name in self.warming:
                    self.warming[name].endpoints = put[name]
        for name in self.names[type_url] & set(removed):
            self.unreported.add((type_url, name))
            if type_url is ENDPOINT and name in self.warming:
                self.warming[name].endpoints = EMPTY
            if type_url is SECRET:
                self.known[SECRET].setdefault(name, EMPTY)

    def _settle(self) -> None:
        """Whatever has all that it warms on becomes active, in place of what it replaces."""
        for name, warming in list(self.warming.items()):
            form = warming.form
            lacks_endpoints = form.eds and warming.endpoints is None
            if not (lacks_endpoints or self._lacks(form.secret) or form.dns > warming.resolved):
                self.active[name] = Active(form=form, endpoints=warming.endpoints or EMPTY)
                del self.warming[name]
        for name, listener in list(self.warming_listeners.items()):
            has_routes = listener.routes is None or listener.routes in self.known[ROUTE]
            if has_routes and not self._lacks(listener.secret):
                self.listeners[name] = listener
                del self.warming_listeners[name]
        self._subscribe()

    def _lacks(self, secret: str | None) -> bool:
        return secret is not None and secret not in self.known[SECRET]

    def _release(self) -> None:
        """Say of clusters what was withheld, once none of them warms."""
        if self.warming:
            return
        self.queues[CLUSTER].extend(self.withheld)
        self.withheld.clear()
        if CLUSTER not in self.asked:
            self._ask(CLUSTER)
        elif CLUSTER in self.nonces and LISTENER not in self.asked:
            self.has_started = True
            self._ask(LISTENER)

    # What it asks for

    def _subscribe(self) -> None:
        """Ask for what clusters and listeners name now; forget what they no longer do."""
        clusters = [(name, found.form) for name, found in self.active.items()]
        clusters += [(name, found.form) for name, found in self.warming.items()]
        listeners = (*self.listeners.values(), *self.warming_listeners.values())
        named = (*(form.secret for _, form in clusters), *(form.secret for form in listeners))
        self._want(ENDPOINT, frozenset(name for name, form in clusters if form.eds))
        self._want(ROUTE, frozenset(form.routes for form in listeners if form.routes is not None))
        self._want(SECRET, frozenset(name for name in named if name is not None))

    def _want(self, type_url: TypeUrl, wanted: frozenset[str]) -> None:
        before, self.names[type_url] = self.names[type_url], wanted
        if wanted == before:
            return
        for name in before - wanted:
            self.known[type_url].pop(name, None)
            self.unreported.discard((type_url, name))
        if type_url not in self.asked:
            self._ask(type_url)
        elif self.is_delta:
            change = DeltaRequest(
                type_url=type_url, subscribe=wanted - before, unsubscribe=before - wanted
            )
            self.queues[type_url].append(change)
        else:
            self.queues[type_url].append(self._request(type_url))

    def _ask(self, type_url: TypeUrl) -> None:
        """The first request of a type on a stream."""
        self.asked.add(type_url)
        known = self.known[type_url]
        reported = {n: v for n, v in known.items() if (type_url, n) not in self.unreported}
        names = self.names.get(type_url, frozenset())
        self.queues[type_url].append(
            DeltaRequest(type_url=type_url, subscribe=names, initial=reported)
            if self.is_delta
            else SotwRequest(type_url=type_url, names=names, is_reconnect=bool(reported))
        )

    def _request(self, type_url: TypeUrl, nonce: Nonce = NO_NONCE) -> Request:
        """An answer, or in the state of the world also a changed subscription."""
        if self.is_delta:
            return DeltaRequest(type_url=type_url, nonce=nonce)
        names = self.names.get(type_url, frozenset())
        last = nonce or self.nonces.get(type_url, NO_NONCE)
        return SotwRequest(type_url=type_url, names=names, nonce=last)
