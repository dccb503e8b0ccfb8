"""Rules that many kinds share: each looks at one value and reports what is wrong with it at its
place.

Source: Istio ``pkg/config/validation``; the CRDs' OpenAPI schema.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from controlplane.base.codes import (
    CANNOT_WORK,
    DEPRECATED,
    MISSING_FIELD,
    MUTUALLY_EXCLUSIVE,
    NOT_ALLOWED_HERE,
    NOT_UNIQUE,
    REGEX_REFUSED,
    VALUE_MALFORMED,
    VALUE_OUT_OF_RANGE,
    WRONG_SIZE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef, Step
from controlplane.base.names import Namespace, ObjectKey
from controlplane.kinds.istio.selection import PortSelector, StringMatch
from controlplane.kinds.istio.virtual_service import Destination
from controlplane.kinds.spec import Duration
from controlplane.kinds.validation import names

MILLISECOND: Final = 1_000_000  # nanoseconds
PORT_LIMIT: Final = 65_535
SELECTOR_VALUE_LIMIT: Final = 63
SELECTOR_LABELS_LIMIT: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a rule may use of the object besides its spec.

    ``body`` is the spec as it was written: it tells a field that was left out from one that was
    given its default. ``written`` is that with the nulls that were pruned. ``faulty``: the paths of
    all mappings and lists in which a value was left out, because it had a fault of its own.
    """

    key: ObjectKey
    api_version: str
    annotations: Mapping[str, str]
    labels: Mapping[str, str]
    body: Mapping[str, object]
    written: Mapping[str, object]
    faulty: frozenset[tuple[Step, ...]] = frozenset()

    @property
    def namespace(self) -> Namespace:
        return self.key.namespace


def check_host(report: Report, at: FieldRef, host: str) -> bool:
    """A host name, an asterisk allowed in its first label."""
    if not host:
        report.add(MISSING_FIELD, at, "the host is missing")
        return False
    return _is_host(report, at, host, names.wildcard_fault(host))


def check_domain(report: Report, at: FieldRef, host: str) -> bool:
    """A host name without asterisk."""
    return _is_host(report, at, host, names.domain_fault(host))


def check_subnet(report: Report, at: FieldRef, subnet: str) -> bool:
    return _is_sound(report, at, subnet, names.subnet_fault(subnet))


def check_label(report: Report, at: FieldRef, name: str) -> bool:
    """A name that must be one DNS label."""
    fault = None if names.is_label(name) else f"is not a DNS label ({names.A_LABEL})"
    return _is_sound(report, at, name, fault)


def check_labels(report: Report, at: FieldRef, labels: Mapping[str, str]) -> None:
    """Labels of workloads; Istio does not look at the length of their values."""
    for key, value in labels.items():
        _is_sound(report, (at / key).key, key, names.label_key_fault(key))
        _is_sound(report, at / key, value, names.label_value_fault(value))


def check_selector(report: Report, at: FieldRef, labels: Mapping[str, str], limit: int) -> None:
    """Labels that select workloads: no wildcards, no empty keys."""
    for key, value in labels.items():
        if not key:
            _is_sound(report, (at / key).key, key, "is not a valid label key")
        if "*" in key:
            _is_sound(report, (at / key).key, key, "has a wildcard, which selectors do not support")
        if "*" in value:
            _is_sound(report, at / key, value, "has a wildcard, which selectors do not support")
        check_length(report, at / key, value, SELECTOR_VALUE_LIMIT)
    check_count(report, at, labels, limit, "labels")


def check_port(report: Report, at: FieldRef, number: int) -> None:
    """``number`` is 0 also where it was left out."""
    if not 1 <= number <= PORT_LIMIT:
        what = f"port {number} is" if number else "the port's number is 0 or left out,"
        report.add(VALUE_OUT_OF_RANGE, at, f"{what} not between 1 and {PORT_LIMIT}")


def check_selected_port(report: Report, at: FieldRef, port: PortSelector | None) -> None:
    if port is not None:
        check_port(report, at / "port" / "number", port.number)


def check_destination(report: Report, at: FieldRef, destination: Destination | None) -> None:
    """Where a rule or a mirror sends requests; a missing one is reported at its parent."""
    if destination is None:
        report.add(MISSING_FIELD, FieldRef(at.object, at.path[:-1]), "the destination is missing")
        return
    if destination.host == "*":
        report.add(NOT_ALLOWED_HERE, at / "host", '"*" cannot be a destination')
    else:
        check_host(report, at / "host", destination.host)
    if destination.subset:
        check_label(report, at / "subset", destination.subset)
    check_selected_port(report, at, destination.port)


def check_duration(report: Report, at: FieldRef, value: Duration | None) -> None:
    """At least a millisecond, and whole milliseconds."""
    if value is not None and check_least(report, at, value):
        _check_whole(report, at, value)


def check_least(report: Report, at: FieldRef, value: Duration | None) -> bool:
    """At least a millisecond; parts of one may follow."""
    if value is None or value.nanoseconds >= MILLISECOND:
        return True
    message = f"{spelled(value)} is shorter than 1ms"
    hint = "leave the field out" if not value else None
    report.add(VALUE_OUT_OF_RANGE, at, message, hint=hint)
    return False


def check_duration_or_zero(report: Report, at: FieldRef, value: Duration | None) -> None:
    """As ``check_duration``, but less than a millisecond is none at all."""
    if value is not None and abs(value.nanoseconds) >= MILLISECOND:
        check_duration(report, at, value)


