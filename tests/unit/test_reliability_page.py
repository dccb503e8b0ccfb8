"""The page about reliability names tests that exist."""

import re
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/reliability.md"
TESTS = Path(__file__).parents[1]


def named() -> Iterator[str]:
    """The tests in the last column of each table."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and not line.startswith("| No."):
            yield from line.rstrip("| ").rpartition("| ")[2].split(", ")


def missing(name: str) -> bool:
    if name.startswith("`make "):
        return False
    module, _, function = name.partition("::")
    folder, _, file = module.rpartition("/")
    path = TESTS / folder / f"test_{file}.py"
    if not path.exists():
        return True
    return bool(function) and not re.search(rf"def test_{function}\b", path.read_text())


def test_every_test_that_the_page_names_exists() -> None:
    names = list(named())

    assert len(names) > 50
    assert [name for name in names if missing(name)] == []
