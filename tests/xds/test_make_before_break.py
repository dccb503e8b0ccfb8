"""Whatever changes, and whenever answers come, no listener ever leads to a cluster that would
answer 503: a model of Envoy (``tests.support.envoy_model``) is looked at after every response.
"""

from collections import deque
from dataclasses import dataclass, field, replace

from hypothesis import example, given, settings, strategies as st

from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.xds.delta import DeltaSession
from controlplane.xds.events import DeltaRequest, Nonce, Output, Send, SotwRequest
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.snapshot import Snapshot, snapshot
from controlplane.xds.sotw import SotwSession
from tests.support.envoy_model import (
    NO_ENDPOINTS,
    ClusterForm,
    EnvoyModel,
    Form,
    Forms,
    ListenerForm,
    OtherForm,
    RouteForm,
)
from tests.support.properties import examples

CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET, *_ = TypeUrl


@dataclass(frozen=True)
class Mesh:
    """What the client is to have."""

    clusters: dict[str, ClusterForm]
    endpoints: dict[str, str]
    routes: dict[str, frozenset[str]]
    listeners: dict[str, ListenerForm]
    secret: str

    def resources(self, forms: Forms) -> Snapshot:
        found: dict[TypeUrl, list[Resource]] = {type_url: [] for type_url in TypeUrl}

        def put(type_url: TypeUrl, name: str, form: Form) -> None:
            forms.put(type_url, name, form)
            is_empty = type_url is ENDPOINT and form.version == NO_ENDPOINTS
            found[type_url].append(Resource(name, form.version, (), is_empty=is_empty))

        secrets = {f.secret for f in (*self.clusters.values(), *self.listeners.values())}
        for name, cluster in self.clusters.items():
            put(CLUSTER, name, cluster)
            if cluster.eds:
                put(ENDPOINT, name, OtherForm(version=self.endpoints[name]))
        for name, clusters in self.routes.items():
            put(ROUTE, name, RouteForm(version="+".join(sorted(clusters)), clusters=clusters))
        for name, listener in self.listeners.items():
            put(LISTENER, name, listener)
        for secret in sorted(name for name in secrets if name is not None):
            put(SECRET, secret, OtherForm(version=self.secret))
        return snapshot(1, found)


@dataclass
class Conversation:
    """A model of Envoy and its session. What either says waits until a step delivers it."""

    is_delta: bool
    forms: Forms = field(default_factory=Forms)
    sent: deque[Send] = field(default_factory=deque)
    unanswered: dict[TypeUrl, set[Nonce]] = field(default_factory=dict)
    is_strict: bool = True
    """Whether no wait is ever ended by time: then no request is lost, and a second generation never
    goes out before the answer to the first.
    """

    def __post_init__(self) -> None:
        self.envoy = EnvoyModel(self.forms, self.is_delta)
        self.cache = ResponseCache()
        self.snapshot = snapshot(0, {})
        self.connect()

    def connect(self) -> None:
        kind = DeltaSession if self.is_delta else SotwSession
        self.session: DeltaSession | SotwSession = kind(self.cache, self.snapshot)
        self.sent.clear()
        self.unanswered = {type_url: set() for type_url in TypeUrl}
        self.envoy.connect()

    def can_be_told_all(self) -> bool:
        """Whether a new stream can bring what the client's clusters warm on. While one warms, Envoy
        does not ask for clusters; where its endpoints or secret went meanwhile nobody knows them
        any more. Then the wait ends by time, or by their removal, and may lose requests.
        """
        endpoints, secrets = self.snapshot.shelf(ENDPOINT), self.snapshot.shelf(SECRET)
        return all(
            (not warming.form.eds or (name in endpoints and not endpoints[name].is_empty))
            and (warming.form.secret is None or warming.form.secret in secrets)
            for name, warming in self.envoy.warming.items()
        )

    def change(self, mesh: Mesh) -> None:
        self.snapshot = mesh.resources(self.forms)
        self.cache.forget()
        self.take(self.session.update(self.snapshot))

    def server_hears(self, type_url: TypeUrl) -> None:
        if not self.envoy.queues[type_url]:
            return
        request = self.envoy.queues[type_url].popleft()
        self.unanswered[type_url].discard(request.nonce)
        match request, self.session:
            case DeltaRequest(), DeltaSession() as session:
                self.take(session.receive(request))
            case SotwRequest(), SotwSession() as session:
                self.take(session.receive(request))

    def envoy_hears(self) -> None:
        if self.sent:
            self.envoy.hear(self.sent.popleft())
            assert not self.is_strict or list(self.envoy.unusable()) == []

    def take(self, outputs: tuple[Output, ...]) -> None:
        sends = [output for output in outputs if isinstance(output, Send)]
        for type_url in {send.type_url for send in sends} if self.is_strict else ():
            assert not self.unanswered[type_url], f"two generations of {type_url.name} on their way"
        for send in sends:
            self.unanswered[send.type_url].add(send.nonce)
        self.sent.extend(sends)

    def arrive(self) -> None:
        """Time passes in which the server hears all that the client has to say by now."""
        while not self.envoy.is_silent():
            for type_url in TypeUrl:
                self.server_hears(type_url)
        if self.session.may_ask_more:
            self.take(self.session.arrived())

    def wait(self) -> None:
        """Time passes: whatever waits has waited for long enough."""
        for type_url in TypeUrl:
            if self.session.awaits(type_url):
                self.take(self.session.stop_waiting(type_url))
        for type_url in self.session.held_back:
            self.take(self.session.send_anyway(type_url))

    def finish(self) -> None:
        """Deliver everything until nothing happens any more; where waits end, let them end."""
        for _ in range(500):
            self.arrive()
            for name in tuple(self.envoy.warming):
                self.envoy.resolve(name)
            if self.sent:
                self.envoy_hears()
            elif self.envoy.is_silent():
                if not self.envoy.warming and not self.session.held_back:
                    return
                assert not self.is_strict, "something waits for nothing"
                self.envoy.time_out()
                self.wait()
        raise AssertionError("the conversation does not end")


