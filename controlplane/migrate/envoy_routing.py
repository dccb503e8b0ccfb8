"""What an Envoy does with a request, told from what it was sent: listener, filter chain, virtual
host, route.

Only what the control plane sends is known here: every route table is ordered, hosts are matched
without their port, headers and query parameters by text. What is not about a request (names,
metadata, statistics, traces) is left out of an answer, so that two answers can be compared.
Source: envoy/config/route/v3/route_components.proto
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import re2  # type: ignore[import-untyped]  # google-re2 comes without types
from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import (
    HeaderMatcher,
    QueryParameterMatcher,
    RedirectAction,
    Route,
    RouteAction,
    RouteMatch,
    VirtualHost,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as manager_pb2,
)
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.json_format import MessageToDict

from controlplane.base.hosts import short_name
from controlplane.base.wording import listed
from controlplane.envoy.resource import packed
from controlplane.queries.snapshot.snapshot import Resources

_BY_STATUS: Final = "retriable-status-codes"
_NOT_OF_A_REQUEST: Final = ("name", "match", "metadata", "decorator", "stat_prefix")
_CHANGES: Final = ("request_headers_to_add", "response_headers_to_add")
_LONGEST_HOST: Final = 1_000
_SERVER_ERROR: Final = RouteAction.ClusterNotFoundResponseCode.INTERNAL_SERVER_ERROR
Answer = Mapping[str, Any]
"""What is done with a request, as data. Any: the fields of Envoy's messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to a ``port`` of a proxy, with TLS for ``server_name`` where that is given."""

    port: int
    host: str
    server_name: str | None = None
    method: str = "GET"
    path: str = "/"
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        scheme = "http" if self.server_name is None else "https"
        query = "&".join(f"{name}={value}" for name, value in self.query)
        headers = "".join(f" {name}: {value}" for name, value in self.headers)
        return (
            f"{self.method} {scheme}://{self.host}{self.path}{'?' if query else ''}{query}{headers}"
        )


@dataclass(frozen=True)
class SentConfiguration:
    """The listeners and route tables of a proxy."""

    resources: Resources = field(repr=False)

    @cached_property
    def _listeners(self) -> Mapping[int, Listener]:
        found: dict[int, Listener] = {}
        for resource in self.resources.listeners.values():
            listener = Listener()
            packed(resource).Unpack(listener)
            found[listener.address.socket_address.port_value] = listener
        return found

    @cached_property
    def _tables(self) -> Mapping[str, RouteConfiguration]:
        found: dict[str, RouteConfiguration] = {}
        for resource in self.resources.routes.values():
            table = RouteConfiguration()
            packed(resource).Unpack(table)
            found[table.name] = table
        return found

    def answer(self, request: Request) -> Answer:
        listener = self._listeners.get(request.port)
        chain = _chain(listener, request.server_name) if listener is not None else None
        if chain is None:
            return {"refused": True}
        stream = _stream(chain)
        if stream is not None:
            return stream
        table = self._table(chain)
        virtual_host = _virtual_host(table, request.host) if table is not None else None
        if virtual_host is None:
            return {"status": 404}
        if virtual_host.require_tls and request.server_name is None:
            return {"redirect": {"scheme_redirect": "https"}, "path": request.path}
        taken = next((r for r in virtual_host.routes if _takes(r.match, request)), None)
        return {"status": 404} if taken is None else self._answer(taken, request)

    def _answer(self, route: Route, request: Request) -> Answer:
        """A cluster that does not exist is an answer of its own."""
        action = route.route
        names = [action.cluster] if action.cluster else []
        names += [share.name for share in action.weighted_clusters.clusters]
        missing = [name for name in names if self.resources.clusters.get(name) is None]
        if not missing:
            return _answer(route, request)
        status = 500 if action.cluster_not_found_response_code == _SERVER_ERROR else 503
        return {"status": status, "missing": missing, "path": request.path}

    def _table(self, chain: FilterChain) -> RouteConfiguration | None:
        for each in chain.filters:
            manager = manager_pb2.HttpConnectionManager()
            if each.typed_config.Unpack(manager):
                if manager.HasField("route_config"):
                    return manager.route_config
                return self._tables.get(manager.rds.route_config_name)
        return None


