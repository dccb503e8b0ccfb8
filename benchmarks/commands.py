"""How long the commands take that people wait for: wall time, from the start of the process."""

import statistics
import subprocess
import time
from collections.abc import Sequence

import mesh
from figures import Figure, show
from processes import CONTROLPLANE, folder, serving

RUNS = 7
COMMANDS = ("serve", "up", "bootstrap", "check", "status", "config", "cert")


def took(arguments: Sequence[str], runs: int) -> float:
    """Median seconds of a command that ends well."""
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run([*CONTROLPLANE, *arguments], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def measured(*, quick: bool = False) -> list[Figure]:
    runs = 3 if quick else RUNS
    figures = []
    helps = {"controlplane": took(["--help"], runs)}
    helps |= {name: took([name, "--help"], runs) for name in COMMANDS}
    slowest = max(helps, key=lambda name: helps[name])
    figures.append(
        Figure(name=f"--help of {slowest}, the slowest, s", value=helps[slowest], goal=0.15)
    )
    with folder() as here:
        (here / "config").mkdir()
        small = here / "config" / "mesh.yaml"
        small.write_text("---\n".join(text for _, text in mesh.documents(1)))
        checked = took(["check", str(small)], runs)
        figures.append(Figure(name="check of one small file, s", value=checked, goal=0.35))
        with serving(here / "config") as plane:
            asked = took(["status", "--admin", f"127.0.0.1:{plane.admin}"], runs)
            figures.append(Figure(name="status, s", value=asked, goal=0.15))
    return figures


if __name__ == "__main__":
    show(measured())
