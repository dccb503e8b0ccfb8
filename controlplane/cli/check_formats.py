"""Diagnostics for other programs: JSON, GitHub's workflow commands, SARIF 2.1.0.

Sources: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions,
https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from controlplane.admin.view import Diagnosis, Finding, json_text
from controlplane.base.diagnostics import Severity
from controlplane.base.locations import SourceLocation
from controlplane.cli.diagnostic_text import DiagnosticText, Pointer
from controlplane.cli.explanations import explanation
from controlplane.cli.output import printable

Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | bool | None

_GITHUB: Final = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "notice",
}
_SARIF: Final = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
}
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def as_json(diagnostics: Sequence[DiagnosticText], *, objects: int, refused: int) -> str:
    """One JSON object; ``path``, ``line`` and ``column`` are null for an object in no file."""
    found = tuple(map(_finding, diagnostics))
    return json_text(Diagnosis(diagnostics=found, objects=objects, refused=refused))


def as_github(diagnostics: Sequence[DiagnosticText]) -> Iterator[str]:
    """One workflow command for each diagnostic."""
    for one in diagnostics:
        at = ""
        if one.location is not None:
            at = f"file={_property(one.location.path.as_posix())},"
            if one.location.line:
                end = one.location.column + one.location.width
                at += f"line={one.location.line},col={one.location.column},endColumn={end},"
        text = "; ".join(printable(part) for part in (one.message, one.note, one.hint) if part)
        yield f"::{_GITHUB[one.severity]} {at}title={one.code}::{text.replace('%', '%25')}"


def as_sarif(diagnostics: Sequence[DiagnosticText]) -> str:
    """One run of the tool ``controlplane``, with a rule for each code that occurs."""
    codes = sorted({one.code for one in diagnostics}, key=lambda code: code.id)
    rules: Json = [
        {
            "id": code.id,
            "shortDescription": {"text": code.meaning},
            "help": {"text": code.meaning, "markdown": explanation(code)},
            "defaultConfiguration": {"level": _SARIF[code.severity]},
        }
        for code in codes
    ]
    index = {code.id: i for i, code in enumerate(codes)}
    driver: Json = {"name": "controlplane", "rules": rules}
    run: Json = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, index[one.code.id]) for one in diagnostics],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _finding(one: DiagnosticText) -> Finding:
    location = one.location
    return Finding(
        code=one.code.id,
        severity=one.severity.value,
        message=one.message,
        hint=one.hint,
        path=str(location.path) if location else None,
        line=location.line if location else None,
        column=location.column if location else None,
        object=one.object,
        refused=one.is_refusal,
    )


def _property(text: str) -> str:
    for character in "%\r\n:,":
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _result(one: DiagnosticText, rule: int) -> Json:
    text = ". ".join(part for part in (one.message, one.note, one.hint) if part)
    result: dict[str, Json] = {
        "ruleId": one.code.id,
        "ruleIndex": rule,
        "level": _SARIF[one.severity],
        "message": {"text": text},
    }
    shown: dict[str, Json] = {}
    if one.location is not None:
        shown["physicalLocation"] = _physical(one.location)
    if one.object is not None:
        shown["logicalLocations"] = [{"fullyQualifiedName": one.object, "kind": "resource"}]
    if shown:
        result["locations"] = [shown]
    related = [_related(pointer, pointer.location) for pointer in one.related if pointer.location]
    if related:
        result["relatedLocations"] = related
    return result


def _related(pointer: Pointer, location: SourceLocation) -> Json:
    return {"physicalLocation": _physical(location), "message": {"text": pointer.message}}


def _physical(location: SourceLocation) -> Json:
    path = location.path
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    shown: dict[str, Json] = {"artifactLocation": {"uri": uri}}
    if location.line:
        shown["region"] = {
            "startLine": location.line,
            "startColumn": location.column,
            "endColumn": location.column + location.width,
        }
    return shown
