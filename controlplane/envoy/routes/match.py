"""When a route applies: Envoy's RouteMatch.

Source: envoy/config/route/v3/route_components.proto (``RouteMatch``, ``HeaderMatcher``,
``QueryParameterMatcher``), envoy/type/matcher/v3/metadata.proto.
"""

from typing import Final

from envoy.config.route.v3.route_components_pb2 import (
    HeaderMatcher,
    QueryParameterMatcher,
    RouteMatch as RouteMatchMessage,
)
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.value_pb2 import ListMatcher, OrMatcher, ValueMatcher
from google.protobuf.wrappers_pb2 import BoolValue

from controlplane.envoy.fraction import runtime_fraction
from controlplane.envoy.optional import opt
from controlplane.envoy.text_matcher import regex, string_matcher
from controlplane.model.http_match import (
    ClaimMatch,
    Exact,
    HeaderMatch,
    Missing,
    Prefix,
    Present,
    QueryMatch,
    Regex,
    RouteMatch,
    Segments,
    ValueMatch,
)

JWT_AUTHN: Final = "envoy.filters.http.jwt_authn"
CLAIMS: Final = "payload"  # where jwt_authn is configured to keep a token's claims


def route_match(match: RouteMatch) -> RouteMatchMessage:
    """Envoy's match; the path is compared with its case unless ``ignores_case``."""
    path = match.path
    return RouteMatchMessage(
        prefix=path.text if isinstance(path, Prefix) else None,
        path=path.text if isinstance(path, Exact) else None,
        safe_regex=regex(path.pattern) if isinstance(path, Regex) else None,
        path_separated_prefix=path.text if isinstance(path, Segments) else None,
        case_sensitive=BoolValue(value=False) if match.ignores_case else None,
        headers=[header_matcher(header) for header in match.headers],
        query_parameters=[query_matcher(query) for query in match.query],
        dynamic_metadata=[claim_matcher(claim) for claim in match.claims],
        runtime_fraction=opt(runtime_fraction, match.share),
    )


def header_matcher(header: HeaderMatch) -> HeaderMatcher:
    if isinstance(header.value, Present):
        return HeaderMatcher(name=header.name, present_match=True, invert_match=header.negated)
    return HeaderMatcher(
        name=header.name,
        string_match=string_matcher(header.value),
        invert_match=header.negated,
        treat_missing_header_as_empty=header.missing is Missing.EMPTY,
    )


def query_matcher(query: QueryMatch) -> QueryParameterMatcher:
    if isinstance(query.value, Present):
        return QueryParameterMatcher(name=query.name, present_match=True)
    return QueryParameterMatcher(name=query.name, string_match=string_matcher(query.value))


def claim_matcher(claim: ClaimMatch) -> MetadataMatcher:
    keys = (CLAIMS, *claim.path)
    return MetadataMatcher(
        filter=JWT_AUTHN,
        path=[MetadataMatcher.PathSegment(key=key) for key in keys],
        value=_claim_value(claim.value),
        invert=claim.negated,
    )


def _claim_value(value: ValueMatch) -> ValueMatcher:
    if isinstance(value, Present):
        return ValueMatcher(present_match=True)
    one = ValueMatcher(string_match=string_matcher(value))
    # A claim may be a list or a string, and Envoy's matchers tell them apart.
    return ValueMatcher(
        or_match=OrMatcher(value_matchers=[ValueMatcher(list_match=ListMatcher(one_of=one)), one])
    )
