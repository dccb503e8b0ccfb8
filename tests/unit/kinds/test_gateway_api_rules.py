"""The rules of the Gateway API: each has a line in a table that breaks it."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest

from controlplane.documents.document import identity
from controlplane.kinds.duration import value_of
from controlplane.kinds.registry import SERVED
from controlplane.kinds.spec import Spec
from controlplane.kinds.validation.gateway_api import (
    filters,
    http_routes,
    listeners,
    policies,
    routes,
)
from controlplane.kinds.validation.gateway_api.requirements import (
    EXPERIMENTAL,
    REQUIRED,
    UNIQUE,
)
from controlplane.kinds.validation.gateway_api.rule import Rule
from tests.unit.kinds.given import body_of
from tests.unit.kinds.test_support import structs_of
from tests.unit.kinds.test_validation import put, table

RULES = [
    *listeners.RULES,
    *routes.RULES,
    *http_routes.RULES,
    *filters.RULES,
    *policies.RULES,
]
STRUCTS = {
    struct
    for kind, served in SERVED.items()
    if kind.group.startswith("gateway.networking.")
    for struct in structs_of(served.spec)
}


def broken() -> Iterator[Spec]:
    """The specs of the lines that are not accepted without a word, as far as their types fit."""
    for row in (*table("refused"), *table("warned")):
        data, (fields, *_) = row.values
        body = body_of(data["kind"], put(data, fields)[0], data.get("apiVersion"))
        key = identity(body)
        if key is not None and key.kind.group.startswith("gateway.networking."):
            try:
                yield msgspec.convert(body["spec"], SERVED[key.kind].spec, dec_hook=value_of)
            except msgspec.ValidationError:
                continue


def within(value: object) -> Iterator[Spec]:
    match value:
        case Spec():
            yield value
            for name in value.__struct_fields__:
                yield from within(getattr(value, name))
        case tuple():
            for item in value:
                yield from within(item)
        case Mapping():
            for item in value.values():
                yield from within(item)


@pytest.fixture(scope="module")
def structs() -> list[Spec]:
    return [struct for spec in broken() for struct in within(spec)]


@pytest.mark.parametrize(
    "rule", RULES, ids=lambda rule: f"{rule.struct.__name__}.{rule.faults.__name__}"
)
def test_a_rule_has_a_line_that_breaks_it(rule: Rule, structs: list[Spec]) -> None:
    found: Any = [
        fault
        for struct in structs
        if isinstance(struct, rule.struct)
        for fault in rule.faults(struct)
    ]

    assert found, "write a line in tests/unit/kinds/validation/gateway_api"


@pytest.mark.parametrize("listed", [REQUIRED, UNIQUE, EXPERIMENTAL])
def test_a_requirement_is_of_a_field_that_is_there(
    listed: Mapping[type[Spec], tuple[str, ...]],
) -> None:
    for struct, names in listed.items():
        assert any(issubclass(each, struct) for each in STRUCTS), f"{struct} is in no kind"
        assert set(names) <= set(struct.__struct_fields__)
