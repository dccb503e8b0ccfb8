"""The word that was meant, where one that is known is near to the one that was typed."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

_NEAR: Final = 0.6


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean "status"?``, or nothing where no known word is near."""
    folded = {each.casefold(): each for each in known}
    near = get_close_matches(word.casefold(), folded, n=1, cutoff=_NEAR)
    return f'; did you mean "{folded[near[0]]}"?' if near else ""
