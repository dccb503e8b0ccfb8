"""Matches of requests that are accepted and cannot hold as they are meant: a pattern written as
plain text, a path that no request has, a method in lower case.

Envoy compares the path without its query; ``exact`` and ``prefix`` compare text as it is written,
``regex`` the value as a whole. Only warnings: Istio accepts all of these without a word.
Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#StringMatch,
envoy/config/route/v3/route_components.proto (``RouteMatch``)
"""

import json
import re
from collections.abc import Iterator
from typing import Final

from controlplane.base.codes import CLAIM_PRESENCE, MATCH_IMPOSSIBLE, MATCH_IS_TEXT
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.selection import StringMatch
from controlplane.kinds.istio.virtual_service import HttpMatch
from controlplane.kinds.validation import names
from controlplane.kinds.validation.string_patterns import beginning

_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
)
_SCHEMES: Final = ("http", "https")
_STAR_HEADERS: Final = frozenset({"accept", "if-match", "if-none-match", "range"})
"""Headers whose values contain a star of their own (RFC 9110)."""
_REGEX: Final = re.compile(
    r"^\^|^\(\?|\.[*+]|\\[dDwWsSbB./-]|\[(?:\^|\w-\w)[^\]]*\]|\([^)]*\|[^)]*\)", re.ASCII
)
"""What hardly any plain text has: an anchor, ``.*``, escapes, classes, alternatives."""
_TEMPLATE: Final = re.compile(r"\{\w[\w.-]*\}|(?<=/):[A-Za-z]\w*(?=/|$)", re.ASCII)
"""``{id}`` and ``:id``, as other routers write a part of a path."""
_SPECIAL: Final = re.compile(r"([.+?()\[\]{}|^$\\])")
_WORDS: Final = re.compile(r"\(?(\w+(?:\|\w+)*)\)?", re.ASCII)
_DOTS: Final = re.compile(r"/\.\.?(/|$)")


def check_match_mistakes(report: Report, at: FieldRef, match: HttpMatch) -> None:
    """Report each condition of a match that no request meets, or that means something else."""
    if match.uri is not None:
        _check_path(report, at / "uri", match.uri)
    if match.method is not None:
        _check_method(report, at / "method", match.method)
    if match.scheme is not None:
        _check_scheme(report, at / "scheme", match.scheme)
    if match.authority is not None:
        _check_authority(report, at / "authority", match.authority)
    for name, text in match.headers.items():
        if names.is_claim(name):
            _check_claim(report, at / "headers" / name, text)
        else:
            _check_header(report, at / "headers" / name, name, text)
    for word, values in (
        ("withoutHeaders", match.without_headers),
        ("queryParams", match.query_params),
    ):
        for name, text in values.items():
            if names.is_claim(name):
                _check_claim(report, at / word / name, text)
            for place, way, value in _plain(at / word / name, text):
                _report_pattern(report, place, way, value)


def _check_claim(report: Report, at: FieldRef, text: StringMatch) -> None:
    """Presence is served here as it is meant, which in a cluster takes down the whole port."""
    if text.exact is not None or text.prefix is not None or text.regex not in (None, "*"):
        return
    report.add(
        CLAIM_PRESENCE,
        at,
        "of a claim whose value does not matter istiod makes a route table that Envoy refuses as a "
        "whole: in a cluster every request to this port then gets 404",
        hint="name the values, as in regex: .+",
    )


def _plain(at: FieldRef, text: StringMatch) -> Iterator[tuple[FieldRef, str, str]]:
    """The text that is compared as it is written: its place, its field and itself."""
    if text.exact:
        yield at / "exact", "exact", text.exact
    if text.prefix:
        yield at / "prefix", "prefix", text.prefix


def _check_path(report: Report, at: FieldRef, text: StringMatch) -> None:
    for place, way, value in _plain(at, text):
        is_prefix = way == "prefix"
        impossible = _impossible_path(value, is_prefix=is_prefix)
        if _report_pattern(report, place, way, value, is_path=True):
            continue
        if impossible is not None:
            why, hint = impossible
            report.add(MATCH_IMPOSSIBLE, place, f"no request matches: {why}", hint=hint)
        elif "*" in value:
            message = (
                f'"*" is compared as it is: only paths with a star in that place match "{value}"'
            )
            report.add(MATCH_IS_TEXT, place, message, hint=_glob_hint(value, is_prefix=is_prefix))
    if text.regex:
        _check_path_regex(report, at / "regex", text.regex)


