"""What ``check`` says of each sample, together with the files that it is served with."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from controlplane.base.diagnostics import Report
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.mesh import decode_mesh_config
from tests.support.reports import whole_analysis

SAMPLES: Final = Path(__file__).parents[2] / "samples"
MESH_CONFIGS: Final = (
    "mesh-config.yaml",
    "bookinfo/mesh-config.yaml",
    "observability/mesh-config.yaml",
)
BOOKSHOP: Final = ("mesh", "egress.yaml", "endpoints-loopback")
BOOKINFO: Final = (
    *("bookinfo/bookinfo.yaml", "bookinfo/workloads.yaml"),
    "bookinfo/networking/bookinfo-gateway.yaml",
)
SUBSETS: Final = "bookinfo/networking/destination-rule-all.yaml"
SERVED_WITH: Final = {
    "hello": (),
    "mesh": BOOKSHOP,
    "egress.yaml": BOOKSHOP,
    "endpoints-loopback": BOOKSHOP,
    "endpoints-compose": ("mesh", "egress.yaml"),
    "gateway-api": ("gateway-api", "mesh/destinations.yaml", "endpoints-loopback"),
    "observability/mesh": (),
    "policies": BOOKSHOP,
    "rate-limit": BOOKSHOP,
    "tracing": BOOKINFO,
    "bookinfo": BOOKINFO,
    "bookinfo/networking": (*BOOKINFO, SUBSETS),
    "bookinfo/networking/destination-rule-reviews.yaml": BOOKINFO,
}
"""By the folder or file that comes nearest."""
SAID: Final = {
    # `make demo` and compose make the Secrets; CP0330: compose runs them in containers
    "mesh/gateway.yaml": ["33 CP0401"],
    "gateway-api/gateway.yaml": ["28 CP0713"],
    "egress.yaml": ["64 CP0401", "97 CP0401"],
    "endpoints-compose/services.yaml": ["8 CP0330", "19 CP0330", "30 CP0330"],
    # Istio warns of every EnvoyFilter
    "rate-limit/global.yaml": ["23 CP0233"],
    "rate-limit/local.yaml": ["8 CP0233"],
    # --local says where it is
    "observability/mesh/shop.yaml": ["25 CP0330"],
    # until workloads connect
    "bookinfo/bookinfo.yaml": ["43 CP0328", "94 CP0328", "145 CP0328", "289 CP0328"],
    "bookinfo/workloads.yaml": ["89 CP0328"],
    # subsets that Istio's own file declares for later lessons
    "bookinfo/networking/destination-rule-all.yaml": [
        *("40 CP0321", "43 CP0321", "46 CP0321", "60 CP0321"),
    ],
}
"""What is said nevertheless of a file itself, by line."""
FILES: Final = sorted(
    str(file.relative_to(SAMPLES))
    for file in SAMPLES.rglob("*.yaml")
    if str(file.relative_to(SAMPLES)) not in MESH_CONFIGS
)


@pytest.mark.parametrize("name", FILES)
def test_a_sample_is_without_errors_and_warnings_but_those_of_the_table(name: str) -> None:
    near = next(n for n in (name, *map(str, Path(name).parents)) if n in SERVED_WITH)
    files = {file for each in (name, *SERVED_WITH[near]) for file in _files(SAMPLES / each)}
    is_of_bookinfo = name.startswith(("bookinfo", "tracing"))
    mesh = SAMPLES / ("bookinfo" if is_of_bookinfo else "") / "mesh-config.yaml"
    engine = Engine(_mesh_config(mesh), now=datetime(2026, 1, 1, tzinfo=UTC))

    engine.apply([(file, file.read_text()) for file in sorted(files)])

    assert _found(engine, SAMPLES / name) == SAID.get(name, [])


@pytest.mark.parametrize("name", MESH_CONFIGS)
def test_the_mesh_configs_of_the_samples_are_without_faults(name: str) -> None:
    report = Report()

    decode_mesh_config((SAMPLES / name).read_text(), SAMPLES / name, report)

    assert list(report) == []


def _found(engine: Engine, file: Path) -> list[str]:
    places = [(engine.location(each.place), each.code.id) for each in whole_analysis(engine)]
    in_file = [(at.line, code) for at, code in places if at is not None and at.path == file]
    return [f"{line} {code}" for line, code in sorted(in_file)]


def _files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.yaml")) if path.is_dir() else [path]


def _mesh_config(file: Path) -> MeshConfig:
    return decode_mesh_config(file.read_text(), file, Report())
