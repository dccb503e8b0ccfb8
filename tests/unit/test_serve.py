"""What the running control plane survives."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.mesh import ControlPlane
from tests.support.process import eventually

RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: NAME}
spec: {host: NAME}
"""


def test_a_memory_that_cannot_be_written_is_told_and_written_later(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path)
    with plane.running(), closing(sqlite3.connect(plane.state / "accepted.db")) as memory:
        memory.execute("ALTER TABLE accepted RENAME TO away")
        (plane.config / "first.yaml").write_text(RULE.replace("NAME", "first"))
        eventually("it is told", lambda: "event=accepted_not_kept" in plane.log.read_text())

        memory.execute("ALTER TABLE away RENAME TO accepted")
        (plane.config / "second.yaml").write_text(RULE.replace("NAME", "second"))

        kept = "SELECT name FROM accepted ORDER BY name"
        both = [("first",), ("second",)]
        eventually("both are kept", lambda: memory.execute(kept).fetchall() == both)