def _impossible_path(value: str, *, is_prefix: bool) -> tuple[str, str | None] | None:
    """Why no request has such a path, and what to write instead."""
    way = "prefix" if is_prefix else "exact"
    if "://" in value:
        _, _, rest = value.partition("://")
        path = f"/{rest.partition('/')[2]}"
        return (
            f'the path of "{value}" is "{path}" alone; the host is not a part of it',
            f"write {_quoted(path)}, and the host in spec.hosts",
        )
    if not value.startswith("/"):
        message = f'a path begins with a slash, "{value}" does not'
        return message, f"write {_quoted(names.with_slash(value))}"
    if "?" in value:
        path, _, query = value.partition("?")
        return (
            f'the query is not a part of the path, so none contains "?{query}"',
            f"write {way}: {_quoted(path)} and {_parameters(query)}",
        )
    if "#" in value:
        path = value.partition("#")[0]
        return "clients do not send what follows a #", f"write {_quoted(path)}"
    if _DOTS.search(value + ("x" if is_prefix else "")):
        return "Envoy resolves . and .. in the path first", None
    if not value.isascii() or any(c <= " " or c == "\x7f" for c in value):
        return "clients send spaces and letters beyond ASCII percent-encoded", (
            f"write {_quoted(_encoded(value))}"
        )
    return None


def _check_path_regex(report: Report, at: FieldRef, regex: str) -> None:
    body = regex.removeprefix("^")
    start = beginning(body)
    if start and not start.startswith("/"):
        message = (
            "no request matches: a path begins with a slash, what the expression matches does not"
        )
        report.add(MATCH_IMPOSSIBLE, at, message, hint=f"write {_quoted('/' + body)}")
    elif r"\?" in body and not set(body) & {"|", "("}:
        path = body.partition(r"\?")[0]
        message = "no request matches: the query is not a part of the path"
        report.add(
            MATCH_IMPOSSIBLE,
            at,
            message,
            hint=f"write {_quoted(path)}, and queryParams for the rest",
        )
    elif body.endswith("/*") and not _SPECIAL.search(body[:-2]):
        message = '"/*" in a regular expression means any number of slashes, not all paths below it'
        report.add(MATCH_IS_TEXT, at, message, hint=f"write {_quoted(body[:-1] + '.*')}")
    elif body != regex and body and not _SPECIAL.search(body):
        message = f'a regular expression has to match the whole path, so this is only "{body}"'
        report.add(MATCH_IS_TEXT, at, message, hint=f"write {_quoted(body + '.*')}")


def _check_method(report: Report, at: FieldRef, text: StringMatch) -> None:
    for place, _, value in _plain(at, text):
        wanted = [word.strip().upper() for word in re.split(r"[,|]", value)]
        if len(wanted) > 1 and _METHODS.issuperset(wanted):
            message = f'no request matches: "{value}" is compared as one method'
            hint = f"write regex: {_quoted('|'.join(wanted))}"
            report.add(MATCH_IMPOSSIBLE, place, message, hint=hint)
        elif value != value.upper() and value.upper() in _METHODS:
            _report_lower(report, place, value, value.upper())
    found = _WORDS.fullmatch(text.regex or "")
    words = found[1].split("|") if found else []
    if any(word != word.upper() and word.upper() in _METHODS for word in words):
        _report_lower(report, at / "regex", str(text.regex), str(text.regex).upper())


def _report_lower(report: Report, at: FieldRef, value: str, upper: str) -> None:
    message = f'no request matches: methods are upper case, "{value}" is not'
    report.add(MATCH_IMPOSSIBLE, at, message, hint=f"write {_quoted(upper)}")


