"""Lists and counts in messages."""

import pytest

from controlplane.base.wording import counted, first_of, listed


@pytest.mark.parametrize(
    ("words", "text"),
    [([], "nothing"), (["v1"], "v1"), (["v1", "v2"], "v1 and v2"), ([1, 2, 3], "1, 2 and 3")],
)
def test_all_are_listed(words: list[object], text: str) -> None:
    assert listed(words) == text


@pytest.mark.parametrize(
    ("words", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a, b"), (["a", "b", "c", "d"], "a, b and 2 more")],
)
def test_the_first_are_listed_and_the_others_counted(words: list[str], text: str) -> None:
    assert first_of(words, 2) == text


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [(0, "error", "0 errors"), (1, "object", "1 object"), (2, "proxy", "2 proxies")],
)
def test_a_count_agrees_with_its_noun(count: int, noun: str, text: str) -> None:
    assert counted(count, noun) == text
