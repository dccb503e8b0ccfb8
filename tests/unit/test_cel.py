"""What is an expression of CEL, as cel-go parses it."""

import pytest

from controlplane.base.cel import Node, NodeKind, cel_fault, expression

SOUND = [
    "true",
    "response.code >= 400 && request.method == 'GET'",
    "connection.mtls || !has(request.headers['x-id'].a)",
    "a ? b : c ? d : e",
    "1 + 2 * -3 - 4 % 5 / 6",
    "--1",
    "!!a",
    "-9223372036854775808",
    "18446744073709551615u",
    "0xFFu + 0x10u",
    "1.5e3 + .5 + 1e-3",
    "'\\x41\\u00e9\\U0001F600\\101\\?'",
    "r'\\d+' + R\"\\d\"",
    "b'\\xff' == br'\\x'",
    "'''a\n'b'''",
    '"""a\n"b"""',
    "[] == [,] || [1, 2,] == [1]",
    "{} == {,} || {'a': 1, 'b': 2,}['a'] == 1",
    "google.rpc.Status{code: 1,}",
    ".a.b.c(1, 2)",
    "a.namespace.if",
    "request.headers.all(h, h.startsWith('x')) && [1].map(x, x > 1, x * 2) == []",
    "a in [1, 2] == true",
    "a.`b-c/d.e f`.g == A{`x-y`: 1}.`if`",
    "size(a) > 1 // what follows is a comment",
    "a\n\t&& b",
    "a.exists(1)",
    "existing.all()",
]
BROKEN = [
    "",
    " ",
    "response.code >=",
    "response.code = 400",
    ")++++",
    "(a",
    "a)",
    "[a",
    "{a}",
    "{'a': }",
    "a b",
    "a && && b",
    "a ? b",
    "a ? b ? c : d : e",
    "a.",
    "a.1",
    "1.",
    "a..b",
    "'a",
    '"a\nb"',
    "'\\q'",
    "'\\400'",
    "'\\ud800'",
    "b'\\u0041'",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616u",
    "1e400",
    "0x",
    "a & b",
    "a | b",
    "a ~ b",
    "$a",
    "é",
    "`a`",
    "a.``",
    "a.`b`()",
    "a.`b+c`",
    "a?.b",
    "a[?b]",
    "-!a",
    "if",
    "for(1)",
    "a.in",
    "a.true",
    "has(a)",
    "has(a[0])",
    "a.all(b.c, true)",
    "a.map(1, 2)",
    "f(1,)",
    "f(,)",
    "A{1: 2}",
    "in [1]",
    "9" * 5000,
    "(" * 200 + "1" + ")" * 200,
    "'" + "a" * 100_000 + "'",
]


@pytest.mark.parametrize("text", SOUND)
def test_an_expression_has_no_fault(text: str) -> None:
    assert cel_fault(text) is None


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: text[:20])
def test_what_is_no_expression_has_one(text: str) -> None:
    assert cel_fault(text) is not None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("response.code >=", "expected a value, found the end (at character 17)"),
        ("response.code = 400", '"=" is not part of an expression here (at character 15)'),
        ("a b", 'expected an operator, found "b" (at character 3)'),
        ("f(a b)", 'expected ")", found "b" (at character 5)'),
        ("while", '"while" is a reserved word (at character 1)'),
    ],
)
def test_a_fault_says_where_it_is(text: str, fault: str) -> None:
    assert cel_fault(text) == fault


def test_operators_group_to_the_left_and_by_precedence() -> None:
    one, two, three = (Node(NodeKind.LITERAL, text) for text in "123")

    assert expression("1 - 2 - 3") == Node(
        NodeKind.OPERATOR, "-", (Node(NodeKind.OPERATOR, "-", (one, two)), three)
    )
    assert expression("1 < 2 * 3") == Node(
        NodeKind.OPERATOR, "<", (one, Node(NodeKind.OPERATOR, "*", (two, three)))
    )


def test_a_long_chain_is_no_deep_one() -> None:
    found = expression(" || ".join(f"a == {i}" for i in range(5000)))

    assert sum(1 for _ in found.parts()) == 5000 * 3 + 4999


def test_a_name_in_backquotes_is_the_name() -> None:
    assert expression("a.`b`.`c-d`") == Node(NodeKind.FIELD, "c-d", (expression("a.b"),))


def test_what_is_called_is_known() -> None:
    found = expression("f(a).g(b) && has(request.headers.x)")

    assert {(node.kind.name, node.name) for node in found.parts()} >= {
        ("CALL", "f"),
        ("METHOD", "g"),
        ("CALL", "has"),
    }
