"""Which libraries a command loads: those that take long, only where they are needed.

What counts is what is in ``sys.modules`` at the end, never the time that it took.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from controlplane.cli.main import COMMANDS
from tests.support.pki import Authority, encoded

SLOW: Final = {
    "asyncio",
    "betterproto2",
    "cryptography",
    "envoy",
    "envoy_data_plane",
    "google.protobuf",
    "grpc",
    "jwt",
    "prometheus_client",
    "re2",
    "rich",
    "starlette",
    "structlog",
    "uvicorn",
    "watchfiles",
    "yaml",
}
READING: Final = {"envoy", "google.protobuf", "re2", "yaml"}
"""What it takes to read a configuration, and to check what Envoy would get."""
PROGRAM: Final = """
import sys
from controlplane.cli.main import main

slow, *arguments = sys.argv[1:]
try:
    main(arguments)
except SystemExit:
    pass
print("loaded:", *(sys.modules.keys() & set(slow.split())))
"""
ROUTE: Final = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  selector: {app: gw}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: [shop.example]
  gateways: [gw]
  http:
  - directResponse: {status: 200}
"""


def loaded(*arguments: str) -> set[str]:
    """The slow libraries that the command has loaded when it ends."""
    command = [sys.executable, "-c", PROGRAM, " ".join(SLOW), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    last = done.stdout.splitlines()[-1]
    assert last.startswith("loaded:"), done.stderr
    return set(last.split()[1:])


def test_help_loads_nothing_slow() -> None:
    assert loaded("--help") == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_loads_nothing_slow(command: str) -> None:
    assert loaded(command, "--help") == set()


def test_status_loads_nothing_slow() -> None:
    assert loaded("status", "--admin", "127.0.0.1:1") == set()


def test_check_of_routes_loads_no_server_and_no_keys(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(ROUTE)

    assert loaded("check", str(tmp_path)) <= READING


def test_check_loads_cryptography_where_there_is_a_secret(tmp_path: Path) -> None:
    leaf = Authority("root").leaf("shop.example")
    (tmp_path / "mesh.yaml").write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: shop}\ndata:\n"
        f"  tls.crt: {encoded(leaf.certificate)}\n  tls.key: {encoded(leaf.key)}\n"
    )

    assert loaded("check", str(tmp_path)) <= READING | {"cryptography"}
