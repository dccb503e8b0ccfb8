"""The law of diagnostics over the oracle's cases: ``check`` reports what a server does."""

from collections.abc import Iterator
from pathlib import Path

from tests.support.oracle_cases import oracle_cases
from tests.support.reports import reported_otherwise


def otherwise_reported_cases(
    folder: Path, prefixes: tuple[str, ...]
) -> Iterator[tuple[str, list[str]]]:
    """Each case with what of it breaks the law."""
    for case in oracle_cases(folder, prefixes):
        yield case.name, reported_otherwise(case.engine, case.proxies)
