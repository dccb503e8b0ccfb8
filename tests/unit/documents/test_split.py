"""A file's text and its documents: borders, lines, and what they leave of each other."""

import pytest
import yaml
from hypothesis import given, strategies as st

from controlplane.documents.split import chunks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="an empty file has no documents"),
        pytest.param("a: 1\n", [("a: 1\n", 1)], id="one document needs no marker"),
        pytest.param("a: 1\n---\nb: 2\n", [("a: 1\n", 1), ("---\nb: 2\n", 2)], id="a marker is its document's"),  # noqa: E501  # a row of a table
        pytest.param("---\na: 1\n", [("---\na: 1\n", 1)], id="a marker in front begins the first one"),  # noqa: E501  # a row of a table
        pytest.param("a: 1\n--- # two\nb: 2", [("a: 1\n", 1), ("--- # two\nb: 2", 2)], id="a comment may follow a marker"),  # noqa: E501  # a row of a table
        pytest.param("a: 1\n--- {b: 2}\n", [("a: 1\n", 1), ("--- {b: 2}\n", 2)], id="a value may follow a marker"),  # noqa: E501  # a row of a table
        pytest.param("a: 1\n---", [("a: 1\n", 1), ("---", 2)], id="a marker may end the file"),
        pytest.param("a: |\n  x\n  ---\n", [("a: |\n  x\n  ---\n", 1)], id="an indented marker is text"),  # noqa: E501  # a row of a table
        pytest.param("a: |\n  x\n---\nb: 2\n", [("a: |\n  x\n", 1), ("---\nb: 2\n", 3)], id="a marker ends a block scalar"),  # noqa: E501  # a row of a table
        pytest.param("a: 1\n----\n---b\n", [("a: 1\n----\n---b\n", 1)], id="more than a marker is none"),  # noqa: E501  # a row of a table
        pytest.param("a: 1\n...\nb: 2\n", [("a: 1\n...\n", 1), ("b: 2\n", 3)], id="dots end a document"),  # noqa: E501  # a row of a table
        pytest.param("a: 1\n...\n---\nb: 2\n", [("a: 1\n...\n", 1), ("---\nb: 2\n", 3)], id="dots and a marker are one border"),  # noqa: E501  # a row of a table
        pytest.param(
            "a: 1\n...\n# c\n%YAML 1.1\n---\nb: 2\n",
            [("a: 1\n...\n", 1), ("# c\n%YAML 1.1\n---\nb: 2\n", 3)],
            id="directives belong to the document behind them",
        ),
        pytest.param("a: 1\r\n---\r\nb: 2\r\n", [("a: 1\r\n", 1), ("---\r\nb: 2\r\n", 2)], id="lines may end as on Windows"),  # noqa: E501  # a row of a table
        pytest.param("# c\n---\na: 1\n", [("# c\n", 1), ("---\na: 1\n", 2)], id="comments alone are an empty document"),  # noqa: E501  # a row of a table
        pytest.param("a: 'x\n---\nb: 2\n", [("a: 'x\n", 1), ("---\nb: 2\n", 2)], id="an open quote ends at a marker"),  # noqa: E501  # a row of a table
    ],
)  # fmt: skip
def test_the_documents_of_a_text(text: str, expected: list[tuple[str, int]]) -> None:
    assert [(chunk.text, chunk.first_line) for chunk in chunks(text)] == expected


LINES = st.sampled_from(
    [
        "a: 1",
        "b: |",
        "  text",
        "  ---",
        "- x",
        "c: 'quoted'",
        "# comment",
        "",
        "---",
        "--- # why",
        "--- d",
        "...",
        "...\n%YAML 1.1\n---",
        "\u00e4: \u6f22",
    ]
)


@given(st.lists(LINES, max_size=20), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_joined_documents_are_the_text(lines: list[str], end: str, ended: bool) -> None:
    text = end.join(lines) + (end if ended else "")

    parts = chunks(text)

    assert "".join(part.text for part in parts) == text
    for i, part in enumerate(parts):
        assert part.first_line == 1 + "".join(p.text for p in parts[:i]).count("\n")


@given(st.lists(LINES, max_size=20), st.sampled_from(["\n", "\r\n"]))
def test_the_documents_are_those_of_the_yaml_library(lines: list[str], end: str) -> None:
    text = end.join(lines)
    try:
        expected = list(yaml.load_all(text, Loader=yaml.CBaseLoader))
    except yaml.YAMLError:
        return

    found = [yaml.load(part.text, Loader=yaml.CBaseLoader) for part in chunks(text)]

    assert [document for document in found if document] == [d for d in expected if d]


@given(st.lists(LINES, max_size=20), st.sampled_from(["\n", "\r\n"]), st.integers(0, 5))
def test_of_too_many_documents_one_more_than_allowed_is_found(
    lines: list[str], end: str, most: int
) -> None:
    text = end.join(lines)

    assert chunks(text, most) == chunks(text)[: most + 1]
