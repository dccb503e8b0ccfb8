"""Expressions of the Common Expression Language, parsed as Istio's admission does: by syntax and
the arguments of macros, whatever names and types are in them.

Source: cel-go ``parser/gen/CEL.g4``, ``parser/parser.go``, ``parser/macro.go``
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from controlplane.base.cel_tokens import CelFault, Token, TokenKind, is_int, tokens


class NodeKind(Enum):
    LITERAL = auto()
    IDENTIFIER = auto()
    FIELD = auto()
    """``operands`` is what has the field."""
    CALL = auto()
    METHOD = auto()
    """A function that is called on the first of ``operands``."""
    OPERATOR = auto()
    INDEX = auto()
    LIST = auto()
    MAP = auto()
    """Keys and values in turn."""
    MESSAGE = auto()


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression. ``name`` is that of a field, function, operator or message, and the
    text of a literal.
    """

    kind: NodeKind
    name: str
    operands: tuple["Node", ...] = ()

    def parts(self) -> Iterator["Node"]:
        """The node and all that is in it."""
        left = [self]
        while left:
            node = left.pop()
            yield node
            left.extend(reversed(node.operands))


LENGTH_LIMIT: Final = 100_000  # characters; cel-go, defaultExpressionSizeCodePointLimit
DEPTH_LIMIT: Final = 100  # expressions within expressions; cel-go has 250
_RESERVED: Final = frozenset(
    {
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    }
)
_LITERALS: Final = frozenset({TokenKind.UINT, TokenKind.BYTES, TokenKind.STRING})
_PRECEDENCE: Final = {
    operator: level
    for level, operators in enumerate(
        (("||",), ("&&",), ("<", "<=", ">", ">=", "==", "!=", "in"), ("+", "-"), ("*", "/", "%"))
    )
    for operator in operators
}
"""Operators between two operands, the loosest first; all group to the left."""
_COMPREHENSIONS: Final = {
    ("all", 2),
    ("exists", 2),
    ("exists_one", 2),
    ("existsOne", 2),
    ("filter", 2),
    ("map", 2),
    ("map", 3),
}
"""Macros that are called on what they go through, with the number of their arguments."""


def cel_fault(text: str) -> str | None:
    """Why ``text`` is not an expression, with the place in it; ``None`` where it is one."""
    try:
        expression(text)
    except CelFault as fault:
        return f"{fault} (at character {fault.at + 1})"
    return None


def expression(text: str) -> Node:
    """The expression that ``text`` is. Raises ``CelFault`` where it is none."""
    found, _ = _parsed(text)
    return found


def nesting(text: str) -> int:
    """How deep expressions are nested in each other, by parentheses too: 1 for one that has none
    within it. Raises ``CelFault`` where it is none.
    """
    _, deepest = _parsed(text)
    return deepest


@lru_cache(maxsize=1024)
def _parsed(text: str) -> tuple[Node, int]:
    if len(text) > LENGTH_LIMIT:
        raise CelFault(LENGTH_LIMIT, f"it is longer than {LENGTH_LIMIT} characters")
    parser = _Parser(list(tokens(text)))
    found = parser.expression()
    parser.expect_end()
    return found, parser.deepest


