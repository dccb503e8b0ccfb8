"""Generates ``controlplane/model/format_commands.py``: which commands Envoy's format strings have,
and the syntax of each.

``python -m tests.support.format_commands`` takes every word in capitals from Envoy's binary as a
candidate, and the words that they end with, since a linker merges texts. A running Envoy then says
which of them are commands, and which arguments each takes. The syntax of a command is the one that
predicts all these answers; where none does, a new one has to be written in ``format_string``.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from controlplane.cli.envoy_processes import envoy_binary
from controlplane.model.format_string import SYNTAXES, syntax_fault
from tests.support.envoy import envoy_version
from tests.support.format_strings import Place, refusals

OUTPUT: Final = Path("controlplane/model/format_commands.py")
NARROWER: Final = {"CEL": "cel", "COALESCE": "coalesce"}
"""Commands of which less is taken here than by Envoy."""
AT_ONCE: Final = 4_000
_WORD: Final = re.compile(rb"(?<![A-Za-z0-9_])[A-Z][A-Z0-9_]{1,60}(?![A-Za-z0-9_])")
_UNKNOWN: Final = "Not supported field in StreamInfo"

ARGUMENTS: Final = (
    *("x", "x?y", "x?y?z", "?x", "x?", "?", ":m", "a,b", "x/y", "x(y", "1", "({})", "é"),
    *("x y", "x\ty", " "),
    *("a:b", "a:b:c", "a:b:ms", "a:b:us", "a:b:ns", "a:b:s", "a:b:", "a:b:ms:x", "a:", ":b"),
    *(":", "::", ":::"),
    *("k:PLAIN", "k:PLAIN:", "k:PLAIN:x", "k:TYPED", "k:BAD", "k:FIELD", "k:FIELD:", "k:FIELD:f"),
    *("k:FIELD:f:g", "k:FIELD::g", "k::"),
    *("CLUSTER", "CLUSTER:a", "DYNAMIC:a:b", "LISTENER:a", "LISTENER_FILTER_CHAIN:a", "ROUTE:a"),
    *("UPSTREAM_HOST:a", "VIRTUAL_HOST:a", "HOST:a", "cluster:a"),
    *("NUMBER", "CAMEL_STRING", "SNAKE_STRING", "number"),
    *("WQ", "NQ", "PATH", "WQ:PATH", "NQ:ORIG", "WQ:ORIG_OR_PATH", "WQ:", ":PATH", "WQ:WQ"),
    *("WQ:PATH:x", "PATH:WQ", "ORIG", "DECODED", "ENCODED"),
    *("SNI_ONLY", "SNI_FIRST:ORIG", "HOST_FIRST:HOST", "SNI_ONLY:ORIG_OR_HOST", ":HOST"),
    *("SNI_ONLY:x", "HOST:ORIG"),
    *("uri", "Subject", "BY", "hash", "dns", "cert", "chain", "key"),
    *("%Y-%m", "%3f", "%n", "%En", "%-5On", "%10n", "%E3n", "%%n", "%"),
    *("request.path", "connection.mtls"),
)
LENGTHS: Final = ("0", "5", "007", str(2**64 - 1), str(2**64), "9" * 30)
Probe = tuple[str, str | None]
"""An argument, empty for none, and a length."""
PROBES: Final[tuple[Probe, ...]] = tuple(
    [("", None), *(("", length) for length in LENGTHS)]
    + [(argument, None) for argument in ARGUMENTS]
    + [(argument, length) for argument in ("x", "WQ", "ORIG", "uri") for length in LENGTHS]
)


def written(name: str, argument: str, length: str | None) -> str:
    inner = f"({argument})" if argument else ""
    return f"%{name}{inner}{f':{length}' if length is not None else ''}%"


def main() -> None:
    with TemporaryDirectory() as folder:
        names = tuple(commands(Path(folder)))
        accepted: dict[str, set[Probe]] = {name: set() for name in names}
        for name, probe, is_taken in verdicts(set(names) - set(NARROWER), Path(folder)):
            if is_taken:
                accepted[name].add(probe)
    table = {name: syntax(name, accepted[name]) for name in names}
    OUTPUT.write_text(module(table), encoding="utf-8")
    print(f"{len(table)} commands of Envoy {envoy_version()} in {OUTPUT}", file=sys.stderr)


def commands(folder: Path) -> Iterator[str]:
    candidates = sorted(set(words()))
    for start in range(0, len(candidates), AT_ONCE):
        part = candidates[start : start + AT_ONCE]
        said = refusals([(Place.HTTP_LOG, f"%{name}%") for name in part], folder)
        for name, refusal in zip(part, said, strict=True):
            if refusal is None or not refusal.startswith(_UNKNOWN):
                yield name


def words() -> Iterator[str]:
    for found in _WORD.findall(envoy_binary().read_bytes()):
        parts = found.decode().split("_")
        for start in range(len(parts)):
            word = "_".join(parts[start:])
            if word[:1].isalpha():
                yield word


def verdicts(names: Iterable[str], folder: Path) -> Iterator[tuple[str, Probe, bool]]:
    """Whether Envoy takes each command with each argument and length."""
    asked = [(name, probe) for name in names for probe in PROBES]
    for start in range(0, len(asked), AT_ONCE):
        part = asked[start : start + AT_ONCE]
        said = refusals([(Place.HTTP_LOG, written(name, *probe)) for name, probe in part], folder)
        for (name, probe), refusal in zip(part, said, strict=True):
            yield name, probe, refusal is None


def syntax(name: str, accepted: set[Probe]) -> str:
    if name in NARROWER:
        return NARROWER[name]
    for known, candidate in SYNTAXES.items():
        predicted = {p for p in PROBES if syntax_fault(candidate, name, *p) is None}
        if known not in NARROWER.values() and predicted == accepted:
            return known
    raise SystemExit(f"no syntax predicts what %{name}% takes: {sorted(accepted, key=str)}")


def module(table: dict[str, str]) -> str:
    rows = "".join(f'        "{name}": "{known}",\n' for name, known in sorted(table.items()))
    return f'''"""The commands of Envoy's format strings, and the syntax of each.

Generated by ``python -m tests.support.format_commands``, which asks a real Envoy; not to be edited.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ENVOY: Final = "{envoy_version()}"
"""The version that was asked."""

COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {{
{rows}    }}
)
'''


if __name__ == "__main__":
    main()
