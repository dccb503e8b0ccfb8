"""YAML as Kubernetes reads it: scalars, keys, merges, aliases, limits."""

import pytest
import yaml
from hypothesis import given, strategies as st

from controlplane.documents.json import as_yaml, parsed_json
from controlplane.documents.locate import span_of
from controlplane.documents.yaml import Data, parsed

PLAIN: list[tuple[str, Data]] = [
    ("y", True),
    ("Yes", True),
    ("on", True),
    ("TRUE", True),
    ("n", False),
    ("No", False),
    ("OFF", False),
    ("false", False),
    ("yEs", "yEs"),
    ("~", None),
    ("null", None),
    ("", None),
    ("nULL", "nULL"),
    ("0", 0),
    ("-7", -7),
    ("+7", 7),
    ("1_000", 1000),
    ("0x1F", 31),
    ("0o17", 15),
    ("017", 15),
    ("0b101", 5),
    ("089", 89),
    ("-0x10", -16),
    ("18446744073709551615", 18446744073709551615),
    ("1.5", 1.5),
    (".5", 0.5),
    ("1.", 1),
    ("80.0", 80),
    ("1e3", 1000),
    ("1.5e-3", 0.0015),
    ("1e21", 1e21),
    ("1e999", "1e999"),
    ("1.2.3", "1.2.3"),
    ("10.0.0.1", "10.0.0.1"),
    ("12:30:45", "12:30:45"),
    ("1:30", "1:30"),
    ("2001-12-14", "2001-12-14"),
    ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
    ("5s", "5s"),
    ("0x", "0x"),
    ("-", ["-"]),
    ("+", "+"),
    (".", "."),
    ("=", "="),
    ("'yes'", "yes"),
    ('"80"', "80"),
    ("!!str 80", "80"),
    ('!!int "80"', 80),
    ("!!float 80", 80),
    ("!!bool yes", True),
    ("!!binary aGk=", "hi"),
    ("! 80", "80"),
    ("!mine 80", "80"),
]


@pytest.mark.parametrize(("text", "value"), [row for row in PLAIN if row[0] != "-"])
def test_a_scalar_is_read_as_kubernetes_reads_it(text: str, value: Data) -> None:
    data = parsed(f"x: {text}").data

    assert data == {"x": value}
    assert isinstance(data, dict)
    assert type(data["x"]) is type(value)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        pytest.param("yes: 1", {"true": 1}, id="a boolean key is text as in JSON"),
        pytest.param("80: a\n0x10: b", {"80": "a", "16": "b"}, id="a number as key is text"),
        pytest.param("1.5: a", {"1.5": "a"}, id="a fraction as key is text"),
        pytest.param("2001-01-01: a", {"2001-01-01": "a"}, id="a date as key is text"),
        pytest.param("'yes': 1", {"yes": 1}, id="a quoted key is what it says"),
        pytest.param("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}, id="an alias repeats"),
        pytest.param("&k a: 1\nb: *k", {"a": 1, "b": "a"}, id="a key may have an anchor"),
        pytest.param(
            "a: &x {b: 1, c: 1}\nd: {<<: *x, c: 2}",
            {"a": {"b": 1, "c": 1}, "d": {"b": 1, "c": 2}},
            id="own keys win over merged ones",
        ),
        pytest.param(
            "a: &x {c: 1}\nb: &y {c: 2, d: 2}\ne: {<<: [*x, *y]}",
            {"a": {"c": 1}, "b": {"c": 2, "d": 2}, "e": {"c": 1, "d": 2}},
            id="the first merged one wins",
        ),
        pytest.param("'<<': 1", {"<<": 1}, id="a quoted merge key is text"),
        pytest.param("a: |\n  x\n  y\nb: >-\n  x\n  y\n", {"a": "x\ny\n", "b": "x y"}, id="blocks"),
        pytest.param("", None, id="an empty document is nothing"),
        pytest.param("# only a comment\n", None, id="a comment is nothing"),
    ],
)
def test_a_document_becomes_plain_data(text: str, data: Data) -> None:
    assert parsed(text).data == data


