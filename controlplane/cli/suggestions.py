"""The word that was meant, where one that is known is near to the one that was typed."""

from collections.abc import Iterable

from controlplane.base.nearest import nearest


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean "status"?``, or nothing where no known word is near or begins so."""
    names = tuple(known)
    begun = (name for name in names if word and name.startswith(word.lower()))
    meant = nearest(word, names) or next(begun, None)
    return f'; did you mean "{meant}"?' if meant is not None else ""
