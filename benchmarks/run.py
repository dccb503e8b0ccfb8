"""Runs every benchmark several times and writes the medians into RESULTS.md.

    python benchmarks/run.py [RUNS]

Each run is a process of its own. Goals stand beside the figures, met or not.
"""

import json
import os
import platform
import re
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from figures import rounded

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "RESULTS.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
SUITES = {
    "edit_latency": "From the rename of a file to a real Envoy that shows it",
    "edit_cost": "What one edit costs to compute",
    "cold_start": "From the start of the process to ready",
    "xds_load": "Simulated delta proxies on one server",
    "gateway_edits": "Edits of a large gateway",
    "views": "A fleet of sidecars in many namespaces, without its streams",
}
GOALS = {
    r"100 services: rename to new answer, median": 3.0,
    r"1,000 services: rename to new answer, median": 5.0,
    r"largest/smallest": 1.5,
    r"start to ready": 3.0,
    r"connect until all acknowledged": 2.0,
    r"one endpoint change until all acknowledged": 80.0,
    r"1,000 proxies.*peak RSS": 350.0,
    r"1,000 sidecars, s of CPU": 2.0,
    r"1,000 sidecars, MiB above the base": 150.0,
    r"a further proxy, cells": 12,
    r"an endpoint, ms of CPU": 10.0,
}


def run(suite: str) -> dict[str, float]:
    code = f"import json, {suite} as suite; print(json.dumps(suite.measured()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=HERE,
        env=os.environ | {"PYTHONPATH": str(HERE.parent)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def goal(name: str) -> float | None:
    return next((value for rule, value in GOALS.items() if re.match(rf".*{rule}", name)), None)


def rows(runs: list[dict[str, float]]) -> list[str]:
    lines = []
    for name in runs[0]:
        values = [figures[name] for figures in runs]
        median, wanted = statistics.median(values), goal(name)
        verdict = "" if wanted is None else f"≤ {rounded(wanted)}"
        if wanted is not None:
            verdict += ", met" if median <= wanted else ", not met"
        spread = f"{rounded(min(values))} to {rounded(max(values))}"
        lines.append(f"| {name} | {rounded(median)} | {spread} | {verdict} |")
    return lines


def machine() -> str:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = cpu[1] if cpu else platform.processor()
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Python {platform.python_version()}"


def main(count: int) -> None:
    parts = [f"{datetime.now(UTC):%Y-%m-%d}; {machine()}; Envoy 1.40; medians of {count} runs."]
    for suite, title in SUITES.items():
        if not (HERE / f"{suite}.py").exists():
            continue
        print(f"{suite}: {title}", flush=True)
        table = rows([run(suite) for _ in range(count)])
        print("\n".join(table), flush=True)
        head = "| figure | median | lowest to highest | goal |\n|---|---|---|---|"
        parts.append(f"### {title}\n\n{head}\n" + "\n".join(table))
    text = RESULTS.read_text()
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    RESULTS.write_text(f"{before}{BEGIN}\n" + "\n\n".join(parts) + f"\n{after}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
