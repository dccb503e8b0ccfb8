"""Hints that propose a replacement lead to an object without a fault, and one mistake is one
message: for each mistake that people make, at each field of each kind.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.base.codes import EXPERIMENTAL_CHANNEL, NOT_SUPPORTED_YET, UNREACHABLE_RULE
from controlplane.base.diagnostics import Diagnostic, Severity
from tests.support.broad_mesh import broad_mesh
from tests.support.mistakes import Mistake, bodies, followed, mistakes
from tests.unit.kinds.given import body_of, decoded_body
from tests.unit.kinds.test_validation import put, table

UNTRANSLATED = {NOT_SUPPORTED_YET, EXPERIMENTAL_CHANNEL}
"""What is said of fields that are sound."""
NO_FAULT = UNTRANSLATED | {UNREACHABLE_RULE}


def all_mistakes() -> list[Mistake]:
    seen: set[tuple[str, ...]] = set()
    rules = (
        body_of(data["kind"], put(data, fields)[0], data.get("apiVersion"))
        for data, fields in accepted()
    )
    return [
        mistake
        for body in (*bodies(), *rules, *broad_mesh().values())
        if not {one.code for one in decoded_body(body)[1]} - UNTRANSLATED
        for mistake in mistakes(body, seen)
    ]


def accepted() -> Iterator[tuple[Any, dict[str, Any]]]:
    for row in table("accepted"):
        data, fields = row.values
        yield data, fields


Made = list[tuple[Mistake, list[Diagnostic]]]
"""Mistakes, and what is said of each."""


@pytest.fixture(scope="module")
def made() -> Made:
    found = [(mistake, decoded_body(mistake.body)[1]) for mistake in all_mistakes()]
    assert len(found) > 2_000, "the cases have fewer fields than they had"
    return found


def test_no_hint_that_is_followed_leads_to_another_fault(made: Made) -> None:
    wrong = []
    count = 0
    for mistake, found in made:
        for diagnostic in found:
            mended = followed(mistake.body, diagnostic)
            if mended is None:
                continue
            count += 1
            _, after = decoded_body(mended)
            # That a rule matches as much as it was meant to may hide those after it.
            new = [d.message for d in after if d not in found and d.code not in NO_FAULT]
            if new:
                wrong.append((mistake.what, diagnostic.message, diagnostic.hint, new))

    assert wrong == []
    assert count > 1_000


def test_a_mistake_is_one_error(made: Made) -> None:
    several = []
    for mistake, found in made:
        errors = [d.message for d in found if d.severity is Severity.ERROR]
        if len(errors) > 1:
            several.append((mistake.what, errors))

    assert several == []