@pytest.mark.parametrize(
    ("text", "code", "start", "message"),
    [
        ("a:\n\tb: 1\n", "CP0101", 3, "a tab indents this line; YAML indents with spaces"),
        ("key:value\nb: 1\n", "CP0101", 3, 'a space is missing after the colon of "key:"'),
        ("a: b: c\n", "CP0101", 4, 'the value of "a" has a second ": " in it'),
        ("a: b\n  c: d\n", "CP0101", 7, 'this line nests under "a", which already has a value'),
        ("a\nb: 1\n", "CP0101", 0, 'this line is not a "key: value" pair: it has no colon'),
        ("x: 1\nspec\na: 1", "CP0101", 5, 'this line is not a "key: value" pair: it has no colon'),
        ("x: 1\n: a\n", "CP0101", 5, "a key is missing before this colon"),
        ('a: "\\u12"\n', "CP0101", 6, "\\x needs 2 hexadecimal digits, \\u 4 and \\U 8"),
        ("a: 'x\nb: 1\n", "CP0101", 3, "the quote that opens here is not closed"),
        ("a: [1, 2\nb: 3\n", "CP0101", 3, 'the "[" that opens here is not closed, or a comma is missing in it'),  # noqa: E501  # a row of a table
        ("a: {x: 1 y: 2}\n", "CP0101", 10, 'a comma or the closing "}" is missing before this'),
        ("a: @x\n", "CP0101", 3, 'a value cannot begin with "@" unless it is quoted'),
        ("a: *\n", "CP0101", 3, 'a value cannot begin with "*" unless it is quoted: that begins the name of an alias'),  # noqa: E501  # a row of a table
        ("a:\n  b: 1\n c: 2\n", "CP0101", 11, "this line is indented by 1, the mapping that it continues by 0"),  # noqa: E501  # a row of a table
        ("- a\nb: 1\n", "CP0101", 4, "this line is not an item of the list above, whose items begin with - in column 1"),  # noqa: E501  # a row of a table
        ("a: 1\n- b\n", "CP0101", 5, "expected a key of the mapping, found a list item"),
        ("a: - b\n", "CP0101", 3, "a list begins on the line of its key"),
        ("a: 'it's'\n", "CP0101", 7, "the value ended before this text"),
        ('a: "\\q"\n', "CP0101", 4, '"\\q" is not an escape sequence in double quotes'),
        ("\u6f22: \x00\n", "CP0101", 3, "the character U+0000 is not allowed in YAML"),
        ("a: .nan\n", "CP0101", 3, ".nan is not a JSON number; quote it if it is text"),
        ("a: *x\n", "CP0101", 3, 'the alias "*x" has no anchor "&x" before it'),
        ("a: &x [*x]\n", "CP0101", 7, 'the alias "*x" is inside what it repeats'),
        ("~: 1\n", "CP0101", 0, "a key is empty or null; a key is text"),
        ("? [a]\n: b\n", "CP0101", 2, "a key is a list; a key is text"),
        ("<<: 3\n", "CP0101", 4, '"<<" needs a mapping or a list of mappings'),
        ("a: !!int x\n", "CP0101", 3, '"x" is not a valid value for its tag !!int says'),
    ],
)  # fmt: skip
def test_a_fault_says_what_is_there_and_what_was_wanted(
    text: str, code: str, start: int, message: str
) -> None:
    fault = parsed(text).fault

    assert fault is not None
    assert (fault.code.id, fault.start, fault.message) == (code, start, message)


@pytest.mark.parametrize(
    ("text", "start", "message"),
    [
        ('{"a": 1,}', 7, "a comma comes before the closing bracket"),
        ('{"a": [1, ]}', 8, "a comma comes before the closing bracket"),
        ("{'a': 1}", 1, "a key in double quotes is missing here"),
        ('{"a": NaN}', 6, "NaN is not JSON"),
        ('{"a": 1} {}', 9, "text follows the value; a .json file holds one value, such as a List"),
        ('{"a": 1 "b": 2}', 8, "a comma or a closing bracket is missing before this"),
        ('{"a" 1}', 5, "a colon is missing before this"),
        ("# no JSON", 0, "a value is missing here"),
    ],
)
def test_json_is_strict(text: str, start: int, message: str) -> None:
    fault = parsed_json(text).fault

    assert fault is not None
    assert (fault.start, fault.message) == (start, message)


def test_json_is_read_like_yaml() -> None:
    text = '\t{"a": [1, 1.0, "yes", null, true], "b": "\\u00e4\\ud83d\\ude00\\/"}'

    outcome = parsed_json(as_yaml(text))

    assert outcome.data == {"a": [1, 1, "yes", None, True], "b": "ä😀/"}


