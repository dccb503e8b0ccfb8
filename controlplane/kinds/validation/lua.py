"""Programs of Lua are compiled, by the LuaJIT that Envoy has, and not run.

Istio's admission takes whatever is written, and Envoy refuses every listener with a program that
does not compile. Where there is no LuaJIT (lupa has none on macOS) nothing is said.
Source: envoy/extensions/filters/http/lua/v3/lua.proto
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from controlplane.base.codes import LUA_REFUSED
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef

_LUAJIT: Final = "lupa.luajit21"
_FAULT: Final = re.compile(r"\[string .*?\]:(\d+): (.*)", re.DOTALL)
_BYTECODE: Final = "\x1b"
_TYPE: Final = "envoy.extensions.filters.http.lua.v3.Lua"
_PROGRAMS: Final = ("inline_code", "inlineCode")
_SOURCES: Final = ("default_source_code", "defaultSourceCode", "source_code", "sourceCode")
_NAMED_SOURCES: Final = ("source_codes", "sourceCodes")
_TEXTS: Final = ("inline_string", "inlineString")


def check_lua(report: Report, at: FieldRef, code: str) -> None:
    """Report why ``code`` does not compile, at its line."""
    fault = _fault(code)
    if fault is not None:
        line, why = fault
        message = f"the program does not compile, so Envoy refuses every listener with it: {why}"
        report.add(LUA_REFUSED, at / (line - 1) if "\n" in code else at, message)


def check_lua_within(report: Report, at: FieldRef, value: object) -> None:
    """The same of every program in the filters of a patch's value."""
    for place, code in _programs(at, value):
        check_lua(report, place, code)


@lru_cache(maxsize=256)
def _fault(code: str) -> tuple[int, str] | None:
    """The line at fault, from 1, and what LuaJIT says; ``None`` where it compiles."""
    if not _has_luajit() or code.startswith(_BYTECODE):  # which is no text, and is not checked
        return None
    luajit = import_module(_LUAJIT)
    runtime = luajit.LuaRuntime(register_eval=False, register_builtins=False)
    try:
        runtime.compile(code)
    except luajit.LuaSyntaxError as error:
        found = _FAULT.search(str(error))
        return (int(found[1]), found[2]) if found else (1, str(error))
    return None


@lru_cache(maxsize=1)
def _has_luajit() -> bool:
    return find_spec("lupa") is not None and find_spec(_LUAJIT) is not None


def _programs(at: FieldRef, value: object) -> Iterator[tuple[FieldRef, str]]:
    match value:
        case Mapping() if _is_of_lua(value):
            yield from _of_filter(at, value)
        case Mapping():
            for name, each in value.items():
                yield from _programs(at / name, each)
        case list() | tuple():
            for i, each in enumerate(value):
                yield from _programs(at / i, each)


def _is_of_lua(value: Mapping[str, object]) -> bool:
    type_ = value.get("@type")
    return isinstance(type_, str) and type_.rpartition("/")[2] in (_TYPE, f"{_TYPE}PerRoute")


def _of_filter(at: FieldRef, config: Mapping[str, object]) -> Iterator[tuple[FieldRef, str]]:
    for name, each in config.items():
        match each:
            case str() if name in _PROGRAMS:
                yield at / name, each
            case Mapping() if name in _SOURCES:
                yield from _texts(at / name, each)
            case Mapping() if name in _NAMED_SOURCES:
                for key, source in each.items():
                    if isinstance(source, Mapping):
                        yield from _texts(at / name / key, source)


def _texts(at: FieldRef, source: Mapping[str, object]) -> Iterator[tuple[FieldRef, str]]:
    for name in _TEXTS:
        text = source.get(name)
        if isinstance(text, str):
            yield at / name, text
