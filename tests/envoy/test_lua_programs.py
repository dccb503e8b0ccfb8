"""What is known of the programs of Lua that Envoy compiles, asked of Envoy itself."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.envoy import envoy_binary
from tests.support.lua_programs import ACCEPTED, REFUSED

pytestmark = pytest.mark.envoy

_TYPE = "type.googleapis.com/envoy.extensions.filters"


def is_taken(folder: Path, code: str) -> bool:
    """Whether Envoy takes a listener with the program."""
    manager = {
        "@type": f"{_TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "route_config": {},
        "http_filters": [
            {
                "name": "lua",
                "typed_config": {
                    "@type": f"{_TYPE}.http.lua.v3.Lua",
                    "default_source_code": {"inline_string": code or " "},
                },
            },
            {"name": "router", "typed_config": {"@type": f"{_TYPE}.http.router.v3.Router"}},
        ],
    }
    listener = {
        "name": "one",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 1}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    file = folder / "bootstrap.json"
    file.write_text(json.dumps({"static_resources": {"listeners": [listener]}}))
    command = [envoy_binary(), "--mode", "validate", "-c", str(file), "-l", "off"]
    return subprocess.run(command, capture_output=True, text=True).returncode == 0


@pytest.mark.parametrize("code", ACCEPTED, ids=lambda text: text[:40])
def test_envoy_takes_what_is_thought_to_be_taken(tmp_path: Path, code: str) -> None:
    assert is_taken(tmp_path, code)


@pytest.mark.parametrize("code", REFUSED, ids=lambda text: text[:40])
def test_envoy_refuses_what_is_thought_to_be_refused(tmp_path: Path, code: str) -> None:
    assert not is_taken(tmp_path, code)
