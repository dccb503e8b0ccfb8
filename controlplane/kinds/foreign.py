"""One line about all that is in the files and not for a mesh."""

from collections import Counter
from collections.abc import Iterable

from controlplane.base.names import Kind
from controlplane.base.wording import counted, first_of
from controlplane.documents.content import FileContent
from controlplane.documents.foreign import is_template
from controlplane.kinds.unserved import is_foreign

NAMED = 6  # kinds, or files, that the line names


def foreign_line(contents: Iterable[FileContent]) -> str | None:
    """``12 objects are of kinds that no mesh reads: Deployment 6, …; 2 files hold no objects: …``.

    Kinds come most frequent first. ``None`` where everything is for a mesh.
    """
    kinds: Counter[Kind] = Counter()
    others: list[str] = []
    templates: list[str] = []
    for content in contents:
        kinds.update(found.key.kind for found in content.objects)
        if any(document.foreign for document in content.documents):
            is_one = any(is_template(content.path, d.chunk.text) for d in content.documents)
            (templates if is_one else others).append(content.path.name)
    counts = {kind: count for kind, count in kinds.items() if is_foreign(kind)}
    parts = [part for part in (_objects(counts), _files(others), _templates(templates)) if part]
    return "; ".join(parts) or None


def _objects(counts: dict[Kind, int]) -> str:
    if not counts:
        return ""
    total = sum(counts.values())
    names = sorted(counts, key=lambda kind: (-counts[kind], kind.name))
    said = first_of([f"{kind.name} {counts[kind]}" for kind in names], NAMED)
    verb = "is of a kind" if total == 1 else "are of kinds"
    return f"{counted(total, 'object')} {verb} that no mesh reads: {said}"


def _files(names: list[str]) -> str:
    if not names:
        return ""
    verb = "holds" if len(names) == 1 else "hold"
    said = first_of(sorted(names), NAMED)
    return f"{counted(len(names), 'file')} {verb} no objects: {said}"


def _templates(names: list[str]) -> str:
    if not names:
        return ""
    verb = "is a Helm template" if len(names) == 1 else "are Helm templates"
    said = first_of(sorted(names), NAMED)
    return f'{counted(len(names), "file")} {verb}, serve what "helm template" prints: {said}'
