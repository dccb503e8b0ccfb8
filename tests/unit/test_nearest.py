"""The word that was meant."""

from pathlib import Path

import pytest

from controlplane.base.nearest import nearest


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("wbe", ["db", "web"], "web"),
        ("reveiws", ["ratings", "reviews"], "reviews"),
        ("time_out", ["timeout"], "timeout"),
        ("VirtualServices", ["VirtualService", "Service"], "VirtualService"),
        ("Servce", ["VirtualService", "Service"], "Service"),
        ("prefix", ["statPrefix", "name"], None),
        ("v3", ["v1", "v2"], None),
        ("reviews-v3", ["reviews-v1"], None),
        ("reviews", ["reviews", "review"], None),
        ("cat", ["dog"], None),
        ("", ["a"], None),
    ],
)
def test_a_slip_is_near_and_another_word_is_not(
    word: str, known: list[str], meant: str | None
) -> None:
    assert nearest(word, known) == meant


def test_names_are_compared_by_no_other_rule() -> None:
    package = Path(__file__).parents[2] / "controlplane"
    sources = {path: path.read_text(encoding="utf-8") for path in package.rglob("*.py")}

    assert [path.name for path, text in sources.items() if "difflib" in text] == []
