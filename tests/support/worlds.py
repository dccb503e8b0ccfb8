"""Generated routing: VirtualServices at two Gateways, requests that may meet them, and their YAML.

The vocabulary is small on purpose, so that conditions overlap and requests hit. Every rule answers
with its own name; a rule that delegates adds its name as a header, where the delegate lets it.
"""

import json
from collections.abc import Mapping
from itertools import product
from random import Random
from typing import Final, TypeVar

from hypothesis import strategies as st

from tests.support.simulator import (
    Block,
    Gateway,
    Request,
    Rule,
    Server,
    Text,
    Texts,
    VirtualService,
    World,
)

V = TypeVar("V")
Json = dict[str, object]

HOME: Final = "istio-system"  # where the gateway runs
NAMESPACES: Final = (HOME, "default")
PORTS: Final = (8080, 8081)
DELEGATING: Final = "x-delegating"
GATEWAYS: Final = (
    Gateway(
        name=f"{HOME}/gw",
        servers=(
            Server(port=8080, hosts=("*",)),
            Server(port=8081, hosts=(f"{HOME}/b.example.com", "a.example.com", "*.example.com")),
        ),
    ),
    Gateway(name=f"{HOME}/side", servers=(Server(port=8081, hosts=("*",)),)),
)
_AT: Final = ((f"{HOME}/gw",), (f"{HOME}/gw",), (f"{HOME}/side",), (f"{HOME}/gw", f"{HOME}/side"))
_HOSTS: Final = (
    ("a.example.com",),
    ("a.example.com", "b.example.com"),
    ("*.example.com",),
    ("*.b.example.com", "b.example.com"),
    ("*",),
    ("A.example.com",),
    ("*b.example.com",),
)
_URIS: Final = (
    *(Text(exact=text) for text in ("/a", "/a/b", "/A", "/")),
    *(Text(prefix=text) for text in ("/", "", "/a", "/a/", "/B", "/b")),
    *(Text(regex=text) for text in ("/a.*", ".*", "/[ab]", "/a/.+")),
)
_METHODS: Final = (Text(exact="GET"), Text(exact="POST"), Text(prefix="P"), Text(regex="GET|PUT"))
_AUTHORITIES: Final = (
    Text(exact="a.example.com"),
    Text(prefix="a.example.com"),
    Text(exact="a.example.com:8080"),
    Text(regex=r".*:\d+"),
    Text(prefix="A"),
)
_VALUES: Final = (
    Text(),
    Text(exact="1"),
    Text(exact=""),
    Text(prefix="1"),
    Text(prefix="12"),
    Text(regex="1|2"),
    Text(regex=".*"),
    Text(regex=".+"),
)
_NAMES: Final = ("x-a", "x-b")


def _seldom(values: st.SearchStrategy[V], otherwise: V) -> st.SearchStrategy[V]:
    """``otherwise`` first, to which an example shrinks, and most often."""
    return st.integers(0, 5).flatmap(lambda n: values if n == 5 else st.just(otherwise))


def _named(names: tuple[str, ...], texts: tuple[Text, ...]) -> st.SearchStrategy[Texts]:
    one = st.tuples(st.sampled_from(names), st.sampled_from(texts))
    several = st.lists(one, min_size=1, max_size=2, unique_by=lambda pair: pair[0])
    return _seldom(several.map(lambda pairs: tuple(pairs)), ())


def _perhaps(texts: tuple[Text, ...]) -> st.SearchStrategy[Text | None]:
    return _seldom(st.sampled_from(texts), None)


blocks: Final = st.builds(
    Block,
    uri=st.one_of(st.none(), st.sampled_from(_URIS)),
    ignores_case=_seldom(st.just(True), False),
    method=_perhaps(_METHODS),
    authority=_perhaps(_AUTHORITIES),
    scheme=_seldom(st.sampled_from((Text(exact="http"), Text(exact="https"))), None),
    headers=_named(_NAMES, _VALUES),
    without=_named(_NAMES, (*_VALUES, Text(regex="*"))),
    query=_named(("q", "r"), _VALUES),
    port=_seldom(st.sampled_from(PORTS), 0),
    gateways=_seldom(st.sampled_from(_AT), ()),
    source_labels=_seldom(
        st.sampled_from(((("istio", "ingressgateway"),), (("istio", "other"),))), ()
    ),
    source_namespace=_seldom(st.sampled_from(NAMESPACES), ""),
)
_matches: Final = st.lists(blocks, max_size=2).map(tuple)
_rules: Final = st.builds(Rule, blocks=_matches)
_delegates: Final = tuple((namespace, name) for namespace in NAMESPACES for name in ("d", "e"))
_root_rules: Final = st.builds(
    Rule, blocks=_matches, delegate=_seldom(st.sampled_from(_delegates), None)
)
_exports: Final = _seldom(st.sampled_from((("*",), (".",), (HOME,))), ())


def _virtual_services(
    names: str, hosts: tuple[tuple[str, ...], ...], rules: st.SearchStrategy[Rule]
) -> st.SearchStrategy[VirtualService]:
    return st.builds(
        VirtualService,
        name=st.sampled_from(names),
        namespace=st.sampled_from(NAMESPACES),
        hosts=st.sampled_from(hosts),
        gateways=st.sampled_from(_AT) if hosts != ((),) else st.just(()),
        rules=st.lists(rules, min_size=1, max_size=3).map(tuple),
        export_to=_exports,
    )


