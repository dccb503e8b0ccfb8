"""What ``envoy/workload.py`` starts Envoy with, of what a bootstrap says of it."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripts import ROOT, script

SUPERVISION = {
    "options": ["--concurrency", "3", "--file-flush-interval-msec", "50"],
    "environment": {"REGION": "eu"},
    "grace": 7.5,
}


@pytest.fixture
def workload(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(ROOT / "envoy"), *sys.path])
    return script("envoy/workload.py")


def bootstrap(folder: Path, **metadata: object) -> Path:
    file = folder / "bootstrap.json"
    node = {"metadata": {"NAMESPACE": "shop", **metadata}}
    socket = {"socket_address": {"address": "127.0.0.1", "port_value": 1}}
    file.write_text(json.dumps({"node": node, "admin": {"address": socket}}))
    return file


def command(workload: Any, file: Path, *options: str) -> list[str]:
    parsed = workload.parsed(["--gateway", "--bootstrap", str(file), *options])
    found: list[str] = workload.envoy_command(parsed, workload.Bootstrap(file), file)
    return found


def value(words: list[str], option: str) -> str:
    assert words.count(option) == 1, "Envoy takes no option twice"
    return words[words.index(option) + 1]


def test_its_proxy_config_says_options_that_the_command_line_does_not(
    workload: Any, tmp_path: Path
) -> None:
    file = bootstrap(tmp_path, SUPERVISION=SUPERVISION)

    found, given = command(workload, file), command(workload, file, "--concurrency", "5")

    assert value(found, "--concurrency") == "3"
    assert value(found, "--file-flush-interval-msec") == "50"
    assert value(found, "--drain-time-s") == "45"
    assert value(given, "--concurrency") == "5"


def test_without_a_proxy_config_it_has_its_own(workload: Any, tmp_path: Path) -> None:
    found = command(workload, bootstrap(tmp_path))

    assert value(found, "--concurrency") == "2"
    assert value(found, "--file-flush-interval-msec") == "500"


def test_the_bootstrap_says_variables_grace_and_interception(workload: Any, tmp_path: Path) -> None:
    file = bootstrap(tmp_path, SUPERVISION=SUPERVISION, INTERCEPTION_MODE="NONE")

    said = workload.Bootstrap(file)
    silent = workload.Bootstrap(bootstrap(tmp_path))

    assert (said.environment, said.grace, said.is_intercepted) == ({"REGION": "eu"}, 7.5, False)
    assert (silent.environment, silent.grace, silent.is_intercepted) == ({}, None, True)
