"""Laws over every field of a match: none is forgotten where matches are compared or merged."""

import pytest

from controlplane.kinds.istio.virtual_service import HttpMatch, HttpRoute
from controlplane.kinds.validation import match_conditions
from controlplane.kinds.validation.match_conditions import applies_wherever, match_of
from controlplane.kinds.validation.match_coverage import EarlierMatches
from controlplane.translate.istio import delegate_match
from controlplane.translate.istio.delegate import merged_rule
from controlplane.translate.istio.delegate_match import conflict, merged_match
from tests.support.samples import given

NAMES = {"name", "stat_prefix"}
ALONE_ASKS_NOTHING = {*NAMES, "ignore_uri_case"}


def test_every_field_of_a_match_is_in_the_tables() -> None:
    fields = set(HttpMatch.__struct_fields__)

    assert set(match_conditions.FIELDS) == fields
    assert set(delegate_match.FIELDS) == fields


@pytest.mark.parametrize("field", HttpMatch.__struct_fields__)
def test_a_match_that_asks_for_something_leaves_the_rest_to_later_ones(field: str) -> None:
    asked = match_of(given(HttpMatch, field))
    everything = match_of(HttpMatch())
    earlier: EarlierMatches[str] = EarlierMatches()
    earlier.add(asked, field)

    cover = earlier.cover(everything, lambda match, _: applies_wherever(everything, match))

    assert (cover is not None) is (field in ALONE_ASKS_NOTHING)


@pytest.mark.parametrize("field", HttpMatch.__struct_fields__)
def test_a_match_takes_all_that_its_like_asks_for(field: str) -> None:
    asked = match_of(given(HttpMatch, field))
    earlier: EarlierMatches[str] = EarlierMatches()
    earlier.add(asked, field)

    cover = earlier.cover(asked, lambda match, _: applies_wherever(asked, match))

    assert cover == (field,)


@pytest.mark.parametrize("field", HttpMatch.__struct_fields__)
def test_what_either_block_asks_for_the_block_of_both_asks_for(field: str) -> None:
    one = given(HttpMatch, field)

    for root, leaf in ((one, HttpMatch()), (HttpMatch(), one), (one, one)):
        if not conflict(root, leaf) and field not in NAMES:
            assert merged_match(root, leaf) == one
    if field not in NAMES:
        assert not conflict(one, one)


@pytest.mark.parametrize("field", sorted({*HttpRoute.__struct_fields__} - {"match", "delegate"}))
def test_a_delegate_has_what_it_leaves_out_from_the_rule_that_delegates(field: str) -> None:
    rule = given(HttpRoute, field)

    assert merged_rule(rule, HttpRoute(), ()) == rule
    if field != "name":
        assert merged_rule(rule, rule, ()) == rule
