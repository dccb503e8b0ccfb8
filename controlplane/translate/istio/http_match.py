"""``match`` of a VirtualService's HTTP rule: the conditions that Envoy looks at for each request.

Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest
"""

import re
from typing import Final

from controlplane.kinds.istio.selection import StringMatch
from controlplane.kinds.istio.virtual_service import HttpMatch
from controlplane.model.http_match import (
    ClaimMatch,
    Exact,
    HeaderMatch,
    Missing,
    PathMatch,
    Prefix,
    Present,
    QueryMatch,
    Regex,
    RouteMatch,
    ValueMatch,
)

EVERYTHING: Final = RouteMatch()
_CLAIM: Final = re.compile(
    r"@request\.auth\.claims(?:\.(?P<dotted>.+)|\[(?P<bracketed>.+)\])", re.I
)


def route_match(match: HttpMatch | None) -> RouteMatch:
    """The conditions of one block; a rule without any block matches everything."""
    if match is None:
        return EVERYTHING
    headers = (*_headers(match), *_pseudo_headers(match))
    return RouteMatch(
        path=path_match(match.uri),
        ignores_case=match.ignore_uri_case,
        headers=headers,
        query=tuple(
            QueryMatch(name=name, value=value_match(text))
            for name, text in sorted(match.query_params.items())
        ),
        claims=_claims(match),
    )


def path_match(uri: StringMatch | None) -> PathMatch:
    """The path, without the query. A prefix is one of text, not of segments."""
    if uri is None:
        return Prefix("/")
    value = value_match(uri)
    return Prefix("/") if isinstance(value, Present) else value


def value_match(text: StringMatch) -> ValueMatch:
    """None of the three, or the regex ``*``, which is not one of RE2, asks for presence."""
    if text.exact is not None:
        return Exact(text.exact)
    if text.prefix is not None:
        return Prefix(text.prefix)
    if text.regex is not None and text.regex != "*":
        return Regex(text.regex)
    return Present()


def claim_path(header: str) -> tuple[str, ...] | None:
    """``@request.auth.claims.a.b`` and ``…claims[a][b]`` are claims of the token, not headers."""
    found = _CLAIM.fullmatch(header)
    if found is None:
        return None
    if found["dotted"] is not None:
        return tuple(found["dotted"].split("."))
    return tuple(found["bracketed"].split("]["))


def _headers(match: HttpMatch) -> tuple[HeaderMatch, ...]:
    wanted = (
        HeaderMatch(name=name, value=value_match(text)) for name, text in match.headers.items()
    )
    # A request without the header is one whose header is empty: so Istio, against Envoy's default.
    unwanted = (
        HeaderMatch(name=name, value=value_match(text), negated=True, missing=Missing.EMPTY)
        for name, text in match.without_headers.items()
    )
    headers = [h for h in (*wanted, *unwanted) if claim_path(h.name) is None]
    return tuple(sorted(headers, key=lambda header: header.name))


def _pseudo_headers(match: HttpMatch) -> tuple[HeaderMatch, ...]:
    conditions = (
        (":method", match.method),
        (":authority", match.authority),
        (":scheme", match.scheme),
    )
    return tuple(
        HeaderMatch(name=name, value=value_match(text))
        for name, text in conditions
        if text is not None
    )


def _claims(match: HttpMatch) -> tuple[ClaimMatch, ...]:
    wanted = sorted(match.headers.items())
    unwanted = sorted(match.without_headers.items())
    return tuple(
        ClaimMatch(path=path, value=value_match(text), negated=negated)
        for names, negated in ((wanted, False), (unwanted, True))
        for name, text in names
        if (path := claim_path(name)) is not None
    )
