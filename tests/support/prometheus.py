"""A real Prometheus that reads what a test runs, and its answers."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from tests.support.client import send
from tests.support.process import Running

_WHERE = "127.0.0.1:9090"


@contextmanager
def running_prometheus(folder: Path, config: Mapping[str, Any]) -> Iterator[Running]:
    """It reads once a second; the test is skipped where there is none."""
    found = shutil.which("prometheus")
    if found is None:
        pytest.skip("no prometheus: apt install prometheus")
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump({**config, "global": {"scrape_interval": "1s"}}))
    command = [found, f"--config.file={file}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    with Running(
        [*command, f"--web.listen-address={_WHERE}"], folder / "prometheus.log"
    ) as running:
        yield running


def is_ready() -> bool:
    return send(f"http://{_WHERE}/-/ready", address="127.0.0.1").status == 200


def queried(expression: str) -> list[tuple[Mapping[str, str], float]]:
    """The series that an expression gives now: labels and value; ``AssertionError`` where it does
    not parse.
    """
    url = f"http://{_WHERE}/api/v1/query?query={quote(expression)}"
    answer = json.loads(send(url, address="127.0.0.1").body)
    assert answer["status"] == "success", f"{expression}: {answer}"
    return [(each["metric"], float(each["value"][1])) for each in answer["data"]["result"]]


def expressions(dashboard: Path) -> Iterator[tuple[str, str]]:
    """Title and query of each panel of a dashboard of Grafana."""
    for panel in json.loads(dashboard.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$__rate_interval", "10s")
