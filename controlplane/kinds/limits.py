"""What a proxy can hold of the values that admission takes.

Istio's admission, and so ours, takes durations and numbers that Envoy refuses or that protobuf
cannot hold. Of such a value the nearest one that works is used, or what the table has instead, and
a warning says so. Durations have one range, whatever field they are of, unless the table says
otherwise.
Source: google/protobuf/duration.proto, Envoy ``DurationUtil``, the rules of Envoy's messages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Final, TypeVar

import msgspec
from msgspec import inspect
from msgspec.structs import replace

from controlplane.base.codes import CANNOT_WORK
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.duration import duration
from controlplane.kinds.istio.mesh_config import GatewayTopology, MeshConfig, ProxyConfig
from controlplane.kinds.istio.proxy_config import Tracing
from controlplane.kinds.istio.proxy_settings import ProxySettings
from controlplane.kinds.istio.traffic_policy import MagLev, RetryBudget
from controlplane.kinds.istio.virtual_service import CorsPolicy
from controlplane.kinds.spec import Duration, Spec
from controlplane.kinds.support import structs_in

S = TypeVar("S", bound=Spec)
Limited = Duration | float
"""A value that has a range; ``float`` is also ``int``."""
Ends = tuple[Limited, Limited, Limited | None]
"""The least, the greatest, and what is used for a value outside if it is not the nearer of them."""


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the greatest value, as users write them. ``instead`` is used for a value
    outside; unset: the nearer end is.
    """

    least: str | float
    most: str | float
    instead: str | float | None = None

    @property
    def ends(self) -> Ends:
        instead = None if self.instead is None else _value(self.instead)
        return _value(self.least), _value(self.most), instead


DURATIONS: Final = Range("0s", "876000h")
"""A hundred years. Envoy counts in 64 bits of nanoseconds, multiplies some by ten, and refuses what
is below zero.
"""
CONCURRENCY: Final = Range(0, 1024)
RANGES: Final[Mapping[tuple[type, str], Range]] = {
    (CorsPolicy, "max_age"): Range("-876000h", "876000h"),  # a header; below zero: do not remember
    (RetryBudget, "budget_interval"): Range("-876000h", "876000h"),  # below zero: none
    (MeshConfig, "dns_refresh_rate"): Range("2ms", "876000h"),  # cluster.proto: more than 1 ms
    # Envoy 1.40 divides by one less than the size, and ends with SIGFPE where that is zero.
    (MagLev, "table_size"): Range(2, 5_000_011),
    (GatewayTopology, "num_trusted_proxies"): Range(0, 2**32 - 1),  # xff_num_trusted_hops
    (Tracing, "sampling"): Range(0, 100, instead=1),  # istiod, proxyConfigSamplingValue
    # Envoy starts as many threads as it is told, and ends where the system has not as many.
    (ProxyConfig, "concurrency"): CONCURRENCY,
    (ProxySettings, "concurrency"): CONCURRENCY,
    (ProxyConfig, "file_flush_interval"): Range("1ms", "1193h"),  # 32 bits of ms; else no start
}
"""By field, which is named as in Python."""


def limited(report: Report, at: FieldRef, spec: S) -> S:
    """``spec`` with every value in its range; those that were not are reported."""
    found: list[_Outside] = []
    within = _within(spec, found)
    assert isinstance(within, type(spec)), "only values in it are replaced"
    for outside in found:
        place = at
        for step in reversed(outside.path):
            place = place / step
        report.add(
            CANNOT_WORK,
            place,
            f"a proxy takes {outside.bound}, not {outside.written}; {outside.used} is used",
        )
    return within


@dataclass(slots=True)
class _Outside:
    """A value outside of its range; ``path`` is built from its end."""

    written: str
    used: str
    bound: str
    path: list[str | int]


def _within(value: object, found: list[_Outside]) -> object:
    """The value itself where everything in it is in its range."""
    match value:
        case msgspec.Struct():
            changed: dict[str, object] = {}
            for name, written, ends in _fields(type(value)):
                old = getattr(value, name)
                new = _step(written, old, ends, found)
                if new is not old:
                    changed[name] = new
            return replace(value, **changed) if changed else value
        case tuple():
            items = tuple(_step(i, item, None, found) for i, item in enumerate(value))
            same = all(new is old for new, old in zip(items, value, strict=True))
            return value if same else items
        case dict():
            entries = {key: _step(key, item, None, found) for key, item in value.items()}
            return value if all(entries[key] is value[key] for key in value) else entries
    return value


def _step(step: str | int, value: object, ends: Ends | None, found: list[_Outside]) -> object:
    before = len(found)
    new = _within(value, found) if ends is None else _limited(value, ends, found)
    for outside in found[before:]:
        outside.path.append(step)
    return new


def _limited(value: object, ends: Ends, found: list[_Outside]) -> object:
    if not isinstance(value, Duration | int | float):
        return value  # not written
    least, most, instead = ends
    if _number(value) < _number(least):
        bound, end = "at least", least
    elif _number(value) > _number(most):
        bound, end = "at most", most
    else:
        return value
    used = end if instead is None else instead
    found.append(_Outside(_text(value), _text(used), f"{bound} {_text(end)}", []))
    return used


@cache
def _fields(
    struct: type[msgspec.Struct],
) -> tuple[tuple[str, str, Ends | None], ...]:
    """The fields that have a range, or hold some that have: names in Python and JSON, and range."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType), "a Spec is a struct"
    found: list[tuple[str, str, Ends | None]] = []
    for field in info.fields:
        known = RANGES.get((struct, field.name), DURATIONS)
        if known is not DURATIONS or is_duration(field.type):
            found.append((field.name, field.encode_name, known.ends))
        elif any(_fields(inner.cls) for inner in structs_in(field.type)):
            found.append((field.name, field.encode_name, None))
    return tuple(found)


def is_duration(wanted: inspect.Type) -> bool:
    match wanted:
        case inspect.CustomType(cls=cls):
            return cls is Duration
        case inspect.UnionType(types=types):
            return any(map(is_duration, types))
    return False


def _value(written: str | float) -> Limited:
    if not isinstance(written, str):
        return written
    found = duration(written)
    assert found is not None, "the table has durations"
    return found


def _number(value: Limited) -> float:
    return value.nanoseconds if isinstance(value, Duration) else value


def _text(value: Limited) -> str:
    if not isinstance(value, Duration):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if value.length >= timedelta(hours=1) and not value.nanoseconds % 3_600_000_000_000:
        return f"{value.length // timedelta(hours=1)}h"
    if abs(value.nanoseconds) < 1_000_000 and value:
        return f"{value.nanoseconds}ns"
    seconds = f"{value.nanoseconds / 1e9:.9f}".rstrip("0").rstrip(".")
    return f"{seconds}s"
