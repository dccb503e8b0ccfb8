"""An object of the Gateway API is compared with the rules of the API server.

What either release channel accepts is accepted; a warning names the channel where only one does.
A struct's rules are looked at only where no field within it is missing or has a fault of its own,
as the API server evaluates no rule beside a structural fault.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from msgspec import inspect

from controlplane.base.codes import (
    DEPRECATED_VERSION,
    EXPERIMENTAL_CHANNEL,
    MISSING_FIELD,
    NOT_UNIQUE,
    STANDARD_CHANNEL,
    VALUE_MALFORMED,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef, Step, path_text
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE
from controlplane.kinds.gateway_api.text import DURATION_PATTERN
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE
from controlplane.kinds.gateway_api.udp_route import UDP_ROUTE
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.limits import is_duration
from controlplane.kinds.misplaced import meant_field
from controlplane.kinds.spec import Spec
from controlplane.kinds.support import structs_in
from controlplane.kinds.validation.checks import About
from controlplane.kinds.validation.gateway_api import (
    filters,
    http_routes,
    listeners,
    policies,
    routes,
)
from controlplane.kinds.validation.gateway_api.requirements import (
    EXPERIMENTAL,
    REQUIRED,
    UNIQUE,
)
from controlplane.kinds.validation.gateway_api.rule import Channel, Fault, Rule

_RULES: Final = (
    *listeners.RULES,
    *routes.RULES,
    *http_routes.RULES,
    *filters.RULES,
    *policies.RULES,
)
_CORE: Final = ("ConfigMap", "Secret", "Service")
"""Kinds of the group ``""`` that references name."""
_USUAL: Final[Mapping[Step, Mapping[str, str]]] = {
    "caCertificateRefs": {"group": '""', "kind": "ConfigMap"},
    "targetRefs": {"group": '""', "kind": "Service"},
}
"""What the references of a list mostly name."""
_REFERRING: Final = (
    KUBERNETES_GATEWAY,
    LISTENER_SET,
    HTTP_ROUTE,
    GRPC_ROUTE,
    TLS_ROUTE,
    TCP_ROUTE,
    UDP_ROUTE,
)
"""Kinds that refer to others, which references and grants name."""
_DURATION: Final = re.compile(DURATION_PATTERN)
_DEPRECATED: Final = frozenset({f"{GATEWAY_API}/v1alpha2", f"{GATEWAY_API}/v1alpha3"})
"""Versions that only the experimental channel serves, and that end."""


def gateway_api(report: Report, at: FieldRef, spec: Spec, about: About) -> None:
    """Report what the API server has against an object, and which channel it needs."""
    found = _Findings(report, about.api_version, about.faulty)
    found.visit(at, spec, about.written)
    top = FieldRef(at.object) / "apiVersion"
    if about.api_version in _DEPRECATED:
        kind = at.object.kind
        message = f"{about.api_version} is deprecated for {kind}, and ends with a later release"
        hint = f"write apiVersion: {GATEWAY_API}/v1"
        report.add(DEPRECATED_VERSION, top, message, hint=hint)
        found.only_experimental.append((top, f"{about.api_version} of {kind}"))
    found.report_channels()


@dataclass(slots=True)
class _Findings:
    """What is found in one object; what is of both channels is in ``report`` at once."""

    report: Report
    version: str
    faulty: frozenset[tuple[Step, ...]]
    only_experimental: list[tuple[FieldRef, str]] = field(default_factory=list)
    """What the experimental channel alone has, by the words for it."""
    faults: dict[Channel, list[tuple[FieldRef, Fault]]] = field(
        default_factory=lambda: {Channel.STANDARD: [], Channel.EXPERIMENTAL: []}
    )

    def visit(self, at: FieldRef, value: Spec, written: Mapping[str, object] | None) -> bool:
        """Look at a struct and all within it; whether no field is missing.

        ``written`` is ``None`` where the value is a default, and has nulls as they were written: a
        field that is null is a field of its channel all the same.
        """
        plan = _plan(type(value))
        is_whole = written is None or self._is_whole(at, plan, written)
        for attribute, name in plan.structs:
            inner = getattr(value, attribute)
            text = written.get(name) if written is not None else None
            if text is None and written is not None and name in plan.required:
                continue  # which is reported, and is no default
            if isinstance(inner, Spec):
                is_whole &= self.visit(at / name, inner, _mapping(text))
            elif isinstance(inner, tuple) and inner:
                is_whole &= self._visit_items(at / name, inner, text)
        if not is_whole or at.path in self.faulty:
            return False
        for name in plan.experimental:
            if written is not None and name in written:
                self.only_experimental.append(((at / name).key, f'"{name}"'))
        self._unique(at, plan, value)
        for rule in plan.rules:
            if not rule.versions or self.version in rule.versions:
                self._apply(at, rule, value)
        return True

    def _visit_items(self, at: FieldRef, items: tuple[object, ...], written: object) -> bool:
        texts = written if isinstance(written, list) else [None] * len(items)
        if len(texts) != len(items):
            return False  # some had faults, so that the others cannot be told apart
        is_whole = True
        for i, (item, text) in enumerate(zip(items, texts, strict=True)):
            if isinstance(item, Spec):
                is_whole &= self.visit(at / i, item, _mapping(text))
        return is_whole

    def _is_whole(self, at: FieldRef, plan: "_Plan", written: Mapping[str, object]) -> bool:
        missing = [name for name in plan.required if written.get(name) is None]
        kind, types = at.object.kind, plan.choices.get("type", ())
        unknown = [key for key in written if key not in plan.fields]
        others = {meant_field(key, plan.fields, types, kind) for key in unknown}
        for name in missing:
            if name not in others:  # else it is reported at the field that is to be renamed
                message = f"{path_text(at.path)[1:]} needs {name}"
                hint = f"add {_addition(at, name, plan, written)}"
                self.report.add(MISSING_FIELD, at / name, message, hint=hint)
        for name in plan.durations:
            text = written.get(name)
            if isinstance(text, str) and _DURATION.search(text) is None:
                hint = "write up to four whole numbers with h, m, s or ms, as in 1m30s"
                message = f'"{text}" is not a duration of the Gateway API'
                self.report.add(VALUE_MALFORMED, at / name, message, hint=hint)
        return not missing

    def _unique(self, at: FieldRef, plan: "_Plan", value: Spec) -> None:
        for attribute, name, keys in plan.unique:
            seen: set[object] = set()
            items = getattr(value, attribute)
            for i, item in enumerate(items):
                key = tuple(getattr(item, key) for key in keys) if keys else item
                if key in seen:
                    place = at / name / i
                    of = f"{keys[-1]} " if keys else ""
                    shown = key[-1] if isinstance(key, tuple) else getattr(key, "value", key)
                    message = f'the {of}"{shown}" is listed twice'
                    hint = "remove one" if item in items[:i] else "rename one of them"
                    self.report.add(NOT_UNIQUE, place, message, hint=hint)
                seen.add(key)

    def _apply(self, at: FieldRef, rule: Rule, value: Spec) -> None:
        for fault in rule.faults(value):
            place = at
            for step in fault.path:
                place = place / step
            if rule.channel is Channel.BOTH:
                self.report.add(fault.code, place, fault.message, hint=fault.hint)
            else:
                self.faults[rule.channel].append((place, fault))

    def report_channels(self) -> None:
        """Report what one channel alone refuses: as a fault where the other one refuses too."""
        standard, experimental = self.faults[Channel.STANDARD], self.faults[Channel.EXPERIMENTAL]
        if experimental and (standard or self.only_experimental):
            for place, fault in experimental:
                self.report.add(fault.code, place, fault.message, hint=fault.hint)
            return
        for place, fault in experimental:
            message = f"only the standard channel accepts this: {fault.message}"
            self.report.add(STANDARD_CHANNEL, place, message, hint=fault.hint)
        for place, what in self.only_experimental:
            message = f"only the experimental channel has {what}"
            self.report.add(EXPERIMENTAL_CHANNEL, place, message)
        for place, fault in standard:
            message = f"only the experimental channel accepts this: {fault.message}"
            self.report.add(EXPERIMENTAL_CHANNEL, place, message, hint=fault.hint)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be looked at in a struct; fields in JSON names, and in Python's where read."""

    fields: tuple[str, ...]
    choices: Mapping[str, tuple[str, ...]]
    """What a field may say."""
    required: tuple[str, ...]
    experimental: tuple[str, ...]
    durations: tuple[str, ...]
    unique: tuple[tuple[str, str, tuple[str, ...]], ...]
    structs: tuple[tuple[str, str], ...]
    rules: tuple[Rule, ...]


