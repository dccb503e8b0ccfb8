"""Workloads that call each other lose no request while their certificates and their root change.

The long form, with twenty workloads, is ``benchmarks/certificates_change.py``.
"""

from pathlib import Path

import pytest

from tests.support.mutual_mesh import mutual_mesh
from tests.support.process import eventually

pytestmark = pytest.mark.envoy


def test_no_request_fails_while_leaves_and_the_root_change(tmp_path: Path) -> None:
    with mutual_mesh(tmp_path, 3, life="1m", pause=0.05) as mesh:
        before = mesh.command("ca", "status")
        mesh.command("ca", "rotate")

        for step in ("step 1 of 2", "step 2 of 2", "no change of roots"):
            eventually(step, lambda step=step: step in mesh.command("ca", "status"), within=180)

        assert _trusted(mesh.command("ca", "status")).isdisjoint(_trusted(before))
        assert mesh.failures() == []
        assert mesh.succeeded() > 300


def _trusted(status: str) -> set[str]:
    return {line for line in status.splitlines() if line.startswith("trusts")}
