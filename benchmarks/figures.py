"""Figures by name, as every benchmark gives them, and how they are printed."""

from collections.abc import Mapping


def rounded(value: float) -> str:
    """Three significant digits, or whole numbers above a hundred."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def show(figures: Mapping[str, float]) -> None:
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:{width}}  {rounded(value):>8}")