@cache
def _plan(struct: type[Spec]) -> _Plan:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType), "a Spec is a struct"
    names = {each.name: each.encode_name for each in info.fields}
    bases = [base for base in struct.__mro__ if issubclass(base, Spec)]
    return _Plan(
        fields=tuple(names.values()),
        choices={
            each.encode_name: tuple(str(one.value) for one in each.type.cls)
            for each in info.fields
            if isinstance(each.type, inspect.EnumType)
        },
        required=tuple(names[one] for base in bases for one in REQUIRED.get(base, ())),
        experimental=tuple(names[one] for base in bases for one in EXPERIMENTAL.get(base, ())),
        durations=tuple(each.encode_name for each in info.fields if is_duration(each.type)),
        unique=tuple(
            (one, names[one], keys) for base in bases for one, keys in UNIQUE.get(base, {}).items()
        ),
        structs=tuple(_with_structs(info)),
        rules=tuple(rule for rule in _RULES if issubclass(struct, rule.struct)),
    )


def _addition(at: FieldRef, name: str, plan: _Plan, written: Mapping[str, object]) -> str:
    """A missing field, with its value where the fields beside it, or what it is in, say which."""
    beside = {key.casefold() for key in written}
    value = next((one for one in plan.choices.get(name, ()) if one.casefold() in beside), None)
    kind = written.get("kind")
    if name == "group" and kind in _CORE:
        value = '""'
    elif name == "group" and any(each.name == kind for each in _REFERRING):
        value = GATEWAY_API
    elif value is None and kind is None:
        usual = next((_USUAL[step] for step in at.path if step in _USUAL), {})
        value = usual.get(name)
    return f"{name}: {value}" if value is not None else name


def _with_structs(info: inspect.StructType) -> Iterator[tuple[str, str]]:
    for each in info.fields:
        if any(True for _ in structs_in(each.type)):
            yield each.name, each.encode_name


def _mapping(value: object) -> Mapping[str, object] | None:
    return value if isinstance(value, Mapping) else None
