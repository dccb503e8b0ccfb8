"""Cases: a folder with ordinary YAML, what should be said of it, and what proxies should get.

``input.yaml``    what a user would write; a comment ``# error CP0302`` expects that code there
``case.toml``     ``title`` (the rule, a sentence), ``source`` (where it comes from), ``compare``
                  (patterns: ``routes/http.8080``), ``proxies`` (default: the ingress gateway)
``mesh.yaml``     MeshConfig, where the case has one
``expected.yaml`` for each proxy, those resources and no others
"""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryResponse
from google.protobuf.json_format import MessageToJson

from controlplane.base.diagnostics import Report
from controlplane.base.locations import SourceLocation
from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.envoy.resource import TypeUrl
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.mesh import decode_mesh_config
from controlplane.model.proxy import Proxy, Role, labels_of

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
INPUT: Final = Path("input.yaml")
EXPECTATION: Final = re.compile(r"\b(?:error|warning|info) (CP\d{4})\b")
SEPARATOR: Final = re.compile(r"^---[ \t]*\n", re.MULTILINE)
WORDS: Final = {
    TypeUrl.CLUSTER: "clusters",
    TypeUrl.ENDPOINT: "endpoints",
    TypeUrl.LISTENER: "listeners",
    TypeUrl.ROUTE: "routes",
    TypeUrl.SECRET: "secrets",
}

Bytes = dict[str, bytes]
"""The serialized form of each resource, by ``routes/http.8080``."""


@dataclass(frozen=True)
class Case:
    """One folder."""

    folder: Path

    @cached_property
    def about(self) -> dict[str, Any]:
        return tomllib.loads((self.folder / "case.toml").read_text(encoding="utf-8"))

    @cached_property
    def text(self) -> str:
        return (self.folder / INPUT).read_text(encoding="utf-8")

    @property
    def documents(self) -> list[str]:
        return SEPARATOR.split(self.text)

    @property
    def proxies(self) -> list[Proxy]:
        return [_proxy(said) for said in self.about.get("proxies", [{}])]

    @property
    def expected_faults(self) -> list[tuple[int, str]]:
        """Line and code of every fault that a comment expects, sorted."""
        return sorted(
            (number, code)
            for number, line in enumerate(self.text.splitlines(), start=1)
            for code in EXPECTATION.findall(line.partition("#")[2])
        )

    @property
    def expected_file(self) -> Path:
        return self.folder / "expected.yaml"

    def mesh(self) -> MeshConfig:
        file = self.folder / "mesh.yaml"
        if not file.exists():
            return MeshConfig()
        return decode_mesh_config(file.read_text(encoding="utf-8"), file, Report())

    def compared(self, resources: Bytes) -> dict[str, Any]:
        """The resources that the case is about, as plain data."""
        patterns = self.about.get("compare", [])
        return {
            name: _plain(framed)
            for name, framed in sorted(resources.items())
            if any(fnmatchcase(name, pattern) for pattern in patterns)
        }


def _proxy(said: dict[str, Any]) -> Proxy:
    """The proxy a case names; what it does not say is the ingress gateway's."""
    name = said.get("name", "ingressgateway")
    return Proxy(
        name=name,
        role=Role(said.get("role", "gateway")),
        namespace=Namespace(said.get("namespace", "istio-system")),
        service_account=said.get("service_account", name),
        labels=labels_of(said.get("labels", {"istio": name})),
        addresses=(said.get("address", "127.0.0.2"),),
    )


def cases(folder: Path) -> list[Case]:
    return [Case(file.parent) for file in sorted(folder.rglob("case.toml"))]


def engine_of(case: Case, texts: Iterable[str]) -> Engine:
    """An engine that got each text as a file of its own, one edit after the other."""
    engine = Engine(case.mesh(), now=NOW)
    for number, text in enumerate(texts):
        engine.apply([(Path(f"{number}-{INPUT}"), text)])
    return engine


def found_faults(engine: Engine) -> list[tuple[int, str]]:
    """Line and code of everything that the engine says, sorted."""
    while engine.analyse():
        pass
    return sorted(_line_and_code(engine))


def _line_and_code(engine: Engine) -> Iterator[tuple[int, str]]:
    for diagnostic in engine.diagnostics():
        location = engine.location(diagnostic.place)
        assert isinstance(location, SourceLocation), (
            f"{diagnostic.message}: its object stands in no file"
        )
        yield location.line, diagnostic.code.id


def resources_of(engine: Engine, proxy: Proxy) -> Bytes:
    """Everything that a proxy gets."""
    shelves = engine.resources(engine.view(proxy))
    return {
        f"{WORDS[type_url]}/{resource.name}": resource.any
        for type_url, shelf in shelves
        for resource in shelf.values()
    }


def _plain(framed: bytes) -> Any:
    """Envoy's JSON of one framed resource, without the type that its name says already."""
    message = DiscoveryResponse.FromString(framed).resources[0]
    plain = json.loads(MessageToJson(message, preserving_proto_field_name=True))
    plain.pop("@type")
    return plain


def unanswered(resources: Bytes) -> list[str]:
    """What resources ask for by name and nobody sends: route tables and endpoints.

    Clusters are not among them: a route may lead to one that is not there, and answers 503.
    """
    plain = {name: _plain(framed) for name, framed in resources.items()}
    wanted = {f"routes/{name}" for name in _values(plain, "route_config_name")}
    for name, cluster in plain.items():
        if name.startswith("clusters/") and cluster.get("type") == "EDS":
            service = cluster["eds_cluster_config"].get("service_name", cluster["name"])
            wanted.add(f"endpoints/{service}")
    return sorted(wanted - set(plain))


def _values(plain: Any, key: str) -> Iterator[str]:
    """Every value of a field of this name, however deep it stands."""
    match plain:
        case dict():
            for name, value in plain.items():
                if name == key:
                    yield value
                else:
                    yield from _values(value, key)
        case list():
            for value in plain:
                yield from _values(value, key)


def dumped(expected: dict[str, dict[str, Any]]) -> str:
    return yaml.safe_dump(expected, sort_keys=False, width=100, allow_unicode=True)