def _chain(listener: Listener, server_name: str | None) -> FilterChain | None:
    """The chain of the most specific name; without TLS one that asks for none."""
    ranked: list[tuple[int, FilterChain]] = []
    for chain in listener.filter_chains:
        names = chain.filter_chain_match.server_names
        if _is_for_tls(chain) != (server_name is not None):
            continue
        rank = max((_fit(n, server_name or "") for n in names), default=0)
        if not names or rank:
            ranked.append((rank, chain))
    return max(ranked, key=lambda found: found[0])[1] if ranked else None


def _is_for_tls(chain: FilterChain) -> bool:
    match = chain.filter_chain_match
    if chain.HasField("transport_socket") or match.server_names:
        return True
    return match.transport_protocol == "tls"


def _stream(chain: FilterChain) -> Answer | None:
    """Where connections go, for a chain that looks at no requests."""
    for each in chain.filters:
        proxy = TcpProxy()
        if each.typed_config.Unpack(proxy):
            proxy.ClearField("stat_prefix")
            proxy.ClearField("access_log")
            return {"stream": MessageToDict(proxy, preserving_proto_field_name=True)}
    return None


def _fit(domain: str, host: str) -> int:
    """How well a name or a wildcard fits ``host``: above 0 where it does, the exact one best."""
    domain = domain.lower()
    if domain == host:
        return _LONGEST_HOST
    if domain == "*":
        return 1
    if domain.startswith("*") and host.endswith(domain[1:]) and len(host) >= len(domain):
        return len(domain) + 1
    return 0


def _virtual_host(table: RouteConfiguration, host: str) -> VirtualHost | None:
    name = re.sub(r":\d+$", "", host).lower()
    ranked = [(_fit(domain, name), v) for v in table.virtual_hosts for domain in v.domains]
    best = max((rank for rank, _ in ranked), default=0)
    return next((v for rank, v in ranked if rank == best), None) if best else None


def _takes(match: RouteMatch, request: Request) -> bool:
    return (
        _takes_path(match, request.path)
        and all(_holds_header(m, request) for m in match.headers)
        and all(_holds_query(m, request.query) for m in match.query_parameters)
        and not match.dynamic_metadata
    )


def _takes_path(match: RouteMatch, path: str) -> bool:
    ignores = match.HasField("case_sensitive") and not match.case_sensitive.value
    text = path.lower() if ignores else path
    which = match.WhichOneof("path_specifier")
    if which == "safe_regex":
        return re2.fullmatch(match.safe_regex.regex, path) is not None
    wanted: str = getattr(match, which or "prefix")
    wanted = wanted.lower() if ignores else wanted
    if which == "path":
        return text == wanted
    if which == "path_separated_prefix":
        return text == wanted or text.startswith(f"{wanted}/")
    return text.startswith(wanted)


def _holds_header(matcher: HeaderMatcher, request: Request) -> bool:
    special = {":method": request.method, ":authority": request.host, ":scheme": _scheme(request)}
    name = matcher.name.lower()
    if name in special:
        values = [special[name]]
    else:
        values = [value for key, value in request.headers if key == name]
    if matcher.WhichOneof("header_match_specifier") == "present_match":
        return bool(values) is not matcher.invert_match
    if not values:
        if not matcher.treat_missing_header_as_empty:
            return False
        values = [""]
    return any(_matches(matcher.string_match, v) for v in values) is not matcher.invert_match


def _scheme(request: Request) -> str:
    return "http" if request.server_name is None else "https"


def _holds_query(matcher: QueryParameterMatcher, query: Sequence[tuple[str, str]]) -> bool:
    value = next((value for name, value in query if name == matcher.name), None)
    if value is None:
        return False
    return not matcher.HasField("string_match") or _matches(matcher.string_match, value)


