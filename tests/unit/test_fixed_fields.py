"""Fields of MeshConfig that cannot change at run time are reported at their line."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.engine.engine import Engine
from controlplane.engine.mesh_file import mesh_file
from controlplane.queries.inputs.mesh import MESH_CONFIG

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FILE = Path("mesh.yaml")
AT_START = "trustDomain: old.example\n"


@pytest.fixture
def engine() -> Engine:
    made = Engine(mesh_file(FILE, AT_START).mesh, now=NOW)
    made.read_mesh(FILE, AT_START)
    return made


def reported(engine: Engine) -> list[tuple[str, int, str]]:
    found = []
    for diagnostic in engine.diagnostics():
        where = engine.location(diagnostic.place)
        assert where is not None
        found.append((diagnostic.code.id, where.line, diagnostic.message))
    return found


def test_another_trust_domain_is_reported_and_not_used(engine: Engine) -> None:
    engine.read_mesh(FILE, "connectTimeout: 3s\ntrustDomain: new.example\n")

    assert reported(engine) == [
        (
            "CP0620",
            2,
            'trustDomain "new.example" is not used, "old.example" is in force since the start',
        )
    ]
    mesh = MESH_CONFIG(engine.graph, "mesh")
    assert (mesh.trust_domain, mesh.connect_timeout.length.total_seconds()) == ("old.example", 3)


def test_another_root_namespace_is_reported(engine: Engine) -> None:
    engine.read_mesh(FILE, AT_START + "rootNamespace: mesh\n")

    assert reported(engine) == [
        (
            "CP0620",
            2,
            'rootNamespace "mesh" is not used, "istio-system" is in force since the start',
        )
    ]


def test_what_is_put_back_is_no_longer_reported(engine: Engine) -> None:
    engine.read_mesh(FILE, "trustDomain: new.example\n")
    engine.read_mesh(FILE, AT_START + "trustDomainAliases: [new.example]\n")

    assert reported(engine) == []
