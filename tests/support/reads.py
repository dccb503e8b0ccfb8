"""Which attributes a function reads, itself or by functions of its own module that it uses."""

import ast
from functools import cache
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


class NoSuchFunction(Exception):
    """A module or a function in it that is named does not exist."""


def attributes_read(function: str) -> frozenset[str]:
    """``function`` is ``package.module:name``; patterns of ``match`` read as well.

    Raises NoSuchFunction.
    """
    module, _, name = function.partition(":")
    functions = _functions(module)
    if name not in functions:
        raise NoSuchFunction(function)
    read: set[str] = set()
    waiting, seen = [name], {name}
    while waiting:
        for node in ast.walk(functions[waiting.pop()]):
            match node:
                case ast.Attribute(attr=attribute):
                    read.add(attribute)
                case ast.MatchClass(kwd_attrs=attributes):
                    read.update(attributes)
                case ast.Name(id=used) if used in functions and used not in seen:
                    seen.add(used)
                    waiting.append(used)
    return frozenset(read)


@cache
def _functions(module: str) -> dict[str, Function]:
    path = Path(__file__).parents[2] / f"{module.replace('.', '/')}.py"
    if not path.exists():
        raise NoSuchFunction(module)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, Function)}
