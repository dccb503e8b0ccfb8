"""The file of MeshConfig: what it says, what is wrong with it, and where."""

from dataclasses import dataclass
from pathlib import Path

from controlplane.base.diagnostics import Diagnostic, Report
from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.documents.content import FileContent, file_objects
from controlplane.documents.redact import without_secrets
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.mesh import decode_mesh_config, mesh_location


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshFile:
    """One text of the file."""

    path: Path
    text: str
    mesh: MeshConfig
    content: FileContent
    diagnostics: tuple[Diagnostic, ...]

    def location(self, place: FieldRef) -> SourceLocation:
        return mesh_location(self.text, self.path, place)


def mesh_file(path: Path, text: str) -> MeshFile:
    """The MeshConfig in ``text``, as far as it is good."""
    report = Report()
    mesh = decode_mesh_config(text, path, report)
    return MeshFile(
        path=path,
        text=text,
        mesh=mesh,
        content=file_objects(path, text),
        diagnostics=tuple(without_secrets(found, text) for found in report),
    )
