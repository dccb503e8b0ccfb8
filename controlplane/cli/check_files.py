"""What ``check`` finds in files, and how it prints it."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from controlplane.base.diagnostics import Code, Effect, Severity
from controlplane.base.errors import ConfigMissing
from controlplane.base.locations import FieldRef
from controlplane.base.wording import counted
from controlplane.cli.baseline import read_baseline, unknown, write_baseline
from controlplane.cli.check_formats import as_github, as_json, as_sarif
from controlplane.cli.diagnostic_text import DiagnosticText, as_text, diagnostic_texts
from controlplane.cli.engine_files import EngineFiles
from controlplane.cli.inputs import STANDARD_INPUT, mesh_config_text, standard_input
from controlplane.cli.output import Segment, Style, printable as printable_text, say, show
from controlplane.cli.progress import Progress
from controlplane.engine.engine import Engine
from controlplane.engine.file_reader import Text, read
from controlplane.engine.room import MAX_OBJECTS
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.sources.load import loaded
from controlplane.sources.printable import printable

AT_ONCE: Final = 50  # objects that are analysed between two looks at the clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is wrong, in order; ``objects`` are declared, ``refused`` of these are not accepted;
    ``known`` more findings are in the baseline.
    """

    diagnostics: tuple[DiagnosticText, ...]
    objects: int
    refused: int
    foreign: str | None = None
    """One line about what is not for a mesh."""
    known: int = 0

    def without(self, ignored: Set[Code]) -> "Findings":
        """All but the findings of these codes."""
        return replace(
            self, diagnostics=tuple(d for d in self.diagnostics if d.code not in ignored)
        )

    def beyond(self, baseline: Path) -> "Findings":
        """What the file ``baseline`` does not know; ``ConfigMissing`` where it cannot be read."""
        new = tuple(unknown(self.diagnostics, read_baseline(baseline)))
        return replace(self, diagnostics=new, known=len(self.diagnostics) - len(new))

    @property
    def has_errors(self) -> bool:
        return any(one.severity is Severity.ERROR for one in self.diagnostics)

    @property
    def has_warnings(self) -> bool:
        return any(one.severity is Severity.WARNING for one in self.diagnostics)


def findings_in(
    paths: Sequence[Path],
    mesh_config: Path | None = None,
    secrets: Sequence[Path] = (),
    max_objects: int = MAX_OBJECTS,
    progress: Progress | None = None,
) -> Findings:
    """Read all files as ``serve`` would, and standard input for ``-``; ``ConfigMissing`` when a
    path does not exist, or none of them holds a file.
    """
    progress = progress or Progress()
    engine = Engine(MeshConfig(), now=datetime.now(UTC), max_objects=max_objects)
    if mesh_config is not None:
        engine.read_mesh(printable(mesh_config), mesh_config_text(mesh_config))
    changes = texts(paths, secrets)
    readings = engine.readings(changes)
    engine.apply(changes, [read(one) for one in progress.over("Reading", readings, len(readings))])
    for _ in progress.over("Checking", _analysed(engine), engine.object_count // AT_ONCE + 1):
        pass
    found = engine.diagnostics()
    objects = {declared.key for content in engine.contents() for declared in content.objects}
    refused = {
        d.place.object
        for d in found
        if isinstance(d.place, FieldRef) and d.code.effect is Effect.REFUSED
    }
    return Findings(
        diagnostics=diagnostic_texts(
            progress.over("Locating", found, len(found)), EngineFiles(engine)
        ),
        objects=len(objects),
        refused=len(refused & objects),
        foreign=engine.foreign(),
    )


def texts(paths: Sequence[Path], secrets: Sequence[Path]) -> list[tuple[Path, Text | None]]:
    """What there is to read, by file."""
    on_disk = [path for path in paths if path != STANDARD_INPUT]
    files = loaded(on_disk, secrets) if on_disk or secrets else ()
    changes: list[tuple[Path, Text | None]] = [(changed.path, changed.text) for changed in files]
    if STANDARD_INPUT in paths:
        changes.append((Path("<stdin>"), standard_input()))
    if not changes:
        where = ", ".join(map(str, paths))
        raise ConfigMissing(
            f"{where}: no .yaml, .yml or .json file", hint="name the folder that holds them"
        )
    return changes


def _analysed(engine: Engine) -> Iterator[None]:
    while engine.analyse(AT_ONCE):
        yield


def print_findings(findings: Findings, output: str) -> None:
    match output:
        case "json":
            counts = {"objects": findings.objects, "refused": findings.refused}
            say(as_json(findings.diagnostics, **counts))
        case "sarif":
            say(as_sarif(findings.diagnostics))
        case "github":
            for line in as_github(findings.diagnostics):
                say(line)
            if findings.foreign is not None:
                say(printable_text(findings.foreign))
            say(summary(findings))
        case _:
            show(_lines(findings))


def _lines(findings: Findings) -> Iterator[list[Segment]]:
    yield from as_text(findings.diagnostics)
    severities = {one.severity for one in findings.diagnostics}
    style = Style.GOOD
    if Severity.ERROR in severities:
        style = Style.ERROR
    elif Severity.WARNING in severities:
        style = Style.WARNING
    if findings.foreign is not None:
        yield [(printable_text(findings.foreign), Style.PLAIN)]
    yield [(summary(findings), style)]


def summary(findings: Findings) -> str:
    """``3 errors, 1 warning in 12 objects (2 refused)``."""
    severities = [one.severity for one in findings.diagnostics]
    errors = counted(severities.count(Severity.ERROR), "error")
    warnings = counted(severities.count(Severity.WARNING), "warning")
    refused = f" ({findings.refused} refused)" if findings.refused else ""
    known = f"; {findings.known} more in the baseline" if findings.known else ""
    return f"{errors}, {warnings} in {counted(findings.objects, 'object')}{refused}{known}"


def saved(findings: Findings, file: Path) -> str:
    """Write ``findings`` as a baseline; what to say of it."""
    return f"{counted(write_baseline(file, findings.diagnostics), 'finding')} written to {file}"
