"""The law of origins over the oracle's cases: what each of its proxies is sent leads to a line."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from tests.support.cases import NOW, _proxy
from tests.support.origins import untraced
from tests.support.pki import Authority, encoded

PLACEHOLDER = re.compile(r"\$\{(\w+):([^}]+)\}")


def untraced_cases(folder: Path, prefixes: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """Each case with what of it breaks the law."""
    secrets = _secrets()
    for file in sorted(folder.glob("*/*/case.yaml")):
        name = f"{file.parent.parent.name}/{file.parent.name}"
        config = file.with_name("config.yaml")
        if name.startswith(prefixes) and config.exists():
            about = yaml.safe_load(file.read_text(encoding="utf-8"))
            yield name, _untraced(about, _filled(config.read_text(encoding="utf-8"), secrets))


def _untraced(about: dict[str, Any], config: str) -> list[str]:
    engine = Engine(MeshConfig(), now=NOW)
    if about.get("mesh"):
        engine.read_mesh(Path("mesh.yaml"), json.dumps(about["mesh"]))
    engine.apply([(Path("config.yaml"), config)])
    found = []
    for said in about.get("proxies") or [{}]:
        named = {"labels": {"istio": said.get("name", "ingressgateway")}, **said}
        if said.get("role") == "sidecar":
            named.setdefault("service_account", "default")
        found += untraced(engine, _proxy(named))
    return found


def _secrets() -> dict[str, str]:
    authority = Authority(now=NOW)
    leaf = authority.leaf("any.example")
    return {
        "crt": encoded(leaf.certificate),
        "key": encoded(leaf.key),
        "ca": encoded(authority.pem),
        "capem": json.dumps(authority.pem),
    }


def _filled(text: str, secrets: dict[str, str]) -> str:
    """``text`` with what stands for certificates replaced, by name and by file."""
    return PLACEHOLDER.sub(
        lambda m: secrets.get(m.group(1), f"/certs/{m.group(2)}.{m.group(1)}"), text
    )