class _Parser:
    """A cursor over the tokens of one expression."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._next = 0
        self._depth = 0
        self.deepest = 0

    def expression(self) -> Node:
        self._depth += 1
        self.deepest = max(self.deepest, self._depth)
        if self._depth > DEPTH_LIMIT:
            raise CelFault(self._token.at, f"it is nested deeper than {DEPTH_LIMIT}")
        condition = self._operation()
        if self._took("?"):
            then = self._operation()
            self._expect(":")
            condition = Node(NodeKind.OPERATOR, "?:", (condition, then, self.expression()))
        self._depth -= 1
        return condition

    def expect_end(self) -> None:
        if self._token.kind is not TokenKind.END:
            raise self._unexpected("an operator")

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _advance(self) -> Token:
        token = self._token
        self._next += token.kind is not TokenKind.END
        return token

    def _is_symbol(self, text: str) -> bool:
        return self._token.kind is TokenKind.SYMBOL and self._token.text == text

    def _took(self, text: str) -> bool:
        if not self._is_symbol(text):
            return False
        self._advance()
        return True

    def _expect(self, text: str) -> None:
        if not self._took(text):
            raise self._unexpected(f'"{text}"')

    def _name(self) -> Token:
        if self._token.kind is not TokenKind.IDENTIFIER:
            raise self._unexpected("a name")
        return self._advance()

    def _field_name(self) -> Token:
        return self._advance() if self._token.kind is TokenKind.QUOTED else self._name()

    def _unexpected(self, wanted: str) -> CelFault:
        token = self._token
        found = f'"{token.text}"' if token.text else "the end"
        return CelFault(token.at, f"expected {wanted}, found {found}")

    def _operation(self) -> Node:
        """Operands with operators between them; nested only as deep as parentheses are."""
        operands, operators = [self._unary()], list[str]()
        while self._token.kind is TokenKind.SYMBOL and self._token.text in _PRECEDENCE:
            operator = self._advance().text
            while operators and _PRECEDENCE[operators[-1]] >= _PRECEDENCE[operator]:
                _join(operands, operators.pop())
            operators.append(operator)
            operands.append(self._unary())
        while operators:
            _join(operands, operators.pop())
        (found,) = operands
        return found

    def _unary(self) -> Node:
        operator = self._token.text if self._token.kind is TokenKind.SYMBOL else ""
        if operator not in ("!", "-"):
            return self._member()
        signs = 0
        while self._is_symbol(operator) and not (operator == "-" and self._begins_number()):
            self._advance()
            signs += 1
        found = self._member()
        return Node(NodeKind.OPERATOR, operator, (found,)) if signs else found

    def _begins_number(self) -> bool:
        """Whether the minus sign is that of a literal."""
        following = self._tokens[self._next + 1]
        return following.kind in (TokenKind.INT, TokenKind.FLOAT)

    def _member(self) -> Node:
        found = self._primary()
        while True:
            if self._took("."):
                found = self._field(found)
            elif self._took("["):
                found = Node(NodeKind.INDEX, "", (found, self.expression()))
                self._expect("]")
            else:
                return found

    def _field(self, of: Node) -> Node:
        name = self._field_name()
        if name.kind is TokenKind.QUOTED or not self._took("("):
            return Node(NodeKind.FIELD, name.text.strip("`"), (of,))
        arguments = self._arguments()
        if (name.text, len(arguments)) in _COMPREHENSIONS and (
            arguments[0].kind is not NodeKind.IDENTIFIER
        ):
            raise CelFault(name.at, f"the first argument of {name.text}() is not a simple name")
        return Node(NodeKind.METHOD, name.text, (of, *arguments))

    def _arguments(self) -> tuple[Node, ...]:
        """What is between parentheses, of which the first is behind us."""
        if self._took(")"):
            return ()
        found = [self.expression()]
        while self._took(","):
            found.append(self.expression())
        self._expect(")")
        return tuple(found)

    def _primary(self) -> Node:
        token = self._token
        if token.kind in _LITERALS:
            return Node(NodeKind.LITERAL, self._advance().text)
        if token.kind in (TokenKind.INT, TokenKind.FLOAT) or self._is_symbol("-"):
            return self._number()
        if token.kind is TokenKind.IDENTIFIER or self._is_symbol("."):
            return self._named()
        if self._took("("):
            found = self.expression()
            self._expect(")")
            return found
        if self._took("["):
            return Node(NodeKind.LIST, "", tuple(self._items("]", has_keys=False)))
        if self._took("{"):
            return Node(NodeKind.MAP, "", tuple(self._items("}", has_keys=True)))
        if token.kind is TokenKind.SYMBOL and token.text in ("true", "false", "null"):
            return Node(NodeKind.LITERAL, self._advance().text)
        raise self._unexpected("a value")

    def _number(self) -> Node:
        negative = self._took("-")
        token = self._token
        if token.kind not in (TokenKind.INT, TokenKind.FLOAT):
            raise self._unexpected("a value")
        if token.kind is TokenKind.INT and not is_int(token, negative=negative):
            raise CelFault(token.at, f"{token.text} is more than 64 bits hold")
        return Node(NodeKind.LITERAL, f"{'-' * negative}{self._advance().text}")

    def _named(self) -> Node:
        """A variable, a call or a message."""
        is_absolute = self._took(".")
        at = self._next
        name = self._name()
        if self._took("("):
            self._check_reserved(name)
            return self._call(name, self._arguments())
        while self._is_symbol(".") and self._tokens[self._next + 1].kind is TokenKind.IDENTIFIER:
            self._next += 2
        if self._took("{"):
            of = "".join(token.text for token in self._tokens[at : self._next - 1])
            return Node(NodeKind.MESSAGE, of, tuple(self._fields()))
        self._next = at + 1
        self._check_reserved(name)
        return Node(NodeKind.IDENTIFIER, f"{'.' * is_absolute}{name.text}")

    def _check_reserved(self, name: Token) -> None:
        if name.text in _RESERVED:
            raise CelFault(name.at, f'"{name.text}" is a reserved word')

    def _call(self, name: Token, arguments: tuple[Node, ...]) -> Node:
        if name.text == "has" and len(arguments) == 1 and arguments[0].kind is not NodeKind.FIELD:
            raise CelFault(name.at, "the argument of has() is not a field")
        return Node(NodeKind.CALL, name.text, arguments)

    def _items(self, end: str, *, has_keys: bool) -> Iterator[Node]:
        """The items of a list or map; a comma may follow the last of them."""
        if not self._is_symbol(",") and not self._is_symbol(end):
            while True:
                yield self.expression()
                if has_keys:
                    self._expect(":")
                    yield self.expression()
                if not self._is_symbol(",") or self._is_last(end):
                    break
                self._advance()
        self._took(",")
        self._expect(end)

    def _is_last(self, end: str) -> bool:
        """Whether the comma is followed by the end."""
        following = self._tokens[self._next + 1]
        return following.kind is TokenKind.SYMBOL and following.text == end

    def _fields(self) -> Iterator[Node]:
        if not self._is_symbol(",") and not self._is_symbol("}"):
            while True:
                self._field_name()
                self._expect(":")
                yield self.expression()
                if not self._is_symbol(",") or self._is_last("}"):
                    break
                self._advance()
        self._took(",")
        self._expect("}")


def _join(operands: list[Node], operator: str) -> None:
    right, left = operands.pop(), operands.pop()
    operands.append(Node(NodeKind.OPERATOR, operator, (left, right)))
