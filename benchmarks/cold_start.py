"""How long ``controlplane serve`` takes to be ready from 16,000 documents, 10 MB, and what it then
weighs.
"""

import mesh
from figures import Figure, show
from processes import folder, resident, serving

SERVICES = 4_000
SIZE = 10_000_000
IN_A_FILE = 4_500  # documents


def texts_of(services: int, size: int) -> list[str]:
    """All documents in some texts, filled up with comments to ``size`` as commented YAML is."""
    parts = [text for _, text in mesh.documents(services)]
    missing = max(0, size - sum(map(len, parts)) - 5 * len(parts)) // len(parts)
    comment = "# " + "a comment such as people write above an object " * 8
    filled = [f"{comment[:missing]}\n{part}" if missing > 2 else part for part in parts]
    return ["---\n".join(filled[i : i + IN_A_FILE]) for i in range(0, len(filled), IN_A_FILE)]


def measured(*, quick: bool = False) -> list[Figure]:  # noqa: ARG001
    with folder() as here:
        (here / "config").mkdir()
        for number, text in enumerate(texts_of(SERVICES, SIZE)):
            (here / "config" / f"mesh-{number}.yaml").write_text(text)
        with serving(here / "config") as plane:
            ready, peak = plane.ready, resident(plane.pid, peak=True)
    name = f"{SERVICES * 4 + 1:,} documents, {SIZE / 1e6:.0f} MB"
    return [
        Figure(name=f"{name}: start to ready, s", value=ready, goal=3.0),
        Figure(name=f"{name}: peak memory, MB", value=peak),
    ]


if __name__ == "__main__":
    show(measured())
