"""The pages of the documentation that are made from the code: commands, codes and fields.

python -m tests.support.reference_pages     writes them
"""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import click
from msgspec import inspect

from controlplane.base.codes import BY_ID
from controlplane.base.names import Kind
from controlplane.cli.explanations import explanation
from controlplane.cli.main import COMMANDS
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.registry import SERVED
from controlplane.kinds.served import ServedKind
from controlplane.kinds.support import structs_in, unsupported
from tests.support.field_notes import notes

DOCS: Final = Path(__file__).parents[2] / "docs"
_MADE: Final = "<!-- made by tests/support/reference_pages.py -->\n"


def commands() -> str:
    """What each command's ``--help`` prints."""
    parts = [_MADE, "# Commands\n"]
    for name in COMMANDS:
        module = importlib.import_module(f"controlplane.cli.{name}")
        command = getattr(module, name)
        context = click.Context(command, info_name=f"controlplane {name}", max_content_width=100)
        context.terminal_width = 100
        parts.append(f"## {name}\n\n```\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def diagnostics() -> str:
    """The page of each code, as ``explain`` prints it."""
    parts = [
        _MADE,
        "# Diagnostics\n",
        "What each code means, with an example and the mend. `controlplane explain CODE` prints "
        "the same.\nCodes are permanent: a number never gets another meaning.\n",
    ]
    for code in BY_ID.values():
        page = explanation(code).strip().replace("```yaml mesh-config", "```yaml")
        parts.append(f"## {code.id}\n\n**{code.severity.value}**: {code.meaning}.\n\n{page}\n")
    return "\n".join(parts)


def fields() -> str:
    """Every field of every kind, and whether it has an effect."""
    parts = [
        _MADE,
        "# Fields\n",
        "Every field that is read, by kind. A field that has no effect yet is marked, and reported "
        "where it is\nused (CP0203). Another field in an object of Istio's kinds or the Gateway "
        "API's is an error;\nwhat else objects of Kubernetes hold is passed over.\n",
    ]
    for served in sorted(SERVED.values(), key=lambda served: title(served.kind)):
        missing = set(unsupported(served))
        parts.append(f"## {title(served.kind)}\n")
        rows = [
            f"- `{path}`{_mark(path, missing)}{_limits(struct, field)}"
            for path, struct, field in _paths(served)
        ]
        parts.append("\n".join(rows or ["It has no fields of its own that are read."]) + "\n")
    return "\n".join(parts)


def title(kind: Kind) -> str:
    """The name of a kind; with its group where Istio has one of that name too."""
    is_ambiguous = kind.group == GATEWAY_API and any(
        other.name == kind.name and other != kind for other in SERVED
    )
    return f"{kind} ({kind.group})" if is_ambiguous else str(kind)


def _mark(path: str, missing: set[str]) -> str:
    return " (no effect yet)" if path.replace("[]", "").replace(".*", "") in missing else ""


def _limits(struct: type, field: inspect.Field) -> str:
    is_of_gateway_api = struct.__module__.startswith("controlplane.kinds.gateway_api.")
    said = notes(struct, field) if is_of_gateway_api else ""
    return f": {said}" if said else ""


Shown = tuple[str, type, inspect.Field]
"""The path of a field, the struct that it is of, and the field."""


def _paths(served: ServedKind[Any]) -> Iterator[Shown]:
    yield from _fields_of(inspect.type_info(served.spec), "", frozenset())


def _fields_of(info: inspect.Type, before: str, above: frozenset[type]) -> Iterator[Shown]:
    for struct in structs_in(info):
        if struct.cls in above:
            continue
        for field in struct.fields:
            path = f"{before}{field.encode_name}"
            yield path, struct.cls, field
            yield from _fields_of(field.type, f"{path}.", above | {struct.cls})


PAGES: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {"commands.md": commands, "diagnostics.md": diagnostics, "fields.md": fields}
)


def main() -> None:
    checks = sys.argv[1:] == ["--check"]
    for page, text in PAGES.items():
        file = DOCS / page
        if not checks:
            file.write_text(text(), encoding="utf-8")
        elif file.read_text(encoding="utf-8") != text():
            sys.exit(f"{file} is out of date; run: python -m tests.support.reference_pages")


if __name__ == "__main__":
    main()
