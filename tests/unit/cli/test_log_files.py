"""Logs of Envoys: which one is meant, how it is followed, and that it does not grow for ever."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from controlplane.cli.log_files import followed, last_lines, rotate
from controlplane.cli.main import main


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "envoys").mkdir()
    (tmp_path / "envoys" / "ingress.istio-system.log").write_text("one\ntwo\nthree\n")
    (tmp_path / "envoys" / "egress.istio-system.log").write_text("other\n")
    return tmp_path


@pytest.mark.parametrize("name", ["ingress", "ingress.istio-system"])
def test_the_log_of_a_gateway_is_shown(state: Path, name: str) -> None:
    result = CliRunner().invoke(main, ["logs", name, "--state", str(state)])

    assert (result.exit_code, result.stdout) == (0, "one\ntwo\nthree\n")


@pytest.mark.parametrize(("count", "shown"), [("0", ""), ("2", "two\nthree\n")])
def test_the_last_lines_are_shown(state: Path, count: str, shown: str) -> None:
    result = CliRunner().invoke(main, ["logs", "ingress", "-n", count, "--state", str(state)])

    assert result.stdout == shown


def test_an_unknown_gateway_is_reported_with_those_that_there_are(state: Path) -> None:
    result = CliRunner().invoke(main, ["logs", "ingres.istio-system", "--state", str(state)])

    assert result.exit_code == 2
    assert result.stderr == (
        'error: no log of "ingres.istio-system"; did you mean "ingress.istio-system"?\n'
        "hint: there are egress.istio-system and ingress.istio-system\n"
    )


def test_a_state_directory_without_envoys_is_reported(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["logs", "ingress", "--state", str(tmp_path / "none")])

    assert result.exit_code == 2
    assert "no Envoy was run from" in result.stderr
    assert not (tmp_path / "none").exists()


def test_what_is_written_is_followed_over_a_rotation(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"one\n")
    text, end = last_lines(log, None)
    steps = iter([lambda: append(log, b"two\n"), lambda: rotate(log, 4)])

    def wait() -> None:
        next(steps)()
        if not log.stat().st_size:
            append(log, b"3\n")

    lines = followed(log, end, wait)

    assert (text, next(lines), next(lines)) == (b"one\n", b"two\n", b"3\n")


def append(log: Path, text: bytes) -> None:
    with log.open("ab") as file:
        file.write(text)


def test_a_large_log_is_moved_and_its_writer_goes_on(tmp_path: Path) -> None:
    log, kept = tmp_path / "a.log", tmp_path / "a.log.1"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old\n")
        small = rotate(log, 4)
        writer.write(b"more\n")
        large = rotate(log, 4)
        writer.write(b"new\n")

    assert (small, large) == (False, True)
    assert (kept.read_bytes(), log.read_bytes()) == (b"old\nmore\n", b"new\n")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_log_that_is_not_there_is_not_moved(tmp_path: Path) -> None:
    assert rotate(tmp_path / "none.log") is False