def _matches(matcher: StringMatcher, value: str) -> bool:
    match matcher.WhichOneof("match_pattern"):
        case "exact":
            return value == matcher.exact
        case "prefix":
            return value.startswith(matcher.prefix)
        case "suffix":
            return value.endswith(matcher.suffix)
        case "contains":
            return matcher.contains in value
        case "safe_regex":
            return re2.fullmatch(matcher.safe_regex.regex, value) is not None
    return False


def _answer(route: Route, request: Request) -> Answer:
    """What the route does with a request that it takes."""
    found = Route()
    found.CopyFrom(route)
    for name in _NOT_OF_A_REQUEST:
        found.ClearField(name)
    action = found.WhichOneof("action")
    path: object = None
    if action == "route":
        path = _rewritten(route.match, found.route, request.path)
        _plain_action(found.route)
    elif action == "redirect":
        path = _redirected(route.match, found.redirect, request.path)
    data = MessageToDict(found, preserving_proto_field_name=True)
    for name in _CHANGES:
        if name in data:
            data[name] = sorted(map(repr, data[name]))
    return {**data, "path": path}


def _plain_action(action: RouteAction) -> None:
    """Leave out what is about no request, or is about the path."""
    action.ClearField("cluster_not_found_response_code")
    action.ClearField("prefix_rewrite")
    action.ClearField("regex_rewrite")
    retry = action.retry_policy
    if not retry.retriable_status_codes and _BY_STATUS in retry.retry_on:
        # Only a header makes use of it that Envoy takes from no client outside.
        conditions = (c for c in retry.retry_on.split(",") if c != _BY_STATUS)
        retry.retry_on = ",".join(conditions)


def _rewritten(match: RouteMatch, action: RouteAction, path: str) -> object:
    if action.prefix_rewrite:
        return _replaced(match, action.prefix_rewrite, path)
    if action.HasField("regex_rewrite"):
        return _substituted(
            action.regex_rewrite.pattern.regex, action.regex_rewrite.substitution, path
        )
    return path


def _redirected(match: RouteMatch, redirect: RedirectAction, path: str) -> object:
    which = redirect.WhichOneof("path_rewrite_specifier")
    if which == "path_redirect":
        path = redirect.path_redirect
    elif which == "prefix_rewrite":
        path = _replaced(match, redirect.prefix_rewrite, path)
    redirect.ClearField("path_redirect")
    redirect.ClearField("prefix_rewrite")
    return path


def _replaced(match: RouteMatch, text: str, path: str) -> str:
    """The part of the path that a match is about becomes ``text``."""
    which = match.WhichOneof("path_specifier")
    if which in ("prefix", "path_separated_prefix"):
        return text + path[len(getattr(match, which)) :]
    return text


def _substituted(pattern: str, substitution: str, path: str) -> object:
    """Every place of ``pattern`` replaced; what Python's expressions do not read, as it is."""
    try:
        return re.sub(pattern, substitution, path)
    except re.error:
        return (pattern, substitution, path)


def differences(
    before: SentConfiguration, after: SentConfiguration, requests: Iterable[Request]
) -> Iterator[tuple[Request, Answer, Answer]]:
    """The requests that are answered otherwise, with both answers."""
    for request in requests:
        then, now = before.answer(request), after.answer(request)
        if then != now:
            yield request, then, now


def in_short(answer: Answer) -> str:
    """Where a request goes, as messages say it."""
    match answer:
        case {"refused": True}:
            return "no listener"
        case {"status": status}:
            return str(status)
        case {"direct_response": {"status": status}}:
            return str(status)
        case {"stream": {"cluster": cluster}}:
            return f"{_service(cluster)} as it is"
        case {"stream": _}:
            return "several services as it is"
        case {"redirect": _}:
            return "another place, by a redirect"
        case {"route": {"cluster": cluster}, "path": path}:
            return f"{_service(cluster)} with path {path}"
        case {"route": {"weighted_clusters": {"clusters": shares}}, "path": path}:
            return f"{listed(_service(share['name']) for share in shares)} with path {path}"
    return "something else"


def _service(cluster: str) -> str:
    """``shop.default:80`` for ``outbound|80||shop.default.svc.cluster.local``."""
    match cluster.split("|"):
        case [_, port, "", host]:
            return f"{short_name(host)}:{port}"
    return cluster
