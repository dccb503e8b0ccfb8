"""Small modules and small functions stay small: what is too large is named, largest first."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "controlplane"
LINES_OF_A_MODULE: Final = 400
LINES_OF_A_TEST_MODULE: Final = 600
LINES_OF_A_FUNCTION: Final = 60

EXCEPTIONS: Final[dict[str, str]] = {}
"""Path of a module, or ``path::function``, and the reason why it may be longer."""


def sources(folder: Path = PACKAGE) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.py")) if not path.stem.endswith("_pb2")]


def lines_of(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n")
        for path in sources(folder)
    }


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a module, nested ones too, as ``path::name`` with its lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None, "ast.parse gives every node its end"
            yield f"{path.relative_to(ROOT)}::{node.name}", node.end_lineno - node.lineno + 1


def worst(sizes: dict[str, int], limit: int) -> list[str]:
    """A line for each that is over the limit and no exception, largest first."""
    over = sorted((size, name) for name, size in sizes.items() if size > limit)
    return [f"{name}: {size} lines" for size, name in reversed(over) if name not in EXCEPTIONS]


def test_no_module_is_longer_than_400_lines() -> None:
    assert worst(lines_of(PACKAGE), LINES_OF_A_MODULE) == []


def test_no_module_of_tests_is_longer_than_600_lines() -> None:
    assert worst(lines_of(ROOT / "tests"), LINES_OF_A_TEST_MODULE) == []


def test_no_function_is_longer_than_60_lines() -> None:
    sizes = {name: size for path in sources() for name, size in functions(path)}

    assert worst(sizes, LINES_OF_A_FUNCTION) == []


def test_every_exception_is_still_needed() -> None:
    modules = {str(path.relative_to(ROOT)) for path in sources()}
    known = modules | {name for path in sources() for name, _ in functions(path)}

    assert sorted(set(EXCEPTIONS) - known) == []


def test_properties_leave_it_to_the_profile_whether_examples_are_random() -> None:
    said = re.compile(r"derandomize=|max_examples=(?!examples\()")
    wrong = [
        str(path.relative_to(ROOT))
        for path in sources(ROOT / "tests")
        if path.name != "conftest.py" and said.search(path.read_text(encoding="utf-8"))
    ]

    help_ = "say max_examples=examples(…) of tests.support.properties, and no derandomize"
    assert wrong == ["tests/unit/test_budgets.py"], help_
