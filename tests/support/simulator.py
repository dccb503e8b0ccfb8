"""Which rule answers a request at a gateway: Istio's routing, implemented again.

Knows nothing of the control plane: only what a user writes (Gateways, VirtualServices) and what a
client sends. A real Envoy that we configured, and what we say of rules that nobody reaches, are
held against it.
Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property


@dataclass(frozen=True)
class Text:
    """A StringMatch; nothing set asks for presence."""

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None

    @property
    def is_presence(self) -> bool:
        return self.exact is None and self.prefix is None and self.regex in (None, "*")

    def holds(self, value: str, *, ignores_case: bool = False) -> bool:
        if self.is_presence:
            return True
        if self.regex is not None:
            return re.fullmatch(self.regex, value) is not None
        text = self.exact if self.exact is not None else self.prefix or ""
        if ignores_case:
            text, value = text.lower(), value.lower()
        return value == text if self.exact is not None else value.startswith(text)


Texts = tuple[tuple[str, Text], ...]


@dataclass(frozen=True, kw_only=True)
class Block:
    """One entry of ``match``."""

    uri: Text | None = None
    ignores_case: bool = False
    method: Text | None = None
    authority: Text | None = None
    scheme: Text | None = None
    headers: Texts = ()
    without: Texts = ()
    query: Texts = ()
    port: int = 0
    gateways: tuple[str, ...] = ()
    source_labels: tuple[tuple[str, str], ...] = ()
    source_namespace: str = ""

    @property
    def catches_all(self) -> bool:
        """As Istio sees it: nothing but the prefix ``/`` or the regex ``.*``."""
        others = (self.method, self.authority, self.scheme)
        if self.headers or self.without or self.query or any(others):
            return False
        return self.uri in (None, Text(), Text(prefix="/"), Text(regex=".*"))


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One entry of ``http``: it answers with its own name, or leaves that to a delegate."""

    blocks: tuple[Block, ...] = ()
    delegate: tuple[str, str] | None = None
    """Namespace and name."""


@dataclass(frozen=True, kw_only=True)
class VirtualService:
    name: str
    namespace: str
    hosts: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    """As ``namespace/name``."""
    rules: tuple[Rule, ...] = ()
    export_to: tuple[str, ...] = ()

    @property
    def visible_in(self) -> frozenset[str] | None:
        """The namespaces that see it; ``None``: all do."""
        if not self.export_to or "*" in self.export_to:
            return None
        return frozenset(self.namespace if n == "." else n for n in self.export_to)

    def is_seen_in(self, namespace: str) -> bool:
        return self.visible_in is None or namespace in self.visible_in

    def rank(self, namespace: str) -> tuple[int, str, str]:
        """Its place among others: private ones, those exported by name, public ones; by name."""
        tier = 2 if self.visible_in is None else 0 if self.namespace == namespace else 1
        return (tier, self.name, self.namespace)


@dataclass(frozen=True, kw_only=True)
class Server:
    port: int
    hosts: tuple[str, ...]
    """Perhaps with the namespace of those it admits: ``team/*.example.com``."""


@dataclass(frozen=True, kw_only=True)
class Gateway:
    name: str
    """As ``namespace/name``."""
    servers: tuple[Server, ...]


@dataclass(frozen=True, kw_only=True)
class Request:
    port: int
    host: str
    """As the Host header spells it, perhaps with a port."""
    method: str = "GET"
    path: str = "/"
    query: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @cached_property
    def values(self) -> Mapping[str, list[str]]:
        """Headers by name. One that is sent several times is as any of its values."""
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            found.setdefault(name, []).append(value)
        return found

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """The first value of each parameter of the query."""
        found: dict[str, str] = {}
        for part in (self.query or "").split("&"):
            name, _, value = part.partition("=")
            if part:
                found.setdefault(name, value)
        return found


@dataclass(frozen=True)
class Answer:
    """The rule that answers, and the one that delegated to it; both ``namespace/name/index``."""

    rule: str
    delegating: str | None = None


@dataclass(frozen=True)
class _Route:
    block: Block
    answer: Answer


