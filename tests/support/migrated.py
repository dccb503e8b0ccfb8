"""A migration of one text: what comes out, and what is said of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.migrate.migration import NamedService, migrated

FILE = Path("mesh.yaml")
SERVICES = """
apiVersion: v1
kind: Service
metadata: {name: ingressgateway, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}]
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{name: http, port: 80, targetPort: 9080}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart}
spec: {selector: {app: cart}, ports: [{name: http, port: 80, targetPort: 9080}]}
---
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: bank}
spec: {selector: {app: pay}, ports: [{name: http, port: 80}, {name: admin, port: 81}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside}
spec:
  hosts: [outside.example.org]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{number: 80, name: http, protocol: HTTP}]
"""
GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """``objects`` are all that come out, ``reasons`` why others stay: ``LINE CODE: MESSAGE``."""

    text: str
    objects: list[dict[str, Any]]
    reasons: list[str]

    def kinds(self) -> list[str]:
        """``Kind namespace/name`` of what comes out, without the services."""
        return [
            f"{o['kind']} {o['metadata'].get('namespace', 'default')}/{o['metadata']['name']}"
            for o in self.objects
            if o["kind"] not in ("Service", "ServiceEntry")
        ]

    def one(self, kind: str) -> dict[str, Any]:
        (found,) = (o for o in self.objects if o["kind"] == kind)
        return found

    def rules(self) -> list[dict[str, Any]]:
        """The rules of the one HTTPRoute."""
        rules: list[dict[str, Any]] = self.one("HTTPRoute")["spec"]["rules"]
        return rules


def read_again(texts: Mapping[Path, str], mesh: MeshConfig | None = None) -> Engine:
    engine = Engine(mesh or MeshConfig(), now=datetime.now(UTC))
    engine.apply(texts.items())
    return engine


def migration(
    text: str, *, by_segment: bool = False, service: str = "", mesh: MeshConfig | None = None
) -> Migrated:
    """``text`` and the services, migrated."""
    engine = read_again({FILE: text, Path("services.yaml"): SERVICES}, mesh)
    namespace, _, name = service.partition("/")
    found = migrated(
        engine,
        engine.contents(),
        lambda files, secrets: read_again(
            {file.path: file.text for file in files} | {Path("!.yaml"): secrets}, mesh
        ),
        by_segment=by_segment,
        service=NamedService(Namespace(namespace), name) if service else None,
    )
    texts = {file.path: file.text for file in found.files}
    reasons = []
    for one in (*found.plan.kept, *found.notes):
        location = engine.location(one.place)
        assert isinstance(one.place, FieldRef), "reasons are about objects"
        reasons.append(f"{location.line if location else 0} {one.code}: {one.message}")
    return Migrated(
        text=texts[FILE],
        objects=[o for file in texts.values() for o in yaml.safe_load_all(file) if o],
        reasons=reasons,
    )


def virtual_service(http: str, *, hosts: str = "[shop.example.com]", more: str = "") -> str:
    """A VirtualService at the Gateway; ``http`` is the list of its rules in flow style."""
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop}}
spec:
  hosts: {hosts}
  gateways: [istio-system/shop]
  {more}
  http: {http}
"""
