"""MeshConfig among the objects: Istio's ConfigMap, of which only the option ``--mesh-config``
makes MeshConfig.

Source: Istio, the entry ``mesh`` of the ConfigMap ``istio``, or ``istio-REVISION``
"""

from collections.abc import Iterable, Iterator
from typing import Final

from controlplane.base.codes import MESH_CONFIG_UNREAD
from controlplane.base.diagnostics import Diagnostic
from controlplane.base.locations import FieldRef
from controlplane.documents.content import FileContent
from controlplane.documents.document import RawObject
from controlplane.engine.declarations import Declarations
from controlplane.engine.mesh_file import MeshFile
from controlplane.engine.read_files import ReadFiles
from controlplane.kinds.core.configuration import ConfigMap
from controlplane.kinds.object import Object

_NAME: Final = "istio"
_ENTRY: Final = "mesh"


def unread_mesh(
    config_maps: Iterable[Object[ConfigMap]],
    declarations: Declarations,
    files: ReadFiles,
    mesh: MeshFile | None,
) -> Iterator[Diagnostic]:
    """Report each of ``config_maps`` that holds MeshConfig which is not that of ``mesh``."""
    read = set(_texts(mesh)) if mesh is not None else set()
    for found in config_maps:
        is_named = found.name == _NAME or found.name.startswith(f"{_NAME}-")
        said = found.spec.data.get(_ENTRY)
        winner = declarations.winner(found.key)
        if not is_named or said is None or said.strip() in read or winner is None:
            continue
        content = files[winner.raw.origin.path]
        message = "this MeshConfig has no effect: "
        if mesh is None:
            message += "it is read from a file that --mesh-config names"
        else:
            message += f"--mesh-config names {mesh.path}, which says something else"
        yield Diagnostic(
            code=MESH_CONFIG_UNREAD,
            place=(FieldRef(found.key) / "data" / _ENTRY).key,
            message=message,
            hint=_hint(content, winner.raw),
        )


def _texts(mesh: MeshFile) -> Iterator[str]:
    """What the file says, plain or in the ConfigMap that it declares."""
    yield mesh.text.strip()
    for raw in mesh.content.objects:
        match raw.body.get("data"):
            case {"mesh": str(said)}:
                yield said.strip()


def _hint(content: FileContent, raw: RawObject) -> str:
    is_alone = len(content.documents) == 1 and raw.origin.item is None
    if is_alone and content.path.suffix:  # standard input has none
        return f"pass --mesh-config {content.path}"
    return f"write ConfigMap {raw.key.name} into a file of its own, and pass --mesh-config FILE"
