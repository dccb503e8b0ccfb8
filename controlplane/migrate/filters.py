"""What an HTTP rule does besides choosing a destination, as ``filters``, ``timeouts`` and ``retry``
of an HTTPRoute's rule.

Each function reports what has no counterpart and gives what has one.
Source: https://gateway-api.sigs.k8s.io/reference/spec/#httproutefilter
"""

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final

from controlplane.base.codes import NO_COUNTERPART
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.wording import listed
from controlplane.documents.yaml import Data
from controlplane.kinds.istio.virtual_service import (
    CorsPolicy,
    HeaderOperations,
    Headers,
    HttpRetry,
    MirrorPolicy,
    UnmatchedPreflights,
)
from controlplane.kinds.spec import Duration
from controlplane.migrate.matches import METHODS, NAME
from controlplane.translate.istio.http_policy import MILLION, parts_per_million
from controlplane.translate.istio.http_retry import retry_on

Filter = dict[str, Data]
HOSTNAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*"
)
ALWAYS_RETRIED: Final = frozenset({"connect-failure", "refused-stream", "unavailable", "cancelled"})
"""What every ``retry`` of an HTTPRoute is for, besides its codes."""
_BY_STATUS: Final = "retriable-status-codes"
_RESET: Final = "reset"
_ORIGIN: Final = re.compile(r"https?://[a-z0-9][-a-z0-9.]*(:[0-9]{1,5})?")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_MOST: Final = 16  # headers of one filter that are set, added or removed
_MOST_ORIGINS: Final = 64
_LONGEST: Final = 99_999  # of a unit in a duration of Gateway API
_MILLISECOND: Final = 1_000_000  # nanoseconds
_UNITS: Final = (("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


def header_filters(report: Report, at: FieldRef, headers: Headers | None) -> Iterator[Filter]:
    """The changes of headers of requests, then of responses."""
    if headers is None:
        return
    sides = (
        ("request", "RequestHeaderModifier", "requestHeaderModifier", headers.request),
        ("response", "ResponseHeaderModifier", "responseHeaderModifier", headers.response),
    )
    for side, kind, field, operations in sides:
        if operations is not None:
            changes = _header_changes(report, at / side, operations)
            if changes:
                yield {"type": kind, field: changes}


def _header_changes(report: Report, at: FieldRef, operations: HeaderOperations) -> dict[str, Data]:
    _check_names(report, at, operations)
    changes: dict[str, Data] = {}
    for action, values in (("set", operations.set), ("add", operations.add)):
        for name, value in values.items():
            if "%" in value:
                report.add(
                    NO_COUNTERPART,
                    at / action / name,
                    "Gateway API has no commands of Envoy in header values, only plain text",
                )
        if values:
            changes[action] = [{"name": n, "value": v} for n, v in sorted(values.items())]
    if operations.remove:
        changes["remove"] = list(operations.remove)
    return changes


def _check_names(report: Report, at: FieldRef, operations: HeaderOperations) -> None:
    actions = {
        "set": tuple(operations.set),
        "add": tuple(operations.add),
        "remove": operations.remove,
    }
    named = [name.lower() for names in actions.values() for name in names]
    for action, names in actions.items():
        if len(names) > _MOST:
            report.add(
                NO_COUNTERPART, at / action, f"a filter of an HTTPRoute has at most {_MOST} of them"
            )
        for i, name in enumerate(names):
            place = at / action / (i if action == "remove" else name)
            if name.lower() == "host" or name.startswith(":"):
                report.add(NO_COUNTERPART, place, f'a header filter cannot change "{name}"')
            elif NAME.fullmatch(name) is None:
                report.add(NO_COUNTERPART, place, f'Gateway API takes no header named "{name}"')
            elif named.count(name.lower()) > 1:
                report.add(
                    NO_COUNTERPART, place, f'Gateway API changes a header once, "{name}" twice here'
                )


def mirror_filter(policy: MirrorPolicy, ref: Mapping[str, Data]) -> Filter | None:
    """A copy of the requests, or of a share of them; ``None`` where it is none of them."""
    share = parts_per_million(policy.percentage) if policy.percentage else MILLION
    if not share:
        return None
    mirror: dict[str, Data] = {"backendRef": ref}
    if share != MILLION:
        percent = Fraction(share * 100, MILLION)
        if percent.denominator == 1:
            mirror["percent"] = percent.numerator
        else:
            part = Fraction(share, MILLION)
            mirror["fraction"] = {"numerator": part.numerator, "denominator": part.denominator}
    return {"type": "RequestMirror", "requestMirror": mirror}


def cors_filter(report: Report, at: FieldRef, policy: CorsPolicy) -> Filter:
    """The policy, where every part of it means the same in both APIs."""
    if policy.unmatched_preflights is not UnmatchedPreflights.IGNORE:
        report.add(
            NO_COUNTERPART,
            at,
            "a preflight that the policy does not allow is forwarded, but answered by Gateway API",
            hint="set unmatchedPreflights: IGNORE if the proxy is to answer it",
        )
    cors: dict[str, Data] = {"allowOrigins": _origins(report, at, policy)}
    if policy.allow_credentials:
        cors["allowCredentials"] = True
    lists = (
        ("allowMethods", policy.allow_methods),
        ("allowHeaders", policy.allow_headers),
        ("exposeHeaders", policy.expose_headers),
    )
    for field, values in lists:
        known = METHODS if field == "allowMethods" else None
        for i, value in enumerate(values):
            if (value not in known) if known else _TOKEN.fullmatch(value) is None or value == "*":
                report.add(
                    NO_COUNTERPART,
                    at / field / i,
                    f'a CORS filter has no "{value}" that means the same',
                )
        if values:
            cors[field] = list(values)
    seconds, rest = divmod(policy.max_age.nanoseconds, 1_000_000_000) if policy.max_age else (0, 1)
    if rest or seconds < 1:
        report.add(
            NO_COUNTERPART,
            at / "maxAge" if policy.max_age else at,
            "a CORS filter keeps answers for 5 s or for a number of whole seconds, never for none",
            hint="write maxAge in seconds",
        )
    cors["maxAge"] = seconds
    return {"type": "CORS", "cors": cors}


def _origins(report: Report, at: FieldRef, policy: CorsPolicy) -> list[Data]:
    origins: list[Data] = []
    exact = [origin.exact for origin in policy.allow_origins] or list(policy.allow_origin)
    field = "allowOrigins" if policy.allow_origins else "allowOrigin"
    for i, origin in enumerate(exact):
        if origin is None or _ORIGIN.fullmatch(origin) is None:
            report.add(
                NO_COUNTERPART,
                at / field / i,
                "a CORS filter takes whole origins (https://example.com), not patterns of text",
            )
        else:
            origins.append(origin)
    if not exact or len(exact) > _MOST_ORIGINS:
        report.add(NO_COUNTERPART, at, f"a CORS filter has 1 to {_MOST_ORIGINS} origins")
    return origins


def duration_text(report: Report, at: FieldRef, duration: Duration) -> str:
    """``1m30s``: a duration of Gateway API (GEP-2257)."""
    milliseconds, rest = divmod(duration.nanoseconds, _MILLISECOND)
    text = ""
    left = milliseconds
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count:
            text += f"{count}{unit}"
        if count > _LONGEST:
            report.add(NO_COUNTERPART, at, "the duration is longer than Gateway API can say")
    if rest or milliseconds < 0:
        report.add(NO_COUNTERPART, at, "Gateway API counts time in whole milliseconds")
    return text or "0s"


def retry(report: Report, at: FieldRef, retries: HttpRetry) -> dict[str, Data]:
    """``retry`` of the rule; the time for each try is one of its ``timeouts``."""
    conditions, statuses = retry_on(retries.retry_on)
    if retries.attempts < 1:
        report.add(NO_COUNTERPART, at / "attempts", "Gateway API cannot switch retries off")
    # Without statuses this one is about a header that Envoy takes from no client outside.
    # A try without a limit is also repeated when its connection breaks, see GEP-1731.
    always = ALWAYS_RETRIED if retries.per_try_timeout else ALWAYS_RETRIED | {_RESET}
    if frozenset(conditions) - {_BY_STATUS} != always:
        report.add(
            NO_COUNTERPART,
            at / "retryOn" if retries.retry_on else at,
            f"a retry of an HTTPRoute is after {listed(sorted(always))} besides status codes, "
            "and after nothing else",
            hint=None if retries.per_try_timeout else "set perTryTimeout, which leaves out reset",
        )
    if any(not 400 <= status <= 599 for status in statuses):
        report.add(NO_COUNTERPART, at / "retryOn", "Gateway API retries statuses from 400 to 599")
    for field, value in (
        ("retryRemoteLocalities", retries.retry_remote_localities),
        ("retryIgnorePreviousHosts", retries.retry_ignore_previous_hosts),
    ):
        if value is not None:
            report.add(NO_COUNTERPART, at / field, f"Gateway API has no {field}")
    data: dict[str, Data] = {"attempts": retries.attempts}
    if statuses:
        data["codes"] = list(statuses)
    if retries.backoff is not None:
        data["backoff"] = duration_text(report, at / "backoff", retries.backoff)
    return data