Step = tuple[str] | tuple[str, str] | tuple[str, Mesh]


@st.composite
def meshes(draw: st.DrawFn, *, with_empty: bool = False, all_in_eds: bool = False) -> Mesh:
    """``with_empty``: clusters that nothing leads to may have no endpoints."""
    names = draw(st.sets(st.sampled_from("abc"), min_size=1))
    versions = st.sampled_from("12")
    clusters = {n: draw(forms_in_eds if all_in_eds else cluster_forms) for n in sorted(names)}
    leads = st.sets(st.sampled_from(sorted(names)), min_size=1).map(frozenset)
    listeners = {
        name: draw(st.one_of(by_routes, leads.map(by_clusters)))
        for name in sorted(draw(st.sets(st.sampled_from("lm"), min_size=1)))
    }
    used = sorted({listener.routes for listener in listeners.values()} - {None})
    routes = {r: draw(leads) for r in used}
    led_to = frozenset().union(*routes.values(), *(form.clusters for form in listeners.values()))
    idle = st.sampled_from((NO_ENDPOINTS, "1", "2")) if with_empty else versions
    endpoints = {n: draw(versions if n in led_to else idle) for n in sorted(names)}
    return Mesh(clusters, endpoints, routes, listeners, draw(versions))


cluster_forms = st.sampled_from(
    [
        ClusterForm(version="1"),
        ClusterForm(version="2"),
        ClusterForm(version="dns", eds=False, dns=True),
        ClusterForm(version="static", eds=False),
        ClusterForm(version="tls", secret="x"),
        ClusterForm(version="other tls", secret="y"),
        ClusterForm(version="dns and tls", eds=False, dns=True, secret="y"),
    ]
)
forms_in_eds = cluster_forms.filter(lambda form: form.eds)
by_routes = st.sampled_from(
    [
        ListenerForm(version="r", routes="r"),
        ListenerForm(version="s", routes="s"),
        ListenerForm(version="r with tls", routes="r", secret="z"),
    ]
)


def by_clusters(clusters: frozenset[str]) -> ListenerForm:
    return ListenerForm(version="+".join(sorted(clusters)), clusters=clusters)


types = st.sampled_from([type_url.name for type_url in TypeUrl])
deliveries: st.SearchStrategy[Step] = st.one_of(
    st.just(("envoy",)),
    st.just(("envoy",)),
    st.tuples(st.just("server"), types),
    st.tuples(st.just("dns"), st.sampled_from("abc")),
)
changes: st.SearchStrategy[Step] = st.tuples(st.just("mesh"), meshes())
emptying: st.SearchStrategy[Step] = st.tuples(
    st.just("mesh"), meshes(with_empty=True, all_in_eds=True)
)
events: st.SearchStrategy[Step] = st.sampled_from([("arrived",), ("reconnect",)])
waits: st.SearchStrategy[Step] = st.just(("wait",))


def happens(conversation: Conversation, step: Step) -> None:
    match step:
        case ("mesh", Mesh() as mesh):
            conversation.change(mesh)
        case ("envoy",):
            conversation.envoy_hears()
        case ("server", str() as name):
            conversation.server_hears(TypeUrl[name])
        case ("dns", str() as name):
            conversation.envoy.resolve(name)
        case ("arrived",):
            conversation.arrive()
        case ("reconnect",):
            if conversation.can_be_told_all():
                conversation.connect()
                conversation.server_hears(CLUSTER)  # Envoy asks for these first, if at all
        case ("wait",):
            conversation.wait()


