"""What is done with a request: the routes that both user APIs become and that Envoy's routes are
made of.

Conditions are in ``http_match``, what is done besides (headers, faults, CORS) in ``http_policy``.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from http import HTTPStatus
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.model.http_match import RouteMatch
from controlplane.model.http_policy import NO_CHANGES, Cors, Fault, HeaderChanges, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderHash:
    """Requests with the same value of this header go to the same endpoint."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieHash:
    """``ttl`` of ``None`` never makes the cookie, of zero makes one for the session."""

    name: str
    ttl: timedelta | None = None
    path: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryHash:
    name: str


@dataclass(frozen=True, slots=True)
class SourceIpHash:
    """Requests from one address go to the same endpoint."""


HashPolicy = HeaderHash | CookieHash | QueryHash | SourceIpHash


NAMED_STATUSES: Final = frozenset(status.value for status in HTTPStatus)
"""The statuses that Istio knows, all that HTTP has a name for: it retries no others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """``conditions`` are Envoy's words; ``statuses`` are retried where ``retriable-status-codes``
    is one.

    ``base_interval`` of ``None`` is Envoy's own (25 ms); ``per_try_timeout`` of ``None`` is none.
    """

    attempts: int
    conditions: tuple[str, ...]
    statuses: tuple[int, ...] = ()
    per_try_timeout: timedelta | None = None
    base_interval: timedelta | None = None
    avoids_tried_hosts: bool = True
    prefers_other_priorities: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacePrefix:
    """The part of the path that the match is about becomes ``text``; all of it for exact and regex
    matches.
    """

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceRegex:
    """Every place of the path where ``pattern`` (RE2) fits becomes ``substitution`` (``\\1`` is a
    group).
    """

    pattern: str
    substitution: str


PathRewrite = ReplacePrefix | ReplaceRegex


class Offer(Enum):
    """What the mesh's own TLS offers for a request, where its cluster cannot say it for all."""

    HTTP1 = auto()
    BY_REQUEST = auto()
    """The version of the request, which is sent on in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedCluster:
    """One of several clusters: ``weight`` is its share of the sum, ``offer`` is as in
    ``ForwardTo``.
    """

    cluster: str
    weight: int
    host_rewrite: str | None = None
    request_headers: HeaderChanges = NO_CHANGES
    response_headers: HeaderChanges = NO_CHANGES
    offer: Offer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A copy of the request, whose answer is dropped. ``parts_per_million`` of 1,000,000 copies
    every one.
    """

    cluster: str
    parts_per_million: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardTo:
    """To one cluster (its name), or to one of several by weight.

    ``timeout`` covers the whole request with its retries; ``None`` is no limit. ``retry`` of
    ``None`` is no retries. ``ignores_stream_limit``: what the proxy says of how long streams may
    last does not hold. ``offer`` is for the one cluster; ``None`` leaves it to the cluster.
    ``missing_status`` is the answer of a cluster that does not exist: 503 or 500.
    """

    target: str | tuple[WeightedCluster, ...]
    timeout: timedelta | None = None
    retry: RetryPolicy | None = None
    path_rewrite: PathRewrite | None = None
    host_rewrite: str | None = None
    appends_forwarded_host: bool = False
    mirrors: tuple[Mirror, ...] = ()
    hash_policies: tuple[HashPolicy, ...] = ()
    ignores_stream_limit: bool = False
    offer: Offer | None = None
    missing_status: int = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacePath:
    """The whole path becomes ``text``; the query stays unless ``text`` has one."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectTo:
    """What is ``None`` stays as it was in the request. ``status`` is 301, 302, 303, 307 or 308."""

    status: int = 301
    scheme: str | None = None
    host: str | None = None
    port: int | None = None
    path: ReplacePath | PathRewrite | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Respond:
    """The proxy answers itself."""

    status: int
    body: bytes = b""


Action = ForwardTo | RedirectTo | Respond


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The first route that matches is used.

    ``operation`` names it in traces and tells the upstream (x-envoy-decorator-operation); ``None``
    does neither.
    ``declared_by`` is the object that its virtual host got it from, which metadata names; ``None``
    leaves the metadata out. ``asks`` names the filter of the listener whose service decides its
    requests.
    """

    match: RouteMatch
    action: Action
    operation: str | None
    declared_by: ObjectKey | None
    name: str = ""
    stat_prefix: str = ""
    request_headers: HeaderChanges = NO_CHANGES
    response_headers: HeaderChanges = NO_CHANGES
    fault: Fault | None = None
    cors: Cors | None = None
    session: Session | None = None
    asks: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """A route and every field of the user's text that made it, the nearest first: the match block,
    its rule, the rule that delegates to it, then what gave a default or a policy.
    """

    route: Route
    origins: tuple[FieldRef, ...]
