"""Which documents are not meant for a mesh: Helm's and Kustomize's files, compose files, workflows.

Folders hold more YAML than objects. A mapping is meant as an object when it has two of the words
that make one, or nothing but such words; everything else is somebody else's, declares nothing and
is no error. A text that is no mapping and no list stays an error: it may be half of a file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from controlplane.base.oddities import without_spaces
from controlplane.documents.yaml import Data

_WORDS: Final = frozenset({"apiversion", "kind", "metadata", "spec"})
_MESH_GROUPS: Final = frozenset({"", "apps", "discovery.k8s.io"})
_MESH_DOMAINS: Final = ("istio.io", "gateway.networking.k8s.io", "gateway.networking.x-k8s.io")
_INSTALLER: Final = "install.istio.io"  # IstioOperator, a file of istioctl's
_KUBECONFIG: Final = "Config"
_TEMPLATES: Final = "templates"
_ACTION: Final = "{{"


def is_foreign(data: Data) -> bool:
    """Whether ``data``, which is no object, is not meant as one."""
    match data:
        case Mapping():
            return not _is_meant(data) or _is_others(data)
        case list():
            return not any(isinstance(item, Mapping) and _is_meant(item) for item in data)
    return False


def is_template(path: Path, text: str) -> bool:
    """Whether a file is a template of a Helm chart, which is no YAML until it is filled in."""
    return _TEMPLATES in path.parts[:-1] and _ACTION in text


def is_foreign_json(path: Path, text: str) -> bool:
    """Whether a file that is no JSON is not meant as objects (``tsconfig.json`` has comments)."""
    return path.suffix == ".json" and '"apiVersion"' not in text


def _is_meant(data: Mapping[str, Data]) -> bool:
    found = _WORDS & {without_spaces(key).replace("_", "").lower() for key in data}
    return len(found) > 1 or (len(found) == len(data) > 0)


def _is_others(data: Mapping[str, Data]) -> bool:
    """Whether it is of an API whose files need no name, as ``kustomization.yaml``."""
    version, kind = data.get("apiVersion"), data.get("kind")
    if not isinstance(version, str) or not isinstance(kind, str):
        return False
    group = version.rpartition("/")[0]
    if (kind == _KUBECONFIG and not group) or group == _INSTALLER:
        return True
    return bool(group) and group not in _MESH_GROUPS and not group.endswith(_MESH_DOMAINS)
