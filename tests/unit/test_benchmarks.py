"""The benchmarks can be run, and the meshes that they measure have no mistakes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BENCHMARKS: Final = ROOT / "benchmarks"
WRITE: Final = """\
import sys
from pathlib import Path
import commands, edit_served, fleet, idle, views
here = Path(sys.argv[1])
edit_served.write(here / "gateway", 60, 8080, 9080)
fleet.write(here / "fleet", scoped=True)
"""
COMPARE: Final = """\
from figures import Figure
for one in (
    Figure(name="a", value=3, floor=2, goal=1.5), Figure(name="b", value=4, floor=2, goal=1.5),
    Figure(name="c", value=5, goal=5), Figure(name="d", value=6, goal=5), Figure(name="e", value=7),
):
    print(" | ".join(one.cells()))
"""


def said(*command: str) -> str:
    environment = os.environ | {"PYTHONPATH": f"{BENCHMARKS}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_the_meshes_have_no_errors(tmp_path: Path) -> None:
    said("-c", WRITE, str(tmp_path))

    for mesh in ("gateway", "fleet"):
        last = said("-m", "controlplane", "check", str(tmp_path / mesh)).splitlines()[-1]
        assert last.startswith("0 errors, "), mesh


def test_a_goal_is_for_the_ratio_to_the_floor_where_there_is_one() -> None:
    assert said("-c", COMPARE).splitlines() == [
        "a | 3 | 2 | 1.50 | ≤ 1.5 x floor | met",
        "b | 4 | 2 | 2.00 | ≤ 1.5 x floor | NOT MET",
        "c | 5 |  |  | ≤ 5 | met",
        "d | 6 |  |  | ≤ 5 | NOT MET",
        "e | 7 |  |  |  | ",
    ]
