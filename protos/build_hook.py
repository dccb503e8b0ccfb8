"""Compiles ``ads.proto`` into ``controlplane/xds/wire_pb2.py`` when the package is built.

The generated module is not kept in version control: it must fit the protobuf runtime that it is
installed with. It is written into the source tree, so an editable installation finds it there, and
goes into wheels as an artifact. ``python protos/build_hook.py`` does the same without a build.
"""

import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

GENERATED = ("controlplane/xds/wire_pb2.py", "controlplane/xds/wire_pb2.pyi")


def compile_envelope(root: Path) -> None:
    """Write the two generated files below ``root``; raise when protoc finds a fault."""
    # The mapping names the file after its module, so that protoc writes wire_pb2 and not ads_pb2.
    status = protoc.main(
        [
            "protoc",
            f"--proto_path=controlplane/xds/wire.proto={root / 'protos' / 'ads.proto'}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            f"--python_out={root}",
            f"--pyi_out={root}",
            "controlplane/xds/wire.proto",
        ]
    )
    if status != 0:
        raise RuntimeError(f"protoc ended with status {status}")
    # protoc leaves the arguments of this generic out, which mypy --strict refuses.
    stub = root / GENERATED[1]
    stub.write_text(stub.read_text().replace(", _Mapping]", ", _Mapping[str, object]]"))


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling finds it by base class
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        root = Path(self.root)
        compile_envelope(root)
        build_data["artifacts"].extend(GENERATED)


if __name__ == "__main__":
    compile_envelope(Path(__file__).resolve().parent.parent)
    sys.exit()
