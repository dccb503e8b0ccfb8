"""A file of findings that are known: ``check`` leaves them out, so that only new ones fail.

A finding is known by code, object (or file) and message, without its line, so that an edit above it
changes nothing.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from controlplane.base.errors import ConfigMissing
from controlplane.cli.diagnostic_text import DiagnosticText


class Known(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """``object`` is ``Kind/namespace/name``, or a path for what is in no object."""

    code: str
    object: str
    message: str


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    findings: tuple[Known, ...]


def read_baseline(file: Path) -> frozenset[Known]:
    """What ``file`` knows; ``ConfigMissing`` where it cannot be read."""
    hint = f"write one with controlplane check … --write-baseline {file}"
    try:
        return frozenset(msgspec.json.decode(file.read_bytes(), type=Baseline).findings)
    except OSError as error:
        raise ConfigMissing(f"{file} cannot be read: {error.strerror}", hint=hint) from error
    except msgspec.MsgspecError as error:
        raise ConfigMissing(f"{file} is no baseline: {error}", hint=hint) from error


def write_baseline(file: Path, found: Iterable[DiagnosticText]) -> int:
    """Write what was ``found``, sorted; gives how many that are."""
    known = tuple(sorted({known_as(one) for one in found}))
    text = msgspec.json.format(msgspec.json.encode(Baseline(findings=known)), indent=2)
    file.write_bytes(text + b"\n")
    return len(known)


def unknown(found: Iterable[DiagnosticText], known: frozenset[Known]) -> Iterator[DiagnosticText]:
    """What was ``found`` and is not ``known``."""
    return (one for one in found if known_as(one) not in known)


def known_as(one: DiagnosticText) -> Known:
    place = str(one.location.path) if one.location is not None else one.where
    return Known(code=one.code.id, object=one.object or place, message=one.message)
