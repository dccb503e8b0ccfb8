"""The law of origins over the oracle's cases: what each of its proxies is sent leads to a line."""

from collections.abc import Iterator
from pathlib import Path

from tests.support.oracle_cases import oracle_cases
from tests.support.origins import untraced


def untraced_cases(folder: Path, prefixes: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """Each case with what of it breaks the law."""
    for case in oracle_cases(folder, prefixes):
        engine = case.engine()
        yield case.name, [found for proxy in case.proxies for found in untraced(engine, proxy)]
