"""The rules of each kind, one line a rule: ``validation/*.yaml`` holds them as data.

A file names its ``kind`` (and ``apiVersion`` where that is not the preferred one), a ``base`` that
is accepted and the path ``within`` it that each line's fields are put into (``null`` takes a field
away). ``accepted`` says nothing about the line;
``refused`` and ``warned`` list the codes and places of all that is said. Of a kind with
``unsupported: ignored`` the fields that have no effect yet (CP0203) are not listed; nor is what is
said of every object of a kind (``always``, a code).
"""

import copy
from pathlib import Path
from typing import Any

import pytest

from controlplane.base.codes import NOT_SUPPORTED_YET
from controlplane.base.diagnostics import Diagnostic, Effect
from controlplane.documents.yaml import parsed
from tests.unit.kinds.given import body_of, decoded_body, reported

FILES = sorted((Path(__file__).parent / "validation").rglob("*.yaml"))


def table(outcome: str) -> list[Any]:
    rows: list[Any] = []
    for file in FILES:
        outcome_of_yaml = parsed(file.read_text())
        assert outcome_of_yaml.fault is None, f"{file} is YAML"
        assert not outcome_of_yaml.duplicates, f"{file} names no rule twice"
        data: Any = outcome_of_yaml.data
        for rule, line in (data.get(outcome, {})).items():
            rows.append(pytest.param(data, line, id=f"{file.stem}: {rule}"))
    return rows


def put(data: Any, fields: dict[str, Any]) -> tuple[dict[str, Any], tuple[str | int, ...]]:
    base = copy.deepcopy(data["base"])
    place: Any = base
    for step in data.get("within", []):
        place = place[step]
    for name, value in fields.items():
        place.pop(name, None)
        if value is not None:
            place[name] = value
    return base, (*([] if data.get("whole") else ["spec"]), *data.get("within", []))


def said(data: Any, diagnostics: list[Diagnostic], within: tuple[str | int, ...] = ()) -> list[str]:
    ignored = {data.get("always")}
    if data.get("unsupported") == "ignored":
        ignored.add(NOT_SUPPORTED_YET.id)
    return reported([d for d in diagnostics if d.code.id not in ignored], within)


@pytest.mark.parametrize(("data", "fields"), table("accepted"))
def test_accepted(data: Any, fields: dict[str, Any]) -> None:
    spec, _ = put(data, fields)

    object_, diagnostics = decoded_body(body_of(data["kind"], spec, data.get("apiVersion")))

    assert said(data, diagnostics) == []
    assert object_ is not None


@pytest.mark.parametrize(("data", "line"), table("refused"))
def test_refused(data: Any, line: list[Any]) -> None:
    fields, *expected = line
    spec, within = put(data, fields)

    object_, diagnostics = decoded_body(body_of(data["kind"], spec, data.get("apiVersion")))

    assert said(data, diagnostics, within) == expected
    assert object_ is None


@pytest.mark.parametrize(("data", "line"), table("warned"))
def test_warned(data: Any, line: list[Any]) -> None:
    fields, *expected = line
    spec, within = put(data, fields)

    object_, diagnostics = decoded_body(body_of(data["kind"], spec, data.get("apiVersion")))

    assert said(data, diagnostics, within) == expected
    assert object_ is not None
    assert all(d.code.effect is Effect.NONE for d in diagnostics)
