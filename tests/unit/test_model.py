"""The model says what a mesh is in words of neither API that declares one, and the role of a proxy
is asked for once.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

MODEL = Path("controlplane/model")
KINDS = (
    # networking.istio.io, security.istio.io and the rest of Istio's groups
    "VirtualService",
    "DestinationRule",
    "Gateway",
    "ServiceEntry",
    "WorkloadEntry",
    "WorkloadGroup",
    "Sidecar",
    "EnvoyFilter",
    "ProxyConfig",
    "MeshConfig",
    "PeerAuthentication",
    "RequestAuthentication",
    "AuthorizationPolicy",
    "Telemetry",
    "WasmPlugin",
    "TrafficExtension",
    # gateway.networking.k8s.io
    "GatewayClass",
    "HTTPRoute",
    "GRPCRoute",
    "TLSRoute",
    "TCPRoute",
    "UDPRoute",
    "ReferenceGrant",
    "BackendTLSPolicy",
    "ListenerSet",
)


def words(kind: str) -> re.Pattern[str]:
    """A kind as an identifier, alone or within one. ``Gateway`` and ``Sidecar`` are what proxies
    are, too, so of the kinds of one word only the class itself is meant.
    """
    parts = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z]+", kind)
    if len(parts) == 1:
        return re.compile(rf"^{kind}$")
    return re.compile("_?".join(parts), re.IGNORECASE)


def identifiers(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.alias(name=name):
                yield name
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                yield name
            case ast.keyword(arg=str(name)):
                yield name


def kinds_named(module: Path) -> list[str]:
    return [name for name in identifiers(module) if any(words(k).search(name) for k in KINDS)]


@pytest.mark.parametrize("module", sorted(MODEL.rglob("*.py")), ids=str)
def test_no_module_of_the_model_names_a_kind_in_code(module: Path) -> None:
    assert kinds_named(module) == []


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("class DestinationRule: ...", True),
        ("def merged(own_destination_rules): ...", True),
        ("x.virtual_service", True),
        ("class Gateway: ...", True),
        ("class HttpRouteMatch: ...", True),
        ("class GatewayInstance: ...", False),
        ("Role.SIDECAR", False),
        ('"""What a DestinationRule says."""', False),
    ],
)
def test_what_counts_as_naming_a_kind(code: str, named: bool, tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(code)

    assert bool(kinds_named(module)) is named


def test_one_module_of_the_queries_asks_for_the_role_of_a_proxy() -> None:
    asking = [
        module.name
        for module in sorted(Path("controlplane/queries").rglob("*.py"))
        if re.search(r"\bRole\.", module.read_text())
    ]

    assert asking == ["views.py"]
