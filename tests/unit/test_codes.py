"""The catalogue of diagnostics: permanent codes, each of them used and tested."""

import ast
import re
from collections import Counter
from pathlib import Path
from typing import Final

from controlplane.base import codes
from controlplane.base.diagnostics import Code

ROOT: Final = Path(__file__).parents[2]
CATALOGUE: Final = {name: code for name, code in vars(codes).items() if isinstance(code, Code)}


def text_of(folder: str, *patterns: str) -> str:
    files = [file for pattern in patterns for file in sorted((ROOT / folder).rglob(pattern))]
    texts = (f.read_text(encoding="utf-8") for f in files if f.parent.name != "codes")
    return "\n".join(texts)


def names_used() -> set[str]:
    """Every name that the package uses somewhere, imports and the catalogue itself left out."""
    found: set[str] = set()
    for file in sorted((ROOT / "controlplane").rglob("*.py")):
        if file.parent.name != "codes":
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Name):
                    found.add(node.id)
                elif isinstance(node, ast.Attribute):
                    found.add(node.attr)
    return found


def test_no_code_stands_for_two_things() -> None:
    assert [
        id_ for id_, count in Counter(c.id for c in CATALOGUE.values()).items() if count > 1
    ] == []


def test_every_code_is_reported_somewhere() -> None:
    used = names_used()

    assert [name for name in CATALOGUE if name not in used] == []


def test_every_code_is_expected_by_a_test() -> None:
    expected = set(re.findall(r"\bCP\d{4}\b", text_of("tests", "*.py", "*.yaml")))

    assert [code.id for code in CATALOGUE.values() if code.id not in expected] == []
