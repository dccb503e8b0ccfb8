"""What the files of ``bootstrap --config`` say of how the node is started."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from controlplane.base.diagnostics import Report
from controlplane.base.errors import ConfigMissing
from controlplane.cli.inputs import mesh_config_text
from controlplane.engine.engine import Engine
from controlplane.envoy.bootstrap import Node
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.mesh import decode_mesh_config
from controlplane.model.proxy_start import NOTHING_SAID, ProxyStart
from controlplane.serve.proxy_start import node_start
from controlplane.sources.load import loaded


def declared_start(
    paths: Sequence[Path], mesh_file: Path | None, node: Node, now: datetime
) -> ProxyStart:
    """How ``node`` is started by its ProxyConfig in the files below ``paths`` and by MeshConfig.
    Their faults are ``check``'s to report.
    """
    mesh = MeshConfig()
    if mesh_file is not None:
        mesh = decode_mesh_config(mesh_config_text(mesh_file), mesh_file, Report())
    try:
        files = loaded(paths)
    except ConfigMissing:  # they may only name a state directory
        if mesh_file is None:
            return NOTHING_SAID
        files = ()
    engine = Engine(mesh, now=now)
    engine.apply([(changed.path, changed.text) for changed in files])
    return node_start(engine, node)