worlds: Final = st.builds(
    World,
    gateways=st.just(GATEWAYS),
    virtual_services=st.lists(
        st.one_of(
            _virtual_services("abc", _HOSTS, _root_rules),
            _virtual_services("abc", _HOSTS, _root_rules),
            _virtual_services("de", ((),), _rules),
        ),
        min_size=2,
        max_size=6,
        unique_by=lambda v: (v.name, v.namespace),
    ).map(tuple),
    namespace=st.just(HOME),
    labels=st.just((("istio", "ingressgateway"),)),
)
_HOSTS_ASKED: Final = (
    "a.example.com",
    "b.example.com",
    "a.example.com:8080",
    "A.example.com",
    "c.b.example.com:81",
    "other.org",
)
_METHODS_ASKED: Final = ("GET", "POST", "PUT")
_PATHS_ASKED: Final = ("/", "/a", "/A", "/ab", "/a/", "/a/b", "/A/B", "/b")
_QUERIES_ASKED: Final = (None, "q", "q=", "q=1", "q=12&r", "q=2&q=1", "r=1")
_VALUES_ASKED: Final = ("", "1", "12", "2")
_HEADERS: Final = tuple(product(_NAMES, _VALUES_ASKED))

requests: Final = st.builds(
    Request,
    port=st.sampled_from(PORTS),
    host=st.sampled_from(_HOSTS_ASKED),
    method=st.sampled_from(_METHODS_ASKED),
    path=st.sampled_from(_PATHS_ASKED),
    query=st.sampled_from(_QUERIES_ASKED),
    headers=st.lists(st.sampled_from(_HEADERS), max_size=3).map(tuple),
)


def some_requests(random: Random, count: int) -> list[Request]:
    """As ``requests``, but quick."""
    return [
        Request(
            port=random.choice(PORTS),
            host=random.choice(_HOSTS_ASKED),
            method=random.choice(_METHODS_ASKED),
            path=random.choice(_PATHS_ASKED),
            query=random.choice(_QUERIES_ASKED),
            headers=tuple(random.choices(_HEADERS, k=random.randrange(4))),
        )
        for _ in range(count)
    ]


def documents(world: World) -> str:
    """The world as Istio's YAML (which JSON is)."""
    every = [*map(_gateway, world.gateways), *map(_virtual_service, world.virtual_services)]
    return "".join(f"{json.dumps(document)}\n---\n" for document in every)


def _object(kind: str, namespace: str, name: str, spec: Json) -> Json:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {field: value for field, value in spec.items() if value},
    }


def _gateway(gateway: Gateway) -> Json:
    namespace, _, name = gateway.name.partition("/")
    servers = [
        {
            "port": {"number": server.port, "name": f"http-{server.port}", "protocol": "HTTP"},
            "hosts": server.hosts,
        }
        for server in gateway.servers
    ]
    selector = {"istio": "ingressgateway"}
    return _object("Gateway", namespace, name, {"selector": selector, "servers": servers})


def _virtual_service(virtual_service: VirtualService) -> Json:
    named = f"{virtual_service.namespace}/{virtual_service.name}"
    spec: Json = {
        "hosts": virtual_service.hosts,
        "gateways": virtual_service.gateways,
        "exportTo": virtual_service.export_to,
        "http": [_rule(rule, f"{named}/{i}") for i, rule in enumerate(virtual_service.rules)],
    }
    return _object("VirtualService", virtual_service.namespace, virtual_service.name, spec)


def _rule(rule: Rule, name: str) -> Json:
    matches: Json = {"match": [_block(block) for block in rule.blocks]} if rule.blocks else {}
    if rule.delegate is None:
        return matches | {"directResponse": {"status": 200, "body": {"string": name}}}
    namespace, delegate = rule.delegate
    return matches | {
        "delegate": {"namespace": namespace, "name": delegate},
        "headers": {"response": {"set": {DELEGATING: name}}},
    }


def _block(block: Block) -> Json:
    spelled: Json = {
        "headers": _by_name(block.headers),
        "withoutHeaders": _by_name(block.without),
        "queryParams": _by_name(block.query),
        "ignoreUriCase": block.ignores_case,
        "port": block.port,
        "gateways": block.gateways,
        "sourceLabels": dict(block.source_labels),
        "sourceNamespace": block.source_namespace,
    }
    texts = {
        "uri": block.uri,
        "method": block.method,
        "authority": block.authority,
        "scheme": block.scheme,
    }
    return {
        **{field: value for field, value in spelled.items() if value},
        **{field: _text(text) for field, text in texts.items() if text is not None},
    }


def _by_name(texts: Texts) -> Mapping[str, Json]:
    return {name: _text(text) for name, text in texts}


def _text(text: Text) -> Json:
    ways: Mapping[str, str | None] = {
        "exact": text.exact,
        "prefix": text.prefix,
        "regex": text.regex,
    }
    return {way: value for way, value in ways.items() if value is not None}
