"""The word that was meant."""

import pytest

from controlplane.base.nearest import nearest


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("wbe", ["db", "web"], "web"),
        ("reveiws", ["ratings", "reviews"], "reviews"),
        ("time_out", ["timeout"], "timeout"),
        ("VirtualServices", ["VirtualService", "Service"], "VirtualService"),
        ("Servce", ["VirtualService", "Service"], "Service"),
        ("prefix", ["statPrefix", "name"], None),
        ("v3", ["v1", "v2"], None),
        ("reviews-v3", ["reviews-v1"], None),
        ("reviews", ["reviews", "review"], None),
        ("cat", ["dog"], None),
        ("", ["a"], None),
    ],
)
def test_a_slip_is_near_and_another_word_is_not(
    word: str, known: list[str], meant: str | None
) -> None:
    assert nearest(word, known) == meant
