"""The command itself: fast to start, clear about faults of the world."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from controlplane.cli.main import COMMANDS, main

HEAVY = ("cryptography", "jwt", "grpc", "google.protobuf", "yaml", "rich", "starlette", "asyncio")


def test_help_names_every_command_and_loads_none() -> None:
    script = (
        "import sys\n"
        "from controlplane.cli.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])\n"
    )

    shown = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout

    assert [name for name in COMMANDS if f"  {name} " not in shown] == []
    assert shown.endswith("    controlplane up --config samples/mesh\n[]\n")


def test_a_fault_of_the_world_is_one_line_and_a_hint(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    result = CliRunner().invoke(main, ["cert", "a.example", "--state", str(tmp_path)])

    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr == (
        f"error: the state directory {tmp_path} is open to others (mode 0755)\n"
        f"hint: chmod 700 {tmp_path} if it holds nothing else, or name another\n"
    )


def test_an_unknown_command_is_reported() -> None:
    result = CliRunner().invoke(main, ["destroy"])

    assert result.exit_code == 2
    assert 'No such command "destroy"' in result.stderr.replace("'", '"')


@pytest.mark.parametrize(
    "command", ["up", "serve", "bootstrap", "check", "status", "confirm", "config", "cert"]
)
def test_help_ends_with_an_example(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])

    assert result.exit_code == 0
    assert f"Example:\n    controlplane {command}" in result.stdout.rpartition("\n\n")[2]
