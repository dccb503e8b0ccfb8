"""Lines below each other in columns."""

from controlplane.cli.columns import aligned
from controlplane.cli.output import Style


def shown(*lines: str) -> list[str]:
    """Lines of segments that a bar separates."""
    parts = [[(text, Style.PLAIN) for text in line.split("|")] for line in lines]
    return ["".join(text for text, _ in line) for line in aligned(parts)]


def test_neighbours_of_one_indentation_are_aligned() -> None:
    assert shown(
        "routes",
        "  |http.80|  a.yaml:1",
        "    |/about| → 200|  a.yaml:2| about",
        "    |/| → shop:80|  a.yaml:3",
        "  |https.8443|  a.yaml:4",
    ) == [
        "routes",
        "  http.80  a.yaml:1",
        "    /about → 200      a.yaml:2 about",
        "    /      → shop:80  a.yaml:3",
        "  https.8443  a.yaml:4",
    ]


def test_a_column_that_is_missing_moves_no_other() -> None:
    assert shown("a|  b|  c", "long|  d", "x") == ["a     b  c", "long  d", "x"]


def test_a_very_wide_cell_pushes_its_own_line_alone() -> None:
    wide = "w" * 80

    assert shown("a|  b", f"{wide}|  b", "ab|  b") == ["a   b", f"{wide}  b", "ab  b"]


def test_wide_characters_take_two_cells() -> None:
    assert shown("店|  b", "abc|  b") == ["店   b", "abc  b"]
