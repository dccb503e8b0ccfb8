"""What a reference to a kind that does not take it was most likely meant to say."""

from collections.abc import Collection

from controlplane.base.names import Kind
from controlplane.base.nearest import nearest


def near_kind(name: str, known: Collection[Kind]) -> Kind | None:
    """The kind whose name is written, in another group or with a slip; ``None`` for others."""
    names = {kind.name: kind for kind in known}
    return names.get(name) or names.get(nearest(name, names) or "")


def kind_hint(group: str, name: str, meant: Kind) -> str:
    """What to write of ``meant`` where ``group`` and ``name`` are written."""
    steps = [f"kind: {meant.name}"] if name != meant.name else []
    if group != meant.group:
        steps.insert(0, f"group: {meant.group}" if meant.group else 'group: ""')
    return f"write {', '.join(steps)}"


def field_at_fault(name: str, meant: Kind | None) -> str:
    """Where the slip is, if ``meant`` is what was meant."""
    return "group" if meant is not None and meant.name == name else "kind"
