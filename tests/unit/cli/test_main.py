"""The command itself: fast to start, clear about faults of the world."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from controlplane.cli.config_parts import proxy_and_part
from controlplane.cli.main import ALIASES, COMMANDS, main

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
    assert shown.endswith("    controlplane up samples/hello\n[]\n")


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
    assert result.stderr.endswith('Error: there is no command "destroy"\n')


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["statsu"], 'there is no command "statsu"; did you mean "status"?'),
        (["Check", "x"], 'there is no command "Check"; did you mean "check"?'),
        (["validat"], 'there is no command "validat"; did you mean "validate"?'),
        (["config", "edge", "rout"], 'did you mean "routes"?'),
        (
            ["config", "routes"],
            "name a proxy, as controlplane status shows it: config PROXY routes",
        ),
    ],
)
def test_what_was_meant_is_proposed(typed: list[str], said: str) -> None:
    result = CliRunner().invoke(main, typed)

    assert (result.exit_code, result.stderr.splitlines()[-1].endswith(said)) == (2, True)


def test_an_option_that_was_meant_is_proposed() -> None:
    result = CliRunner().invoke(main, ["status", "--ouput", "json"])

    assert result.exit_code == 2
    assert "did you mean" in result.stderr.lower()
    assert "--output" in result.stderr


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_the_command_itself(alias: str) -> None:
    named, other = (CliRunner().invoke(main, [n, "--help"]) for n in (ALIASES[alias], alias))

    assert other.exit_code == 0
    assert other.stdout.splitlines()[2:] == named.stdout.splitlines()[2:]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("edge", "routes"), ("edge", "routes")),
        (("edge", "route"), ("edge", "routes")),
        (("routes", "edge"), ("edge", "routes")),
        (("listener", "edge.shop"), ("edge.shop", "listeners")),
        (("ep", "edge"), ("edge", "endpoints")),
        (("edge", "all"), ("edge", "all")),
        (("route", "cluster"), ("route", "clusters")),
    ],
)
def test_proxy_and_part_are_taken_in_both_orders(
    words: tuple[str, str], meant: tuple[str, str]
) -> None:
    assert proxy_and_part(*words) == meant


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_each_shell_is_printed(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])

    assert result.exit_code == 0
    assert f"_CONTROLPLANE_COMPLETE={shell}_complete" in result.stdout


def test_commands_are_completed() -> None:
    completed = ShellComplete(main, {}, "controlplane", "_CONTROLPLANE_COMPLETE")

    assert [item.value for item in completed.get_completions([], "st")] == ["status"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_an_example(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])

    assert result.exit_code == 0
    assert f"Example:\n    controlplane {command}" in result.stdout.rpartition("\n\n")[2]
