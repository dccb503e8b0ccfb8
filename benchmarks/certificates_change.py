"""Requests between workloads that lose none while certificates and the mesh's root change.

Twenty workloads with a sidecar each call each other by mutual TLS, every call with a handshake of
its own; their certificates live for a minute. First they are renewed for three minutes, then the
root changes, with all its steps. Root is needed, for network namespaces; no part of ``make bench``,
which needs none.

    python benchmarks/certificates_change.py [--workloads N] [--minutes N] [--pause SECONDS]
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
from figures import Figure, table  # noqa: E402

from tests.support.mutual_mesh import MutualMesh, mutual_mesh  # noqa: E402

STEPS: Final = {"announced": "step 1 of 2", "switched": "step 2 of 2", "done": "no change"}
LONGEST_STEP: Final = 600.0  # seconds


def phase(mesh: MutualMesh, name: str, seconds: float) -> Iterator[Figure]:
    """What happens meanwhile."""
    before, failed = mesh.succeeded(), len(mesh.failures())
    time.sleep(seconds)
    yield Figure(name=f"{name}: requests", value=mesh.succeeded() - before)
    yield Figure(name=f"{name}: failed", value=len(mesh.failures()) - failed, goal=0)


def rotation(mesh: MutualMesh) -> Iterator[Figure]:
    """From the command to the end of the last step."""
    before, failed, began = mesh.succeeded(), len(mesh.failures()), time.monotonic()
    mesh.command("ca", "rotate")
    for name, shown in STEPS.items():
        deadline = time.monotonic() + LONGEST_STEP
        while shown not in mesh.command("ca", "status"):
            assert time.monotonic() < deadline, f"{name}: {mesh.command('ca', 'status')}"
            time.sleep(1)
    yield Figure(name="change of the root, s", value=time.monotonic() - began)
    yield Figure(name="change of the root: requests", value=mesh.succeeded() - before)
    failures = len(mesh.failures()) - failed
    yield Figure(name="change of the root: failed", value=failures, goal=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workloads", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--pause", type=float, default=0.2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        with mutual_mesh(Path(folder), options.workloads, life="1m", pause=options.pause) as mesh:
            start = Figure(name="until all call each other, s", value=time.monotonic() - began)
            renewed = list(phase(mesh, "renewals of leaves", options.minutes * 60))
            changed = list(rotation(mesh))
            failures = mesh.failures()
    print(table([start, *renewed, *changed]))
    for failure in failures[:20]:
        print(failure, file=sys.stderr)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