NINE = "\n".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
BOMBS = [
    pytest.param("[" * 100_000, "CP0103", id="opening brackets"),
    pytest.param("{a: " * 100_000, "CP0103", id="opening braces"),
    pytest.param("- " * 100_000, "CP0103", id="dashes"),
    pytest.param("\n".join(" " * i + "a:" for i in range(200)), "CP0103", id="indentation"),
    pytest.param(f"a: &a [{'x, ' * 9}]\n{NINE}", "CP0104", id="aliases of aliases"),
    pytest.param(f"a: &a {'x' * 1_000_000}\nb: [{'*a, ' * 100}]", "CP0104", id="aliases of a long text"),  # noqa: E501  # a row of a table
    pytest.param(
        "m0: &m0 {a0: 0}\n" + "\n".join(f"m{i}: &m{i} {{<<: *m{i - 1}, a{i}: 0}}" for i in range(1, 10_000)),  # noqa: E501  # a row of a table
        "CP0104",
        id="a chain of merges",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), BOMBS)
def test_a_bomb_ends_in_a_diagnostic(text: str, code: str) -> None:
    fault = parsed(text).fault

    assert fault is not None
    assert fault.code.id == code


def test_sixty_four_levels_are_read() -> None:
    assert parsed("[" * 64 + "]" * 64).fault is None
    fault = parsed("[" * 65 + "]" * 65).fault
    assert fault is not None
    assert (fault.code.id, fault.start) == ("CP0103", 64)


TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\u2028\u2029")
).filter(lambda text: text not in "yYnN" and text[0] not in "+-.0123456789")
"""Without what is text for the library and a boolean or number for Kubernetes.

``y``, ``1e3``, ``08``.
"""
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXT | st.floats(-1e9, 1e9).filter(lambda x: x % 1),  # noqa: E501  # a row of a table
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(TEXT, inside, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(VALUES, st.booleans())
def test_what_the_yaml_library_writes_is_read_back(value: Data, flow: bool) -> None:
    text = yaml.dump(value, Dumper=yaml.CSafeDumper, default_flow_style=flow, allow_unicode=True)

    outcome = parsed(text)

    assert outcome.fault is None
    assert outcome.data == value


WORDS = st.sampled_from(
    ["a", "b", "yes", "-", ":", "?", "{", "}", "[", "]", ",", "'", '"', "&x", "*x", "|", "\n", "  ", "#", "<<", "!!str", "1", "~"]  # noqa: E501  # a row of a table
)  # fmt: skip


@given(st.lists(WORDS, max_size=25).map(" ".join))
def test_it_agrees_with_the_yaml_library_about_what_is_yaml(text: str) -> None:
    """Where the library reads the text and no key is a number, empty or twice, the data are the
    same.
    """
    try:
        expected = yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError, TypeError, ValueError):
        return
    outcome = parsed(text)
    if outcome.fault is not None:
        assert "key" in outcome.fault.message or "alias" in outcome.fault.message
        return
    if not outcome.duplicates:
        assert outcome.data == _as_json(expected)


def _as_json(value: object) -> object:
    """``y`` alone is text for PyYAML, a boolean for Kubernetes; the words above avoid it."""
    if isinstance(value, dict):
        return {_key(k): _as_json(v) for k, v in value.items()}
    return [_as_json(v) for v in value] if isinstance(value, list) else value


def _key(key: object) -> object:
    return str(key).lower() if isinstance(key, bool | int) else key


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: [2001:db8::]", {"a": ["2001:db8::"]}),
        ("a: [2001:db8::, b:]", {"a": ["2001:db8::", "b:"]}),
        ("a: {x: y:}", {"a": {"x": "y:"}}),
        ("{a:, b: c}", {"a:": None, "b": "c"}),
        ('{"a":, b: [c:]}', {"a": None, "b": ["c:"]}),
        ("a: [b:, 'c:]', \"d:,\"]  # e:]", {"a": ["b:", "c:]", "d:,"]}),
        ("a: &x [b:]\nc: *x", {"a": ["b:"], "c": ["b:"]}),
    ],
)
def test_plain_text_in_brackets_may_end_in_a_colon(text: str, data: Data) -> None:
    outcome = parsed(text)

    assert outcome.fault is None
    assert outcome.data == data


@pytest.mark.parametrize("text", ["a: [b:[c]]", "a: [b:", "a: [b:}", "a: [::1]"])
def test_other_colons_in_brackets_are_faults(text: str) -> None:
    assert parsed(text).fault is not None


def test_text_in_brackets_that_ends_in_a_colon_is_found_in_the_file() -> None:
    text = "{hosts: [2001:db8::, b], c:, d: &x [e:], f: *x}"

    assert span_of(text, ("hosts", 0), on_key=False) == (9, 19)
    assert span_of(text, ("hosts", 1), on_key=False) == (21, 22)
    assert span_of(text, ("c:",), on_key=True) == (25, 27)
    assert span_of(text, ("f", 0), on_key=False) == (36, 38)
