"""The oracle's cases as engines, without Envoy: for laws that hold for every configuration."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy
from tests.support.cases import NOW, _proxy
from tests.support.pki import Authority, encoded

PLACEHOLDER: Final = re.compile(r"\$\{(\w+):([^}]+)\}")


@dataclass(frozen=True)
class OracleCase:
    """A recorded case; ``name`` is ``area/case``. Read when it is asked for."""

    name: str
    file: Path

    @cached_property
    def about(self) -> dict[str, Any]:
        about: dict[str, Any] = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        return about

    @cached_property
    def config(self) -> str:
        return _filled(self.file.with_name("config.yaml").read_text(encoding="utf-8"))

    def engine(self) -> Engine:
        """A new engine that has read the case's configuration."""
        engine = Engine(MeshConfig(), now=NOW)
        if self.about.get("mesh"):
            engine.read_mesh(Path("mesh.yaml"), json.dumps(self.about["mesh"]))
        engine.apply([(Path("config.yaml"), self.config)])
        return engine

    @property
    def proxies(self) -> tuple[Proxy, ...]:
        return tuple(_named(said) for said in self.about.get("proxies") or [{}])


def oracle_cases(folder: Path, prefixes: tuple[str, ...]) -> Iterator[OracleCase]:
    """Each case with a configuration whose name begins with one of ``prefixes``."""
    for file in sorted(folder.glob("*/*/case.yaml")):
        name = f"{file.parent.parent.name}/{file.parent.name}"
        if name.startswith(prefixes) and file.with_name("config.yaml").exists():
            yield OracleCase(name, file)


def _named(said: dict[str, Any]) -> Proxy:
    named = {"labels": {"istio": said.get("name", "ingressgateway")}, **said}
    if said.get("role") == "sidecar":
        named.setdefault("service_account", "default")
    return _proxy(named)


@cache
def _secrets() -> dict[str, str]:
    authority = Authority(now=NOW)
    leaf = authority.leaf("any.example")
    return {
        "crt": encoded(leaf.certificate),
        "key": encoded(leaf.key),
        "ca": encoded(authority.pem),
        "capem": json.dumps(authority.pem),
    }


def _filled(text: str) -> str:
    """``text`` with what stands for certificates replaced, by name and by file."""
    return PLACEHOLDER.sub(
        lambda m: _secrets().get(m.group(1), f"/certs/{m.group(2)}.{m.group(1)}"), text
    )