def ends_well(conversation: Conversation) -> None:
    """The client has what the newest snapshot says, and nothing else."""
    conversation.finish()

    envoy, target = conversation.envoy, conversation.snapshot
    assert conversation.session.settled
    for type_url in (CLUSTER, LISTENER):
        wanted = {name: resource.version for name, resource in target.shelf(type_url).items()}
        assert envoy.known[type_url] == wanted
    for type_url in (ENDPOINT, ROUTE, SECRET):
        shelf = target.shelf(type_url)
        assert envoy.known[type_url] == {n: shelf[n].version for n in envoy.names[type_url]}
    assert envoy.listeners.keys() == target.shelf(LISTENER).keys()


IN_EDS = ClusterForm(version="1", eds=True, dns=False, secret=None)
OF_R = ListenerForm(version="r", routes="r", clusters=frozenset(), secret=None)


@settings(max_examples=examples(200))
@given(
    meshes(),
    st.lists(st.one_of(deliveries, deliveries, changes), max_size=80),
    st.booleans(),
)
def test_no_route_in_use_ever_leads_to_a_cluster_without_endpoints(
    first: Mesh, steps: list[Step], is_delta: bool
) -> None:
    conversation = Conversation(is_delta)
    conversation.change(first)
    conversation.finish()

    for step in steps:
        happens(conversation, step)

    ends_well(conversation)


@settings(max_examples=examples(200))
@given(meshes(), st.lists(st.one_of(deliveries, deliveries, changes, events), max_size=80))
@example(
    Mesh(
        clusters={"a": IN_EDS},
        endpoints={"a": "1"},
        routes={"r": frozenset({"a"})},
        listeners={"l": OF_R, "m": OF_R},
        secret="1",
    ),
    [
        (
            "mesh",
            Mesh(
                clusters={"a": IN_EDS, "b": IN_EDS, "c": replace(IN_EDS, eds=False, dns=True)},
                endpoints={"a": "1", "b": "1"},
                routes={"r": frozenset({"a", "b"})},
                listeners={"l": OF_R},
                secret="1",
            ),
        ),
        ("reconnect",),
    ],
)  # a listener goes while nothing else of its type changes
def test_nor_does_one_when_a_delta_client_reconnects_at_any_time(
    first: Mesh, steps: list[Step]
) -> None:
    """The state of the world must say all clusters at once, and those that went while the client
    was away are in nobody's memory: it may lose requests then.
    """
    conversation = Conversation(is_delta=True)
    conversation.change(first)
    conversation.finish()

    for step in steps:
        happens(conversation, step)

    ends_well(conversation)


@settings(max_examples=examples(200))
@given(
    meshes(all_in_eds=True),
    st.lists(st.one_of(deliveries, deliveries, emptying, events), max_size=80),
    st.booleans(),
)
@example(
    Mesh(
        clusters={"a": IN_EDS, "b": IN_EDS},
        endpoints={"a": "1", "b": "1"},
        routes={"r": frozenset({"a", "b"})},
        listeners={"l": OF_R},
        secret="1",
    ),
    [
        (
            "mesh",
            Mesh(
                clusters={"a": IN_EDS, "b": IN_EDS},
                endpoints={"a": "1", "b": NO_ENDPOINTS},
                routes={"r": frozenset({"a"})},
                listeners={"l": OF_R},
                secret="1",
            ),
        ),
        ("reconnect",),
    ],
    True,
)
def test_nor_is_a_cluster_emptied_before_the_routes_have_left_it(
    first: Mesh, steps: list[Step], is_delta: bool
) -> None:
    """A cluster that begins to take its endpoints from EDS, and has none, is not among these."""
    conversation = Conversation(is_delta)
    conversation.change(first)
    conversation.finish()

    for step in steps:
        if is_delta or step != ("reconnect",):
            happens(conversation, step)

    ends_well(conversation)


@settings(max_examples=examples(200))
@given(
    meshes(),
    st.lists(st.one_of(deliveries, deliveries, changes, events, waits), max_size=80),
    st.booleans(),
)
def test_nothing_stalls_however_late_the_answers_are(
    first: Mesh, steps: list[Step], is_delta: bool
) -> None:
    conversation = Conversation(is_delta, is_strict=False)
    conversation.change(first)

    for step in steps:
        happens(conversation, step)

    ends_well(conversation)