@dataclass(frozen=True, kw_only=True)
class World:
    """What was written, seen by gateways in ``namespace`` that have ``labels``."""

    gateways: tuple[Gateway, ...]
    virtual_services: tuple[VirtualService, ...]
    namespace: str
    labels: tuple[tuple[str, str], ...]

    def answer(self, request: Request) -> Answer | None:
        """The first route that takes the request; ``None``: 404."""
        hosts = self._virtual_hosts.get(request.port, {})
        name = re.sub(r":\d+$", "", request.host).lower()
        domain = _domain(name, hosts)
        if domain is None:
            return None
        routes = hosts[domain]
        return next((r.answer for r in routes if takes(r.block, request)), None)

    @cached_property
    def _virtual_hosts(self) -> dict[int, dict[str, list[_Route]]]:
        """By port and domain. A VirtualService comes in once by each Gateway."""
        ports = sorted({s.port for g in self.gateways for s in g.servers})
        return {port: self._hosts_at(port) for port in ports}

    def _hosts_at(self, port: int) -> dict[str, list[_Route]]:
        met: dict[str, dict[tuple[str, str, str], list[_Route]]] = {}
        for gateway in self.gateways:
            for server in (s for s in gateway.servers if s.port == port):
                for virtual_service in self._bound(gateway):
                    routes = self._routes(virtual_service, gateway, port)
                    origin = (gateway.name, virtual_service.namespace, virtual_service.name)
                    for domain in _meeting(server, virtual_service) if routes else ():
                        met.setdefault(domain.lower(), {}).setdefault(origin, routes)
        return {domain: _merged(list(found.values())) for domain, found in met.items()}

    def _bound(self, gateway: Gateway) -> list[VirtualService]:
        bound = [
            v
            for v in self.virtual_services
            if v.hosts and gateway.name in v.gateways and v.is_seen_in(self.namespace)
        ]
        return sorted(bound, key=lambda v: v.rank(self.namespace))

    def _routes(self, virtual_service: VirtualService, gateway: Gateway, port: int) -> list[_Route]:
        """In order, up to the first that catches all."""
        routes: list[_Route] = []
        for blocks, answer in self._rules(virtual_service):
            here = [b for b in blocks if self._is_for(b, gateway, port)]
            if blocks and not here:
                continue
            for block in here or (Block(),):
                routes.append(_Route(block, answer))
                if block.catches_all:
                    return routes
        return routes

    def _is_for(self, block: Block, gateway: Gateway, port: int) -> bool:
        if block.port not in (0, port):
            return False
        if block.gateways:
            return gateway.name in block.gateways
        if block.source_namespace not in ("", self.namespace):
            return False
        return set(block.source_labels) <= set(self.labels)

    def _rules(self, virtual_service: VirtualService) -> Iterator[tuple[tuple[Block, ...], Answer]]:
        """The rules with what delegates make of them."""
        for i, rule in enumerate(virtual_service.rules):
            name = f"{virtual_service.namespace}/{virtual_service.name}/{i}"
            if rule.delegate is None:
                yield rule.blocks, Answer(name)
                continue
            leaf = self._delegate(rule.delegate, virtual_service.namespace)
            for n, inner in enumerate(leaf.rules if leaf else ()):
                blocks = combined(rule.blocks, inner.blocks)
                if leaf is not None and blocks is not None:
                    yield blocks, Answer(f"{leaf.namespace}/{leaf.name}/{n}", name)

    def _delegate(self, key: tuple[str, str], root: str) -> VirtualService | None:
        return next(
            (
                v
                for v in self.virtual_services
                if (v.namespace, v.name) == key and not v.hosts and v.is_seen_in(root)
            ),
            None,
        )


def takes(block: Block, request: Request) -> bool:
    """Whether what is asked of the request itself holds."""
    values, parameters = request.values, request.parameters
    return (
        (block.uri is None or block.uri.holds(request.path, ignores_case=block.ignores_case))
        and (block.method is None or block.method.holds(request.method))
        and (block.authority is None or block.authority.holds(request.host))
        and (block.scheme is None or block.scheme.holds("http"))
        and all(any(map(text.holds, values.get(name, ()))) for name, text in block.headers)
        and not any(_spoils(name, text, values) for name, text in block.without)
        and all(name in parameters and text.holds(parameters[name]) for name, text in block.query)
    )


