"""What ``migrate`` does with files: reads, migrates, writes, and says what became of objects."""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, ObjectKey
from controlplane.base.wording import counted, listed
from controlplane.cli.check_files import texts
from controlplane.cli.diagnostic_text import as_text, diagnostic_texts
from controlplane.cli.engine_files import EngineFiles
from controlplane.cli.inputs import mesh_config_text
from controlplane.cli.output import complain, printable, say
from controlplane.documents.document import DEFAULT_NAMESPACE
from controlplane.engine.engine import Engine
from controlplane.engine.file_reader import Text, read
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.migrate.migration import Migration, NamedService, migrated
from controlplane.migrate.objects import NewObject
from controlplane.migrate.texts import MigratedFile
from controlplane.sources.printable import printable as shown_path

_STANDARD_INPUT: Final = Path("<stdin>")
_STAND_INS: Final = Path("!.yaml")  # before other paths: the first declaration is used
Changes = list[tuple[Path, Text | None]]
"""Files and what is in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command was asked for; ``output`` of ``None`` is standard output."""

    paths: tuple[Path, ...]
    output: Path | None
    service: str | None
    by_segment: bool
    mesh_config: Path | None
    secrets: tuple[Path, ...]
    max_objects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How many objects stay, and how many of the files' are refused."""

    stay: int
    refused: int


def migrate_files(asked: Asked) -> Outcome:
    """Migrate the files of ``asked``, write them, and report on standard error."""
    if asked.output is not None and asked.output.exists() and any(asked.output.iterdir()):
        raise click.BadParameter(f"{asked.output} is not empty", param_hint="--output")
    gc.disable()  # the engine stays until the end, and has few cycles
    changes = texts(asked.paths, asked.secrets)
    engine = _engine(asked, changes)
    contents = engine.contents()[1 if asked.mesh_config is not None else 0 :]
    named = _named(asked.service) if asked.service is not None else None
    migration = migrated(
        engine,
        contents,
        lambda files, secrets: _engine(asked, [*_replaced(changes, files), (_STAND_INS, secrets)]),
        by_segment=asked.by_segment,
        service=named,
    )
    if asked.output is None:
        for line in _as_stream(migration.files):
            say(line)
    else:
        _write(asked.output, asked.paths, migration.files, dict(changes))
    outcome = Outcome(stay=len(_staying(migration)), refused=len(_refused(engine)))
    for line in _report(engine, migration, outcome):
        complain(line)
    return outcome


def _engine(asked: Asked, changes: Changes) -> Engine:
    """All files, read as ``serve`` would."""
    engine = Engine(MeshConfig(), now=datetime.now(UTC), max_objects=asked.max_objects)
    if asked.mesh_config is not None:
        engine.read_mesh(shown_path(asked.mesh_config), mesh_config_text(asked.mesh_config))
    engine.apply(changes, [read(one) for one in engine.readings(changes)])
    return engine


def _replaced(changes: Changes, files: Iterable[MigratedFile]) -> Changes:
    """``changes`` with the texts of ``files``."""
    written = {file.source: file for file in files if file.is_changed}
    return [
        (written[path].path, written[path].text) if path in written else (path, text)
        for path, text in changes
    ]


def _named(text: str) -> NamedService:
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name):
        raise click.BadParameter(f'"{text}" is not NAMESPACE/NAME', param_hint="--service")
    return NamedService(Namespace(namespace), name)


def _as_stream(files: Sequence[MigratedFile]) -> Iterator[str]:
    """The files as one stream of documents, each behind its name where there are several."""
    for i, file in enumerate(files):
        if i and not file.text.startswith("---"):
            yield "---"
        if len(files) > 1:
            yield f"# Source: {printable(str(file.path))}"
        yield file.text.rstrip("\n")


def _write(
    folder: Path,
    paths: Sequence[Path],
    files: Iterable[MigratedFile],
    texts_before: Mapping[Path, Text | None],
) -> None:
    """Each file below ``folder`` where it was below its path; one that is not changed with every
    byte.
    """
    taken: set[Path] = set()
    for file in files:
        wanted = place = folder / _below(file.path, paths)
        number = 1
        while place in taken:
            number += 1
            place = wanted.with_stem(f"{wanted.stem}-{number}")
        taken.add(place)
        place.parent.mkdir(parents=True, exist_ok=True)
        before = texts_before[file.source]
        if isinstance(before, bytes) and not file.is_changed:
            place.write_bytes(before)
        else:
            place.write_text(file.text, encoding="utf-8")


def _below(path: Path, paths: Sequence[Path]) -> Path:
    if path == _STANDARD_INPUT:
        return Path("stdin.yaml")
    roots = [root for root in map(shown_path, paths) if path.is_relative_to(root) and path != root]
    if not roots:
        return Path(path.name)
    below = path.relative_to(roots[0])
    return below if len(paths) == 1 else Path(roots[0].name) / below


def _staying(migration: Migration) -> list[ObjectKey]:
    """The Gateways, and the VirtualServices at them, that are as they were."""
    kept = [one.place.object for one in migration.plan.kept if isinstance(one.place, FieldRef)]
    beside = migration.plan.beside
    return [*dict.fromkeys((*kept, *beside))]


def _refused(engine: Engine) -> list[ObjectKey]:
    keys = {found.key for content in engine.contents() for found in content.objects}
    return sorted(k for k in keys if k.kind in (GATEWAY, VIRTUAL_SERVICE) and engine.is_refused(k))


def _report(engine: Engine, migration: Migration, outcome: Outcome) -> Iterator[str]:
    files = EngineFiles(engine)
    for key, replacement in migration.replaced.items():
        place = files.location(FieldRef(key))
        where = f"{printable(str(place.path))}:{place.line}: " if place is not None else ""
        verb = "stays, and is served beside" if replacement.stays else "becomes"
        what = listed(map(_called, replacement.objects)) if replacement.objects else None
        yield f"{where}{key.display_name} {f'{verb} {what}' if what else 'is no longer needed'}"
    diagnostics = (*migration.plan.kept, *migration.notes)
    for line in as_text(diagnostic_texts(diagnostics, files)):
        yield "".join(text for text, _ in line)
    for key in _refused(engine):
        yield f'{key.display_name} is refused and stays; "controlplane check" says why'
    yield f"{counted(len(migration.replaced), 'object')} migrated, {outcome.stay} stay as they are"
    if migration.compared:
        yield f"{counted(migration.compared, 'request')} compared: answered as before"


def _called(written: NewObject) -> str:
    """``HTTPRoute default/shop``."""
    match written:
        case {"kind": kind, "metadata": {"name": name, "namespace": namespace}}:
            return f"{kind} {namespace}/{name}"
        case {"kind": kind, "metadata": {"name": name}}:
            return f"{kind} {DEFAULT_NAMESPACE}/{name}"
    raise AssertionError("every object that is written has a kind and a name")
