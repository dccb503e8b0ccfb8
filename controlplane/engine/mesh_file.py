"""The file of MeshConfig: what it says, what is wrong with it, and where."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from controlplane.base.codes import FIXED_SINCE_START
from controlplane.base.diagnostics import Diagnostic, Report
from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.documents.content import FileContent, file_objects
from controlplane.documents.redact import without_secrets
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY, MeshConfig
from controlplane.kinds.mesh import decode_mesh_config, mesh_location

_FIXED: Final[Mapping[str, str]] = {
    "trustDomain": "trust_domain",
    "rootNamespace": "root_namespace",
}


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


def with_fixed_fields(file: MeshFile, at_start: MeshConfig) -> MeshFile:
    """``file`` with the fields of ``at_start`` that cannot change while the control plane runs,
    because tokens and certificates were made with them; each change of one is reported.
    """
    report, at = Report(), FieldRef(MESH_CONFIG_KEY)
    for name, field in _FIXED.items():
        old, new = getattr(at_start, field), getattr(file.mesh, field)
        if old != new:
            message = f'{name} "{new}" is not used, "{old}" is in force since the start'
            report.add(FIXED_SINCE_START, at / name, message, hint="restart the control plane")
    fixed = {field: getattr(at_start, field) for field in _FIXED.values()}
    mesh = msgspec.structs.replace(file.mesh, **fixed)
    found = (without_secrets(one, file.text) for one in report)
    return replace(file, mesh=mesh, diagnostics=(*file.diagnostics, *found))
