"""What ``check`` reports of YAML, as lines that tests spell out."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from controlplane.base.diagnostics import Diagnostic
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from tests.support.reports import whole_analysis

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)


def checked(text: str, *, mesh: MeshConfig | None = None) -> list[str]:
    """``8:21 warning CP0351: message (note) -> hint`` for everything found, in the order of the
    text.
    """
    engine = _engine(text, mesh)
    found = [(_position(engine, d), d) for d in whole_analysis(engine)]
    return [_line(*one) for one in sorted(found, key=lambda pair: (pair[0], str(pair[1].code)))]


def found_in(text: str, *, mesh: MeshConfig | None = None) -> set[Diagnostic]:
    """Everything that ``check`` finds."""
    return whole_analysis(_engine(text, mesh))


def _engine(text: str, mesh: MeshConfig | None) -> Engine:
    engine = Engine(mesh or MeshConfig(), now=NOW)
    engine.apply([(Path("mesh.yaml"), text)])
    return engine


def _position(engine: Engine, diagnostic: Diagnostic) -> tuple[int, int]:
    located = engine.location(diagnostic.place)
    return (located.line, located.column) if located is not None else (0, 0)


def _line(position: tuple[int, int], found: Diagnostic) -> str:
    note = f" ({found.note})" if found.note else ""
    hint = f" -> {found.hint}" if found.hint else ""
    at = "{}:{}".format(*position)
    return f"{at} {found.severity.value} {found.code}: {found.message}{note}{hint}"
