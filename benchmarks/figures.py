"""Figures as every benchmark gives them, with what they are compared to, and how they are shown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured value; ``floor`` is what a server took that does nothing but send the same.

    ``goal`` is the most that the ratio to the floor may be, or the value where there is no floor.
    """

    name: str
    value: float
    floor: float | None = None
    goal: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return (self.value if self.ratio is None else self.ratio) <= self.goal

    def cells(self) -> tuple[str, ...]:
        """Name, value, floor, ratio, goal, and whether it is met."""
        of_floor = " x floor" if self.ratio is not None else ""
        return (
            self.name,
            rounded(self.value),
            "" if self.floor is None else rounded(self.floor),
            "" if self.ratio is None else f"{self.ratio:.2f}",
            "" if self.goal is None else f"≤ {rounded(self.goal)}{of_floor}",
            {None: "", True: "met", False: "NOT MET"}[self.met],
        )


HEAD = ("figure", "value", "floor", "ratio", "goal", "")


def rounded(value: float) -> str:
    """Three significant digits, or whole numbers above a hundred."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(figures: Iterable[Figure]) -> str:
    rows = [HEAD, *(figure.cells() for figure in figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    lines = []
    for row in rows:
        cells = (
            cell.ljust(width) if i in (0, 5) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def show(figures: Mapping[str, float] | Iterable[Figure]) -> None:
    """Print figures, also such that are compared to nothing."""
    if isinstance(figures, Mapping):
        figures = [Figure(name=name, value=value) for name, value in figures.items()]
    print(table(figures))