def spelled(value: Duration) -> str:
    """``1.5s``: a duration to the nanosecond, in seconds, or ``0s``."""
    seconds = f"{value.nanoseconds / 1e9:.9f}".rstrip("0").rstrip(".")
    return f"{seconds}s"


def check_regex(report: Report, at: FieldRef, pattern: str) -> None:
    if not pattern:
        report.add(VALUE_MALFORMED, at, "the regular expression is empty")
        return
    fault = names.regex_fault(pattern)
    if fault is not None:
        shown = pattern if len(pattern) <= 60 else pattern[:60] + "…"
        report.add(REGEX_REFUSED, at, f'"{shown}" {fault}')


def check_match(report: Report, at: FieldRef, match: StringMatch | None) -> None:
    """At most one way to match, a valid regular expression, a prefix that is not empty."""
    if match is None:
        return
    check_path_match(report, at, match)
    if match.prefix == "":
        report.add(VALUE_MALFORMED, at / "prefix", "the prefix is empty")


def check_path_match(report: Report, at: FieldRef, match: StringMatch | None) -> None:
    """As ``check_match``, but the prefix may be empty."""
    if match is None:
        return
    check_one_of(report, at, exact=match.exact, prefix=match.prefix, regex=match.regex)
    if match.regex is not None:
        check_regex(report, at / "regex", match.regex)


def check_one_of(report: Report, at: FieldRef, **fields: object) -> None:
    """Of these fields (names as in Python) at most one may be written."""
    written = [name for name, value in fields.items() if value is not None]
    if len(written) > 1:
        said = " and ".join(camel(name) for name in written)
        message = f"{said} exclude each other"
        report.add(
            MUTUALLY_EXCLUSIVE, (at / camel(written[-1])).key, message, hint="keep one of them"
        )


def check_length(report: Report, at: FieldRef, text: str, limit: int) -> None:
    """``maxLength`` of a CRD, which counts characters, not bytes."""
    if len(text) > limit:
        message = f"the text is {len(text)} characters long (at most {limit})"
        report.add(WRONG_SIZE, at, message)


def check_count(
    report: Report, at: FieldRef, items: Collection[object], limit: int, noun: str
) -> None:
    if len(items) > limit:
        report.add(WRONG_SIZE, at, f"there are {len(items)} {noun} (at most {limit})")


def check_export_to(
    report: Report, at: FieldRef, export_to: Sequence[str], namespace: Namespace, *, hideable: bool
) -> None:
    """Namespaces that see the object; ``~`` (no namespace) only where it is ``hideable``."""
    seen: set[str] = set()
    for i, entry in enumerate(export_to):
        meant = namespace if entry == "." else entry
        if meant in seen:
            own = f' ("." is {namespace})' if meant == namespace else ""
            report.add(NOT_UNIQUE, at / i, f'"{entry}" is named twice{own}')
        elif entry == "~" and not hideable:
            report.add(
                NOT_ALLOWED_HERE,
                at / i,
                '"~" (no namespace) is for ServiceEntries and Services only',
            )
        elif entry in (".", "*", "~") or names.is_label(entry):
            seen.add(meant)
        else:
            hint = 'write "*", "." or the name of one namespace'
            report.add(VALUE_MALFORMED, at / i, f'"{entry}" is not a namespace', hint=hint)
    if len(export_to) > 1:
        for alone, meaning in (("*", "all namespaces"), ("~", "nobody")):
            if alone in seen:
                message = f'"{alone}" ({meaning}) cannot be combined with other entries'
                report.add(NOT_ALLOWED_HERE, at, message)


def check_gateway_names(report: Report, at: FieldRef, gateways: Sequence[str]) -> None:
    """``NAMESPACE/NAME``, or a name of the own namespace.

    Istio stops looking after the first name without a slash; what is malformed behind it is
    accepted there and names
    nothing, so we warn.
    """
    code = VALUE_MALFORMED
    for i, gateway in enumerate(gateways):
        fault = _gateway_fault(gateway)
        if fault is not None:
            report.add(code, at / i, f'"{gateway}" {fault}', hint="write NAMESPACE/NAME")
        elif "." in gateway and "/" not in gateway:
            name, namespace, *_ = gateway.split(".")
            message = f'"{gateway}" is a deprecated way to name a Gateway'
            report.add(DEPRECATED, at / i, message, hint=f'write "{namespace}/{name}"')
        if "/" not in gateway:
            code = CANNOT_WORK


def _gateway_fault(gateway: str) -> str | None:
    namespace, slash, name = gateway.partition("/")
    if not slash:
        return names.domain_fault(gateway)
    if not names.is_label(namespace):
        return f'has "{namespace}" as its namespace, which is not a DNS label'
    if not names.is_label(name):
        return f'has "{name}" as its Gateway, which is not a DNS label'
    return None


def _check_whole(report: Report, at: FieldRef, value: Duration) -> None:
    if value.nanoseconds % MILLISECOND:
        report.add(VALUE_MALFORMED, at, f"{spelled(value)} is not a whole number of milliseconds")


def _is_sound(
    report: Report, at: FieldRef, text: str, fault: str | None, *, hint: str | None = None
) -> bool:
    if fault is None:
        return True
    report.add(VALUE_MALFORMED, at, f'"{text}" {fault}', hint=hint)
    return False


def _is_host(report: Report, at: FieldRef, host: str, fault: str | None) -> bool:
    hint = names.host_meant(host) if fault is not None else None
    return _is_sound(report, at, host, fault, hint=hint)


def camel(name: str) -> str:
    """``use_source_ip`` is ``useSourceIp``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


Check = Callable[[Report, FieldRef, str], bool]
