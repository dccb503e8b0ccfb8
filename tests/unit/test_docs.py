"""The documentation as a whole: links, codes and commands that it names, pages made from code."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from controlplane.base import codes
from controlplane.base.diagnostics import Code
from controlplane.cli.main import main
from tests.support.reference_pages import DOCS, PAGES

ROOT = Path(__file__).parents[2]
TEXTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (*sorted(DOCS.glob("*.md")), ROOT / "README.md")
}
CODES = {code.id for code in vars(codes).values() if isinstance(code, Code)}
NO_CODE = "CP9999"  # what the page about unknown codes shows
COMMAND = re.compile(r"^(?:\$ |- run: |ExecStart=\S*/)?(controlplane (?:\\\n|[^\n#|])*)", re.M)
BLOCK = re.compile(r"^```(?:console|sh|yaml|ini)\n(.*?)^```$", re.M | re.S)


def test_every_link_leads_somewhere(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert built.returncode == 0, built.stderr
    assert "not included in the" not in built.stderr, "every page is in the navigation"


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_every_code_that_is_named_exists(name: str) -> None:
    assert set(re.findall(r"CP\d{4}", TEXTS[name])) - CODES - {NO_CODE} == set()


def test_what_is_made_from_the_code_is_up_to_date() -> None:
    """In a process of its own: click remembers what other tests asked of a command."""
    check = [sys.executable, "-m", "tests.support.reference_pages", "--check"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", sorted(TEXTS.keys() - {f"docs/{page}" for page in PAGES}))
def test_every_command_that_is_shown_is_one(name: str) -> None:
    for block in BLOCK.findall(TEXTS[name]):
        for line in COMMAND.findall(block):
            _, *words = shlex.split(line.replace("\\\n", " ").partition(" > ")[0], comments=True)
            words = [word for word in words if word not in ("&", "&&")]
            _parse(words, line)


def _parse(words: list[str], line: str) -> None:
    """Fail where click would call it a usage error; paths need not exist."""
    if not words or words[0].startswith("-"):
        return
    command = main.get_command(click.Context(main), words[0])
    assert command is not None, f"{line}: there is no such command"
    try:
        command.make_context(words[0], words[1:], resilient_parsing=False)
    except click.exceptions.Exit:
        return
    except click.UsageError as fault:
        raise AssertionError(f"{line}: {fault.message}") from fault
