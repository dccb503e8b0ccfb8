"""What is known of the filters that Envoy takes, asked of Envoy itself."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.cel_filters import ACCEPTED, REFUSED
from tests.support.envoy import envoy_binary

pytestmark = pytest.mark.envoy

_TYPE = "type.googleapis.com/envoy.extensions"


def log(expression: str) -> dict[str, Any]:
    filter_ = {
        "@type": f"{_TYPE}.access_loggers.filters.cel.v3.ExpressionFilter",
        "expression": expression,
    }
    file = {"@type": f"{_TYPE}.access_loggers.file.v3.FileAccessLog", "path": "/dev/null"}
    name = "envoy.access_loggers.extension_filters.cel"
    return {
        "name": "envoy.access_loggers.file",
        "filter": {"extension_filter": {"name": name, "typed_config": filter_}},
        "typed_config": file,
    }


def is_taken(folder: Path, *expressions: str) -> bool:
    """Whether Envoy takes a listener whose logs have these filters."""
    proxy = {
        "@type": f"{_TYPE}.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "tcp",
        "cluster": "none",
        "access_log": [log(each) for each in expressions],
    }
    listener = {
        "name": "one",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 1}},
        "filter_chains": [{"filters": [{"name": "tcp", "typed_config": proxy}]}],
    }
    file = folder / "bootstrap.json"
    file.write_text(json.dumps({"static_resources": {"listeners": [listener]}}))
    command = [envoy_binary(), "--mode", "validate", "-c", str(file), "-l", "off"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode == 0


def test_envoy_takes_what_is_thought_to_be_taken(tmp_path: Path) -> None:
    assert is_taken(tmp_path, *ACCEPTED)


@pytest.mark.parametrize("expression", REFUSED, ids=lambda text: text[:40])
def test_envoy_refuses_what_is_thought_to_be_refused(tmp_path: Path, expression: str) -> None:
    assert not is_taken(tmp_path, expression)
