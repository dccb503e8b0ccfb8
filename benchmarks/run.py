"""Runs the benchmarks and prints what was measured, beside floors and goals.

    python benchmarks/run.py [--quick] [--write] [SUITE]...

A full run takes less than ten minutes on a quiet machine, a quick one two: smaller meshes and fewer
runs. ``--write`` puts the table into RESULTS.md. Each suite is a process of its own.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from figures import Figure, table

HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = HERE / "RESULTS.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
SUITES: Final = {
    "edit_served": "From the rename of a file to a real Envoy that shows it",
    "edit_cpu": "CPU time of the control plane for one edit",
    "fleet": "A fleet of proxies of their own kind each",
    "views": "A fleet of sidecars in many namespaces, without its streams",
    "policies": "AuthorizationPolicies in that fleet",
    "patches": "EnvoyFilters for 100 sidecars, 200 services",
    "gateway_api": "A thousand routes or ListenerSets of the Gateway API, beside VirtualServices",
    "metrics": "Istio's metrics in a gateway Envoy",
    "idle": "Nothing happens",
    "cold_start": "From the start of the process to ready",
    "commands": "Commands",
}
GOALS: Final = {  # of suites that give values without goals
    "1,000 sidecars, s of CPU": 2.0,
    "1,000 sidecars, MiB above the base": 150.0,
    "a further proxy, cells": 12.0,
    "edit of an endpoint, ms of CPU": 10.0,
}


def run(suite: str, *, quick: bool) -> list[Figure]:
    done = subprocess.run(
        [sys.executable, str(HERE / "run.py"), "--one", suite, *(["--quick"] if quick else [])],
        env=os.environ | {"PYTHONPATH": str(HERE.parent)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [Figure(**one) for one in json.loads(done.stdout.splitlines()[-1])]


def run_here(suite: str, *, quick: bool) -> None:
    """Measure in this process and print the figures as JSON."""
    module = __import__(suite)
    found = module.measured() if suite == "views" else module.measured(quick=quick)
    if isinstance(found, dict):
        found = [Figure(name=name, value=v, goal=GOALS.get(name)) for name, v in found.items()]
    print(json.dumps([asdict(figure) for figure in found]))


def machine() -> str:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = cpu[1] if cpu else platform.processor()
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Python {platform.python_version()}"


def markdown(figures: list[Figure]) -> str:
    rows = ("| " + " | ".join(figure.cells()) + " |" for figure in figures)
    return "\n".join(
        ("| figure | value | floor | ratio | goal | |", "|---|---|---|---|---|---|", *rows)
    )


def write(parts: dict[str, list[Figure]], head: str) -> None:
    sections = (f"### {SUITES[suite]}\n\n{markdown(found)}" for suite, found in parts.items())
    text = RESULTS.read_text()
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    RESULTS.write_text(f"{before}{BEGIN}\n" + "\n\n".join((head, *sections)) + f"\n{after}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("suites", nargs="*", choices=[[], *SUITES])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--one", choices=SUITES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        run_here(options.one, quick=options.quick)
        return
    began, load = time.monotonic(), os.getloadavg()[0]
    parts: dict[str, list[Figure]] = {}
    for suite in options.suites or SUITES:
        print(f"\n{SUITES[suite]} ({suite})", flush=True)
        parts[suite] = run(suite, quick=options.quick)
        print(table(parts[suite]), flush=True)
    took = f"{time.monotonic() - began:.0f} s, load {load:.1f} before"
    head = f"{datetime.now(UTC):%Y-%m-%d}; {machine()}; Envoy 1.40; {took}."
    print(f"\n{head}")
    if options.write:
        write(parts, head)


if __name__ == "__main__":
    main()
