"""``match`` of a VirtualService's HTTP rule as ``matches`` of an HTTPRoute.

Headers and query parameters by prefix or by presence become regular expressions, which say the
same. What Gateway API cannot ask for is reported at its place.
Source: https://gateway-api.sigs.k8s.io/reference/spec/#httproutematch
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from controlplane.base.codes import NO_COUNTERPART
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.documents.yaml import Data
from controlplane.kinds.istio.selection import StringMatch
from controlplane.kinds.istio.virtual_service import HttpMatch
from controlplane.migrate.paths import RoutePath, quoted
from controlplane.model.http_match import Exact, PathMatch, Prefix, Present, Regex, ValueMatch
from controlplane.translate.istio.http_match import path_match, value_match

METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
)
NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,256}")
_MOST: Final = 16  # headers, or query parameters, of one match
_HEADER_LIMIT: Final = 4096  # characters of a header's value
_QUERY_LIMIT: Final = 1024
_ELSEWHERE: Final = frozenset({"uri", "scheme", "method", "authority", "host"})
"""Headers of these names are fields of their own to Istio."""

_ABSENT: Final[Mapping[str, str]] = {
    "scheme": "a condition on the scheme",
    "authority": "a condition on the authority beside the hostnames",
    "without_headers": "a condition that a header is missing or otherwise",
    "ignore_uri_case": "a path whose case does not matter",
    "source_labels": "a condition on the labels of the caller",
    "source_namespace": "a condition on the namespace of the caller",
    "stat_prefix": "statistics of a match under a name of their own",
}
_FIELD: Final[Mapping[str, str]] = {
    "without_headers": "withoutHeaders",
    "ignore_uri_case": "ignoreUriCase",
    "source_labels": "sourceLabels",
    "source_namespace": "sourceNamespace",
    "stat_prefix": "statPrefix",
}
_HINTS: Final[Mapping[str, str]] = {
    "ignore_uri_case": "write a regex that begins with (?i)",
    "authority": "make it a host of the VirtualService",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedMatch:
    """What one match asks for: its path as Istio has it, all else as an HTTPRoute has it."""

    path: PathMatch
    method: str | None = None
    headers: tuple[Mapping[str, Data], ...] = ()
    query: tuple[Mapping[str, Data], ...] = ()

    @property
    def is_only_path(self) -> bool:
        return self.method is None and not self.headers and not self.query

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Sort key among matches whose paths rank alike: what is tried first."""
        return self.method is None, -len(self.headers), -len(self.query)

    def data(self, path: RoutePath) -> dict[str, Data]:
        """The match in an HTTPRoute."""
        data: dict[str, Data] = {"path": {"type": path.type.value, "value": path.value}}
        if self.method is not None:
            data["method"] = self.method
        if self.headers:
            data["headers"] = list(self.headers)
        if self.query:
            data["queryParams"] = list(self.query)
        return data


EVERYTHING: Final = AskedMatch(path=Prefix("/"))


def asked_match(report: Report, at: FieldRef, match: HttpMatch) -> AskedMatch:
    """What ``match`` asks for, without ``port`` and ``gateways``, which are decided before."""
    for field, what in _ABSENT.items():
        if getattr(match, field):
            place = at / _FIELD.get(field, field)
            report.add(
                NO_COUNTERPART, place, f"Gateway API has no {_bare(what)}", hint=_HINTS.get(field)
            )
    return AskedMatch(
        path=path_match(match.uri),
        method=_method(report, at / "method", match.method),
        headers=_headers(report, at / "headers", match.headers),
        query=_values(report, at / "queryParams", match.query_params, limit=_QUERY_LIMIT),
    )


def _bare(what: str) -> str:
    return what.removeprefix("a ")


def _method(report: Report, at: FieldRef, method: StringMatch | None) -> str | None:
    if method is None:
        return None
    value = value_match(method)
    if isinstance(value, Exact) and value.text in METHODS:
        return value.text
    report.add(
        NO_COUNTERPART,
        at,
        "Gateway API matches one method by its exact name, and knows the nine of HTTP",
        hint="write a match for each method",
    )
    return None


def _headers(
    report: Report, at: FieldRef, headers: Mapping[str, StringMatch]
) -> tuple[Mapping[str, Data], ...]:
    for name in headers:
        if name.startswith("@"):
            report.add(
                NO_COUNTERPART, at / name, "Gateway API has no condition on the claims of a token"
            )
        elif name.lower() in _ELSEWHERE or name.startswith(":"):
            report.add(NO_COUNTERPART, at / name, f'Gateway API has no header match for "{name}"')
    lower = [name.lower() for name in headers]
    for name in headers:
        if lower.count(name.lower()) > 1:
            report.add(
                NO_COUNTERPART, at / name, "Gateway API uses only the first match of a header"
            )
    plain = {name: text for name, text in headers.items() if name[0] not in "@:"}
    return _values(report, at, plain, limit=_HEADER_LIMIT)


def _values(
    report: Report, at: FieldRef, texts: Mapping[str, StringMatch], *, limit: int
) -> tuple[Mapping[str, Data], ...]:
    if len(texts) > _MOST:
        report.add(NO_COUNTERPART, at, f"a match of an HTTPRoute has at most {_MOST} of them")
    found: list[Mapping[str, Data]] = []
    for name, text in sorted(texts.items()):
        wanted = _value(value_match(text))
        if wanted is None:
            report.add(
                NO_COUNTERPART, at / name, "an HTTPRoute cannot ask for a value that is empty"
            )
        elif NAME.fullmatch(name) is None or len(str(wanted["value"])) > limit:
            report.add(NO_COUNTERPART, at / name, "an HTTPRoute does not take this name or value")
        else:
            found.append({"name": name, **wanted})
    return tuple(found)


def _value(value: ValueMatch) -> dict[str, Data] | None:
    match value:
        case Exact(text=text):
            return {"type": "Exact", "value": text} if text else None
        case Prefix(text=text):
            return {"type": "RegularExpression", "value": f"{quoted(text)}.*"}
        case Regex(pattern=pattern):
            return {"type": "RegularExpression", "value": pattern} if pattern else None
        case Present():
            return {"type": "RegularExpression", "value": ".*"}


def may_both_hold(one: AskedMatch, other: AskedMatch) -> bool:
    """Whether a request may meet the conditions of both besides their paths. A header may be there
    several times, so its values exclude nothing.
    """
    if one.method is not None and other.method is not None and one.method != other.method:
        return False
    wanted = {item["name"]: item["value"] for item in one.query if item["type"] == "Exact"}
    return not any(
        item["type"] == "Exact" and wanted.get(item["name"], item["value"]) != item["value"]
        for item in other.query
    )
