"""What 10,000 files cost that do not change."""

import mesh
from edit_cpu import idle
from figures import Figure, show
from processes import folder, serving, until_quiet

FILES = 10_000


def measured(*, quick: bool = False) -> list[Figure]:
    with folder() as here:
        mesh.write(here / "config", FILES // 4)
        with serving(here / "config") as plane:
            until_quiet(plane.pid)
            share = idle(plane.pid, 25 if quick else 60) * 100
    return [Figure(name=f"{FILES:,} files, nothing happens: % of a core", value=share, goal=1.0)]


if __name__ == "__main__":
    show(measured())
