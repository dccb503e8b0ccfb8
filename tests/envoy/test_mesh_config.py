"""MeshConfig is followed as the other files are."""

import re
from pathlib import Path

import pytest

from tests.support.mesh import CONTROLPLANE
from tests.support.network import own_network
from tests.support.process import Running

pytestmark = pytest.mark.envoy

GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["*.example"]
"""


def test_an_edit_of_the_mesh_config_reaches_the_gateway_and_its_faults_are_shown(
    tmp_path: Path,
) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "gateway.yaml").write_text(GATEWAY)
    mesh_config = tmp_path / "meshconfig.yaml"
    mesh_config.write_text("pathNormalization: {normalization: BASE}\n")
    command = [*CONTROLPLANE, "up", "--config", str(tmp_path / "mesh")]
    command += ["--mesh-config", str(mesh_config), "--state", str(tmp_path / "state")]

    with own_network(), Running(command, tmp_path / "up.log") as process:

        def prints(pattern: str) -> None:
            process.eventually(
                f"it prints {pattern!r}",
                lambda: re.search(pattern, process.log.read_text(), re.MULTILINE) is not None,
                within=20,
            )

        prints(r"^gateway ingressgateway\.istio-system")
        mesh_config.write_text("pathNormalization: {normalization: NONE}\n")
        prints(r"^reloaded in .*MeshConfig mesh → 1 proxy$")
        mesh_config.write_text("connectTimeout: 3 seconds\n")
        prints(r'^.*meshconfig\.yaml:1:17: error CP0206: "3 seconds" is not a duration$')
