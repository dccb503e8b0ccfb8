"""How long the commands take that people wait for: wall time, from the start of the process.

Python keeps the bytecode of what it imported, as it does for every user, though the environment of
a build may forbid it; the first run of each command, which makes it, is not counted.
"""

import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import mesh
from figures import Figure, show
from processes import CONTROLPLANE, folder, serving

RUNS = 7
COMMANDS = ("serve", "up", "bootstrap", "check", "status", "confirm", "config", "cert")


def took(arguments: Sequence[str], runs: int, bytecode: Path) -> float:
    """Median seconds of a command that ends well; ``bytecode`` is the folder that is kept in."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    kept["PYTHONPYCACHEPREFIX"] = str(bytecode)
    seconds = []
    for _ in range(1 + runs):
        started = time.perf_counter()
        command = [*CONTROLPLANE, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=kept)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


def measured(*, quick: bool = False) -> list[Figure]:
    runs = 3 if quick else RUNS
    with folder() as here:
        took_here = partial(took, runs=runs, bytecode=here / "bytecode")
        helps = {"controlplane": took_here(["--help"])}
        helps |= {name: took_here([name, "--help"]) for name in COMMANDS}
        slowest = max(helps, key=lambda name: helps[name])
        (here / "config").mkdir()
        small = here / "config" / "mesh.yaml"
        small.write_text("---\n".join(text for _, text in mesh.documents(1)))
        checked = took_here(["check", str(small)])
        with serving(here / "config") as plane:
            asked = took_here(["status", "--admin", f"127.0.0.1:{plane.admin}"])
    return [
        Figure(name=f"--help of {slowest}, the slowest, s", value=helps[slowest], goal=0.15),
        Figure(name="check of one small file, s", value=checked, goal=0.35),
        Figure(name="status, s", value=asked, goal=0.15),
    ]


if __name__ == "__main__":
    show(measured())
