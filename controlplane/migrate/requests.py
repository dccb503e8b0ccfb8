"""Requests at the edges of every match of VirtualServices: with each path that a condition just
takes or just does not, each header and query parameter as wanted, otherwise and absent.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice, product
from typing import Final

from controlplane.base.names import Host
from controlplane.kinds.istio.selection import StringMatch
from controlplane.kinds.istio.virtual_service import HttpMatch
from controlplane.migrate.envoy_routing import Request
from controlplane.migrate.paths import boundaries
from controlplane.model.http_match import Exact, Prefix, Present, Regex
from controlplane.translate.istio.http_match import path_match, value_match

_MOST: Final = 2_000  # requests for the hosts of one VirtualService
_USUAL_PATHS: Final = ("/", "/x", "/x/y")
_OTHER_METHOD: Final = "PATCH"
_OTHER: Final = "other"
_PROBES: Final = ("", "1", "a", "/x", "0123")


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """Where requests are sent: the port that a listener really has, and whether with TLS."""

    port: int
    https: bool
    host: Host


def requests(endpoints: Iterable[Endpoint], matches: Iterable[HttpMatch]) -> Iterator[Request]:
    """Requests for ``endpoints`` about ``matches``: at each the same, for every spelling of hosts
    a few.
    """
    asked = tuple(matches) or (HttpMatch(),)
    shapes = tuple(islice(_shapes(asked), _MOST))
    for endpoint in endpoints:
        first, *others = _hosts(endpoint.host)
        yield from (_to(endpoint, first, shape) for shape in shapes)
        for host in others:
            yield from (_to(endpoint, host, shape) for shape in shapes[:8])


def _to(endpoint: Endpoint, host: str, shape: Request) -> Request:
    name = host.partition(":")[0].lower() if endpoint.https else None
    return replace(shape, port=endpoint.port, host=host, server_name=name)


def _hosts(host: Host) -> tuple[str, ...]:
    if host == "*":
        return ("any.example", "other.test")
    if host.startswith("*."):
        below = host[2:]
        return (f"any.{below}", f"a.b.{below}", below, f"x{below}")
    return (host, f"{host}:81", host.upper(), f"below.{host}", f"x{host}")


def _shapes(matches: tuple[HttpMatch, ...]) -> Iterator[Request]:
    """What varies besides the host, the most telling first."""
    wholes = [whole for match in matches for whole in _meeting(match)]
    paths = tuple(dict.fromkeys(chain(_paths(matches), _USUAL_PATHS)))
    found = chain(
        wholes,
        (Request(port=0, host="", path=path) for path in paths),
        chain.from_iterable(_spoiled(one, matches) for one in wholes),
        (replace(one, path=path) for one, path in product(wholes, paths)),
        (_joined(one, other) for one, other in product(wholes, wholes)),
    )
    yield from dict.fromkeys(found)


def _paths(matches: Iterable[HttpMatch]) -> Iterator[str]:
    for match in matches:
        if match.uri is not None:
            for path in boundaries(path_match(match.uri)):
                if path.startswith("/") and "?" not in path:
                    yield path


def _meeting(match: HttpMatch) -> Iterator[Request]:
    """Requests that meet the match, by each path that may."""
    paths = [path for path in _paths((match,)) if _is_taken(match, path)][:3]
    for path in paths or ["/"]:
        yield Request(
            port=0,
            host="",
            method=next(iter(_values(match.method)), "GET") if match.method else "GET",
            path=path,
            headers=tuple(
                (name.lower(), value)
                for name, text in sorted(match.headers.items())
                for value in _values(text)[:1]
            ),
            query=tuple(
                (name, value)
                for name, text in sorted(match.query_params.items())
                for value in _values(text)[:1]
            ),
        )


def _is_taken(match: HttpMatch, path: str) -> bool:
    asked = path_match(match.uri)
    match asked:
        case Exact(text=text):
            return path == text
        case Prefix(text=text):
            return path.startswith(text)
    return True


def _values(text: StringMatch) -> tuple[str, ...]:
    """Values that a condition takes, as far as they are easily found."""
    value = value_match(text)
    match value:
        case Exact(text=wanted):
            return (wanted,)
        case Prefix(text=wanted):
            return (f"{wanted}1", wanted)
        case Present():
            return ("1",)
        case Regex(pattern=pattern):
            beginnings = tuple(boundaries(Regex(pattern)))
            return tuple(dict.fromkeys((*beginnings, *_PROBES)))


def _spoiled(one: Request, matches: tuple[HttpMatch, ...]) -> Iterator[Request]:
    """``one`` with a single part otherwise."""
    yield replace(one, method=_OTHER_METHOD)
    for i, (name, value) in enumerate(one.headers):
        rest = (*one.headers[:i], *one.headers[i + 1 :])
        yield replace(one, headers=rest)
        yield replace(one, headers=(*rest, (name, _OTHER)))
        yield replace(one, headers=(*rest, (name, f"{value}x")))
        yield replace(one, headers=(*rest, (name, "")))
    for i, (name, value) in enumerate(one.query):
        others = (*one.query[:i], *one.query[i + 1 :])
        yield replace(one, query=others)
        yield replace(one, query=(*others, (name, _OTHER)))
        yield replace(one, query=(*others, (name, f"{value}x")))
        yield replace(one, query=(*others, (name, "")))
        yield replace(one, query=(*others, (name.upper(), value)))
    for match in matches:
        for name, text in match.without_headers.items():
            values = _values(text)[:1]
            yield replace(one, headers=(*one.headers, (name.lower(), (*values, "1")[0])))


def _joined(one: Request, other: Request) -> Request:
    """``one`` with the headers and the query of both."""
    return replace(
        one,
        method=other.method if one.method == "GET" else one.method,
        headers=tuple(dict((*other.headers, *one.headers)).items()),
        query=tuple(dict((*other.query, *one.query)).items()),
    )