def _check_scheme(report: Report, at: FieldRef, text: StringMatch) -> None:
    value = text.exact
    if value and value not in _SCHEMES:
        meant = value.lower().removesuffix("://")
        hint = f"write {_quoted(meant)}" if meant in _SCHEMES else "write http or https"
        message = f'no request matches: a scheme is "http" or "https", not "{value}"'
        report.add(MATCH_IMPOSSIBLE, at / "exact", message, hint=hint)


def _check_authority(report: Report, at: FieldRef, text: StringMatch) -> None:
    for place, way, value in _plain(at, text):
        if _report_pattern(report, place, way, value):
            continue
        if "/" in value:
            host = value.rpartition("://")[2].partition("/")[0]
            message = (
                f'no request matches: an authority is a host, perhaps with a port, not "{value}"'
            )
            report.add(MATCH_IMPOSSIBLE, place, message, hint=f"write {_quoted(host)}")
        elif "*" in value:
            message = f'no request matches: no host contains a star, so "{value}" is no authority'
            report.add(
                MATCH_IMPOSSIBLE, place, message, hint=f"write regex: {_quoted(_glob(value))}"
            )


def _check_header(report: Report, at: FieldRef, name: str, text: StringMatch) -> None:
    for place, way, value in _plain(at, text):
        edges = value if way == "exact" else value.rstrip()
        trimmed = value.strip() if way == "exact" else value.lstrip()
        if value in (".*", "*") and name.lower() not in _STAR_HEADERS:
            message = f'"{value}" is compared as it is, so only that value matches'
            report.add(MATCH_IS_TEXT, place, message, hint="write {} to match any value")
        elif edges != edges.strip():
            message = f'no request matches: header values have no blanks around them, "{value}" has'
            report.add(MATCH_IMPOSSIBLE, place, message, hint=f"write {_quoted(trimmed)}")
        elif any(c in value for c in "\r\n\0"):
            message = "no request matches: header values contain no line ends"
            report.add(MATCH_IMPOSSIBLE, place, message)
        else:
            _report_pattern(report, place, way, value)


def _report_pattern(
    report: Report, at: FieldRef, way: str, value: str, *, is_path: bool = False
) -> bool:
    """Report plain text that is a regular expression, or a template of another router."""
    if _REGEX.search(value) or (is_path and value.endswith("$")):
        regex = value.removeprefix("^").removesuffix("$")
    elif is_path and _TEMPLATE.search(value):
        parts = _TEMPLATE.sub("\0", value)
        regex = _SPECIAL.sub(r"\\\1", parts).replace("\0", "[^/]+")
    else:
        return False
    if way == "prefix" and not value.endswith("$") and not regex.endswith((".*", ".+")):
        regex += ".*"
    fault = names.regex_fault(regex)
    report.add(
        MATCH_IS_TEXT,
        at,
        f'{way} compares plain text, so only "{value}" itself matches, not as a pattern',
        hint=f"write regex: {_quoted(regex)}" if fault is None else "use regex",
    )
    return True


def _glob_hint(value: str, *, is_prefix: bool) -> str:
    head = value.rstrip("*")
    if "*" in head:
        return f"write regex: {_quoted(_glob(value) + ('.*' if is_prefix else ''))}"
    return f"write {_quoted(head)}" if is_prefix else f"write prefix: {_quoted(head)}"


def _glob(value: str) -> str:
    """A regular expression for text in which a star stands for some part."""
    *inner, last = _SPECIAL.sub(r"\\\1", value).split("*")
    return "[^/]+".join(inner) + ("[^/]+" + last if last else ".*") if inner else last


def _parameters(query: str) -> str:
    """``queryParams: {x: {exact: "1"}}`` for ``x=1``; a star or nothing asks for presence."""
    asked = []
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        wanted = f"{{exact: {_quoted(value)}}}" if value.strip("*") else "{}"
        asked.append(f"{name}: {wanted}")
    return f"queryParams: {{{', '.join(asked)}}}" if asked else "queryParams for the query"


def _encoded(value: str) -> str:
    return "".join(
        c if "!" <= c <= "~" else "".join(f"%{b:02X}" for b in c.encode()) for c in value
    )


def _quoted(text: str) -> str:
    """Text as a YAML string in double quotes."""
    return json.dumps(text, ensure_ascii=False)
