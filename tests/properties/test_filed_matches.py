"""Matches that are found by how they are filed are those that a look at every match finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import given, settings, strategies as st

from controlplane.kinds.istio.selection import StringMatch
from controlplane.kinds.istio.virtual_service import HttpMatch
from controlplane.kinds.validation.match_conditions import Match, applies_wherever, match_of
from controlplane.kinds.validation.match_coverage import EarlierMatches, Made
from tests.support.properties import examples

WORDS = ("/", "/a", "/a/b", "/A", "a", "b", "")
REGEXES = ("/a.*", "/.*", ".*", "a|b", "[a-z]+", "/a/[a-z]*", "")

texts = st.one_of(
    st.sampled_from(WORDS).map(lambda text: StringMatch(exact=text)),
    st.sampled_from(WORDS).map(lambda text: StringMatch(prefix=text)),
    st.sampled_from(REGEXES).map(lambda text: StringMatch(regex=text)),
)
some_headers = st.dictionaries(st.sampled_from(("x-a", "x-b")), texts, max_size=2)
matches = st.builds(
    HttpMatch,
    uri=st.none() | texts,
    ignore_uri_case=st.booleans(),
    method=st.none() | texts,
    headers=some_headers,
    without_headers=some_headers,
    query_params=st.dictionaries(st.just("q"), texts, max_size=1),
).map(match_of)


@dataclass(slots=True)
class Unfiled(EarlierMatches[int]):
    """The simple way: each match is asked for each request."""

    def candidates(self, made: Made) -> Iterator[tuple[Match, int]]:
        del made
        everyone = dict.fromkeys(id(one) for found in self._by_key.values() for one in found)
        for key in self._by_key.values():
            yield from (one for one in key if everyone.pop(id(one), 0) is None)


def is_covered(earlier: EarlierMatches[int], taken: Match) -> bool:
    return earlier.cover(taken, partial(applies_wherever, taken)) is not None


@given(st.lists(matches, min_size=2, max_size=6))
@settings(max_examples=examples(400, in_gate=200))
def test_no_match_is_missed_for_how_it_is_filed(asked: list[Match]) -> None:
    filed: EarlierMatches[int] = EarlierMatches()
    simple = Unfiled()
    for number, one in enumerate(asked):
        assert is_covered(filed, one) is is_covered(simple, one)
        filed.add(one, number)
        simple.add(one, number)


def regexes_of_paths(number: int) -> HttpMatch:
    return HttpMatch(uri=StringMatch(regex=f".*/{number}"))


def regexes_of_headers(number: int) -> HttpMatch:
    return HttpMatch(headers={"x-a": StringMatch(regex=f"[a-z]+{number}")})


def prefixes(number: int) -> HttpMatch:
    return HttpMatch(uri=StringMatch(prefix=f"/{number}/"))


@dataclass(slots=True)
class Counted(EarlierMatches[int]):
    """Counts the matches that are looked at."""

    looked_at: int = 0

    def candidates(self, made: Made) -> Iterator[tuple[Match, int]]:
        for one in EarlierMatches.candidates(self, made):
            self.looked_at += 1
            yield one


@pytest.mark.parametrize("kind", [regexes_of_paths, regexes_of_headers, prefixes])
def test_a_match_is_compared_with_few_of_many_others(kind: Callable[[int], HttpMatch]) -> None:
    earlier = Counted()

    for number in range(500):
        taken = match_of(kind(number))
        assert not is_covered(earlier, taken)
        earlier.add(taken, number)
    assert is_covered(earlier, taken)

    assert earlier.looked_at == 1