def _spoils(name: str, text: Text, values: Mapping[str, list[str]]) -> bool:
    """Whether a header that must not be so is so; a missing one counts as empty."""
    return name in values if text.is_presence else any(map(text.holds, values.get(name, [""])))


def _merged(sources: Sequence[Sequence[_Route]]) -> list[_Route]:
    """VirtualServices one after another; what catches all goes behind everything else."""
    routes = [route for source in sources for route in source]
    return sorted(routes, key=lambda route: route.block.catches_all)


def _domain(name: str, domains: Mapping[str, object]) -> str | None:
    """The exact one, else the longest suffix, else everything. To Envoy a star stands for at least
    one character.
    """
    if name in domains:
        return name
    wild = (d for d in domains if d[0] == "*" and len(d) <= len(name) and name.endswith(d[1:]))
    return max(wild, key=len, default=None)


def _is_within(narrow: str, wide: str) -> bool:
    """Whether each name of one is one of the other. To Istio a star may stand for nothing."""
    if narrow == wide or wide == "*":
        return True
    return wide.startswith("*") and narrow.lstrip("*").endswith(wide[1:])


def _meeting(server: Server, virtual_service: VirtualService) -> Iterator[str]:
    """The narrower of each pair of hosts that overlap."""
    for served in server.hosts:
        namespace, _, host = served.rpartition("/")
        if namespace not in ("", "*", virtual_service.namespace):
            continue
        for bound in virtual_service.hosts:
            if _is_within(bound, host):
                yield bound
            elif _is_within(host, bound):
                yield host


def combined(root: tuple[Block, ...], leaf: tuple[Block, ...]) -> tuple[Block, ...] | None:
    """The blocks of a delegate's rule under those of the rule that delegates to it."""
    if not root or not leaf:
        return root or leaf
    pairs: list[Block] = []
    for inner in leaf:
        fitting = [outer for outer in root if not _contradict(outer, inner)]
        if not fitting:
            return None
        pairs += [_joined(outer, inner) for outer in fitting]
    return tuple(pairs)


def _joined(root: Block, leaf: Block) -> Block:
    return replace(
        leaf,
        uri=leaf.uri or root.uri,
        method=leaf.method or root.method,
        authority=leaf.authority or root.authority,
        scheme=leaf.scheme or root.scheme,
        headers=_united(root.headers, leaf.headers),
        without=_united(root.without, leaf.without),
        query=_united(root.query, leaf.query),
        port=leaf.port or root.port,
        gateways=leaf.gateways or root.gateways,
        source_labels=tuple(
            sorted({**dict(root.source_labels), **dict(leaf.source_labels)}.items())
        ),
        source_namespace=leaf.source_namespace or root.source_namespace,
    )


def _united(root: Texts, leaf: Texts) -> Texts:
    return tuple({**dict(root), **dict(leaf)}.items())


def _contradict(root: Block, leaf: Block) -> bool:
    pairs = [
        (root.uri, leaf.uri),
        (root.method, leaf.method),
        (root.authority, leaf.authority),
        (root.scheme, leaf.scheme),
        *_shared(root.headers, leaf.headers),
        *_shared(root.without, leaf.without),
        *_shared(root.query, leaf.query),
    ]
    labels = dict(root.source_labels)
    return (
        any(a is not None and b is not None and not _contains(a, b) for a, b in pairs)
        or root.ignores_case != leaf.ignores_case
        or (root.port != 0 and leaf.port not in (0, root.port))
        or root.source_namespace not in ("", leaf.source_namespace)
        or any(labels.get(label, value) != value for label, value in leaf.source_labels)
        or (root.gateways != () and not set(leaf.gateways) <= set(root.gateways))
    )


def _shared(root: Texts, leaf: Texts) -> list[tuple[Text, Text]]:
    inner = dict(leaf)
    return [(text, inner[name]) for name, text in root if name in inner]


def _contains(root: Text, leaf: Text) -> bool:
    """A regex contains nothing and is in nothing; a prefix contains what begins with it."""
    if root.exact:
        return leaf == root
    if root.prefix:
        return (leaf.exact or leaf.prefix or "").startswith(root.prefix)
    return False
