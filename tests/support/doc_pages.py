"""Pages of the documentation as sessions: files to write, commands to run, and what they print.

- A paragraph that ends with a name in backticks and a colon, before a block of anything but
  ``console``, says which file the block is.
- In a ``console`` block a line that begins with ``$`` is a command, run by bash in the folder of
  the session; the lines after it are what it prints. Commands that serve (``up``, ``serve``,
  ``make demo``, ``make bookinfo``, and whatever ends with ``&``) go on until the page ends, but an
  ``up`` or a ``make`` ends the one before. ``cd`` is for the commands and files after it.
- A ``console`` block without a command is what the control plane prints next, or whatever serves
  where none does.
- ``…`` stands for any text; a line that is nothing else, for any lines.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.process import Running, eventually

ROOT: Final = Path(__file__).parents[2]
_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED: Final = re.compile(r"`([\w./-]+)`:\s*\Z")
_SERVES: Final = re.compile(r"controlplane (?:up|serve)\b|make (?:demo|bookinfo)$|.*&$")
_MAKE: Final = """\
#!/bin/sh
cd "$(dirname "$0")/.." || exit
case $1 in
bookinfo) exec python samples/bookinfo/run.py ;;
demo) exec python samples/demo.py ;;
esac
"""
"""``make`` of a session: its environment has what the true one installs first."""
_WITHIN: Final = 60.0  # seconds until a serving command prints what is expected


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    text: str
    output: str

    @property
    def serves(self) -> bool:
        return _SERVES.match(self.text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What the commands that serve print by now."""

    output: str


Step = File | Command | Printed


def steps(page: str) -> Iterator[Step]:
    """What there is to do on a page, in order."""
    for block in _FENCE.finditer(page):
        language, body = block[1], block[2]
        if language == "console":
            yield from _session(body)
        elif named := _NAMED.search(page[: block.start()]):
            yield File(name=named[1], text=body)


def _session(body: str) -> Iterator[Step]:
    first, *commands = re.split(r"^\$ ", body, flags=re.MULTILINE)
    if first:
        yield Printed(output=first)
    for command in commands:
        lines = command.split("\n")
        end = next(i for i, line in enumerate(lines) if not line.endswith("\\"))
        output = "\n".join(lines[end + 1 :])
        yield Command(text="\n".join(lines[: end + 1]), output=output)


def pattern(expected: str) -> re.Pattern[str]:
    """What matches a text that ``expected`` shows the essence of."""
    lines = expected.rstrip("\n").split("\n")
    parts = (r"(?:.*\n)*?" if line.strip() == "…" else f"{_line(line)}\n" for line in lines if line)
    return re.compile("".join(parts), re.MULTILINE)


def _line(line: str) -> str:
    """Columns may be wider or narrower than those that the page shows."""
    columns = (".*".join(map(re.escape, c.split("…"))) for c in re.split(" {2,}", line.rstrip()))
    return f"{' +'.join(columns)} *"


class Session:
    """Runs a page in ``folder``; what serves ends with the ``with`` block."""

    def __init__(self, folder: Path) -> None:
        self._top = self._folder = folder
        self._stack = ExitStack()
        self._serving: list[Running] = []
        self._control_plane: Running | None = None
        self._seen: dict[Path, int] = {}
        own = {"HOME": str(folder / ".home"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        programs = folder / ".bin"
        programs.mkdir()
        (programs / "make").write_text(_MAKE, encoding="utf-8")
        (programs / "make").chmod(0o755)
        path = os.pathsep.join(
            (str(programs), str(Path(sys.executable).parent), os.environ["PATH"])
        )
        self._environment = {**os.environ, **own, "PATH": path, "COLUMNS": "100"}
        self._environment.pop("XDG_STATE_HOME", None)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, page_steps: Sequence[Step]) -> None:
        """Do each step; ``AssertionError`` where a page says something else than what happens."""
        for step in page_steps:
            match step:
                case File():
                    file = self._folder / step.name
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text(step.text, encoding="utf-8")
                case Command(text=text) if text.startswith("cd "):
                    self._folder = (self._folder / text.removeprefix("cd ")).resolve()
                case Command() if step.serves:
                    self._serve(step)
                case Command():
                    self._ask(step)
                case Printed():
                    self._await(step.output, self._control_plane or self._serving[-1])

    def asked(self, command: str) -> subprocess.CompletedProcess[str]:
        """What ``command`` printed, errors too, when it has ended."""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )

    def _ask(self, step: Command) -> None:
        done = self.asked(step.text)
        printed = done.stdout if done.stdout.endswith("\n") else f"{done.stdout}\n"
        if step.output.strip():
            assert pattern(step.output).match(printed), (
                f"$ {step.text}\nprints\n{printed}\nand the page says\n{step.output}"
            )
        else:
            assert done.returncode == 0, f"$ {step.text}\n{printed}"

    def _serve(self, step: Command) -> None:
        log = self._top / f".{len(self._serving)}.log"
        text = step.text.removesuffix("&")
        command = ["env", "-C", str(self._folder), *_assigned(self._environment)]
        is_control_plane = text.startswith(("controlplane", "make"))
        if is_control_plane and self._control_plane is not None:
            self._control_plane.terminate()
        child = self._stack.enter_context(Running([*command, "bash", "-c", f"exec {text}"], log))
        self._serving.append(child)
        if is_control_plane:
            self._control_plane = child
        if step.output.strip():
            self._await(step.output, child)

    def _await(self, output: str, child: Running) -> None:
        expected = pattern(output)
        seen = self._seen.get(child.log, 0)

        def is_printed() -> bool:
            found = expected.search(child.log.read_text(errors="replace"), seen)
            if found is not None:
                self._seen[child.log] = found.end()
            return found is not None

        try:
            eventually("it prints what the page says", is_printed, within=_WITHIN)
        except AssertionError as late:
            printed = child.log.read_text(errors="replace")[seen:]
            raise AssertionError(f"{late}\n{output}\nbut\n{printed}") from None


def _assigned(environment: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in environment.items()]
