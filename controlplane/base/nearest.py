"""The word that a misspelled one was meant to be: one rule for every name that people write.

The distance of two words is how many single letters must be inserted, left out, replaced or swapped
with their neighbour to make one of the other ("optimal string alignment"). Case, ``-`` and ``_``
do not count. A word is near when the distance is at most a third of the shorter word's length, and
at most 3: ``wbe`` is near ``web``, ``v3`` is near nothing. Words that differ only in digits
(``reviews-v1``, ``reviews-v2``) are different things, not slips.
"""

import re
from collections.abc import Iterable
from typing import Final

FARTHEST: Final = 3
_DIGITS: Final = re.compile(r"[0-9]+")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that ``word`` is most likely a misspelling of: the first of the nearest.

    ``None`` where none is near, and where ``word`` itself is known.
    """
    folded = _folded(word)
    best: str | None = None
    least = FARTHEST + 1
    for other in known:
        if other == word:
            return None
        far = _far(folded, _folded(other), least - 1)
        if far is not None and far < least:
            best, least = other, far
    return best


def _far(word: str, other: str, most: int) -> int | None:
    """The distance, where it is at most ``most`` and near."""
    limit = min(most, min(len(word), len(other)) // 3)
    if word == other:
        return 0 if most >= 0 else None
    if abs(len(word) - len(other)) > limit or _differ_in_digits(word, other):
        return None
    found = distance(word, other)
    return found if found <= limit else None


def distance(word: str, other: str) -> int:
    """How many letters to insert, leave out, replace or swap; quadratic in the lengths."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(word, 1):
        earlier, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == wanted:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _differ_in_digits(word: str, other: str) -> bool:
    return _DIGITS.sub("0", word) == _DIGITS.sub("0", other)


def _folded(word: str) -> str:
    return word.replace("_", "").replace("-", "").lower()
