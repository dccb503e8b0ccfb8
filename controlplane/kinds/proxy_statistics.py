"""Annotations of a workload about the statistics of its proxy.

Those of ``sidecar.istio.io/statsInclusion…`` take the place of the list of ProxyConfig's
``proxyStatsMatcher``, tags are added to its ``extraStatTags``, and buckets are said nowhere else.
What is wrong is reported and left out.
Source: Istio ``pkg/bootstrap/config.go`` (``getStatsOptions``)
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from controlplane.base.codes import PROXY_CONFIG_FAULT
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.kinds.validation import names

PREFIXES: Final = "sidecar.istio.io/statsInclusionPrefixes"
SUFFIXES: Final = "sidecar.istio.io/statsInclusionSuffixes"
REGEXES: Final = "sidecar.istio.io/statsInclusionRegexps"
TAGS: Final = "sidecar.istio.io/extraStatTags"
BUCKETS: Final = "sidecar.istio.io/statsHistogramBuckets"
STATISTICS: Final = (PREFIXES, SUFFIXES, REGEXES, TAGS, BUCKETS)

Buckets = tuple[tuple[str, tuple[float, ...]], ...]
"""By the prefix of the histograms' names, sorted: the upper bounds, ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnStatistics:
    """What a workload's annotations say; lists that are empty say nothing."""

    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    buckets: Buckets = ()


def own_statistics(annotations: Mapping[str, object]) -> OwnStatistics:
    """What of ``annotations`` is good."""
    return read_statistics(Report(), FieldRef(MESH_CONFIG_KEY), annotations)


def read_statistics(
    report: Report, at: FieldRef, annotations: Mapping[str, object]
) -> OwnStatistics:
    """What of ``annotations`` is good; what is not is reported, at ``at``."""
    written = {name: text for name in STATISTICS if isinstance(text := annotations.get(name), str)}
    return OwnStatistics(
        prefixes=_patterns(written.get(PREFIXES, "")),
        suffixes=_patterns(written.get(SUFFIXES, "")),
        regexes=tuple(_regexes(report, at / REGEXES, written.get(REGEXES, ""))),
        tags=_patterns(written.get(TAGS, "")),
        buckets=_buckets(report, at / BUCKETS, written.get(BUCKETS, "")),
    )


def _patterns(text: str) -> tuple[str, ...]:
    """An empty one would include everything."""
    return tuple(filter(None, text.split(",")))


def _regexes(report: Report, at: FieldRef, text: str) -> Iterator[str]:
    for pattern in _patterns(text):
        fault = names.regex_fault(pattern)
        if fault is None:
            yield pattern
        else:
            report.add(PROXY_CONFIG_FAULT, at, f'"{pattern}" {fault}')


def _buckets(report: Report, at: FieldRef, text: str) -> Buckets:
    if not text:
        return ()
    try:
        said = json.loads(text, parse_int=float)
    except (ValueError, RecursionError) as error:
        report.add(PROXY_CONFIG_FAULT, at, f"the annotation is not JSON: {error}", hint=_EXAMPLE)
        return ()
    if not isinstance(said, Mapping):
        message = "the annotation is not a mapping from prefixes to bounds"
        report.add(PROXY_CONFIG_FAULT, at, message, hint=_EXAMPLE)
        return ()
    found: list[tuple[str, tuple[float, ...]]] = []
    for prefix, bounds in sorted(said.items()):
        if prefix and _are_bounds(bounds):
            found.append((prefix, tuple(sorted(bounds))))
        else:
            message = f'the bounds of "{prefix}" are not numbers above 0, each once'
            report.add(PROXY_CONFIG_FAULT, at, message, hint=_EXAMPLE)
    return tuple(found)


def _are_bounds(value: object) -> bool:
    """What Envoy starts with."""
    numbers = value if isinstance(value, list) else []
    is_good = all(isinstance(n, float) and n > 0 and math.isfinite(n) for n in numbers)
    return is_good and len(numbers) == len(set(map(str, numbers))) > 0


_EXAMPLE: Final = """write '{"istiocustom": [1, 5, 50, 500]}'"""
