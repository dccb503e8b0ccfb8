"""What ``version`` says, and that it is true."""

import re
from pathlib import Path

from click.testing import CliRunner
from envoy.config.core.v3.base_pb2 import Node as EnvoyNode

from controlplane.cli.main import main
from controlplane.cli.version import ISTIO_API
from controlplane.xds.node import envoy_version
from controlplane.xds.wire_pb2 import Node

ROOT = Path(__file__).parents[3]


def test_versions_are_shown_without_a_control_plane() -> None:
    result = CliRunner().invoke(main, ["version", "--admin", "127.0.0.1:1"])

    lines = [re.split(r"  +", line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [name for name, _ in lines] == ["controlplane", "Envoy", "Istio's API", "proxies"]
    assert lines[0][1] == "0.1.0"
    assert lines[-1][1] == "no control plane answers at 127.0.0.1:1"


def test_the_api_is_that_of_the_readme() -> None:
    assert f"the API of Istio {ISTIO_API}." in (ROOT / "README.md").read_text(encoding="utf-8")


def test_an_envoy_says_its_version_in_its_node() -> None:
    node = EnvoyNode(id="a")
    version = node.user_agent_build_version.version
    version.major_number, version.minor_number, version.patch = 1, 40, 2

    assert envoy_version(Node.FromString(node.SerializeToString())) == "1.40.2"
    assert envoy_version(Node(id="a")) == ""
    assert envoy_version(Node.FromString(b"\x42\x01\xff")) == ""
