"""Every kind that has a struct is declared, and what a declaration says is whole."""

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from controlplane import kinds
from controlplane.base.names import Kind
from controlplane.kinds import core, gateway_api, istio
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.registry import KNOWN, SERVED, is_known
from controlplane.kinds.spec import Spec
from controlplane.queries.analysis.roots import ANALYSES

REFERS_TO_NOTHING = {
    "ConfigMap",
    "DaemonSet",
    "Deployment",
    "Endpoints",
    "Namespace",
    "Node",
    "Pod",
    "Secret",
    "StatefulSet",
    "WorkloadEntry",
}
"""What leads nowhere is found from the objects that refer to these."""
GATEWAY_API = {kind for kind in SERVED if kind.group.startswith("gateway.networking.")}
VALIDATION = Path(__file__).parent / "validation"


def kinds_with_a_struct() -> Iterator[Any]:
    """Every constant that is a Kind, with the struct that its type names."""
    for package in (core, gateway_api, istio):
        for found in pkgutil.iter_modules(package.__path__):
            module = import_module(f"{package.__name__}.{found.name}")
            for name, hint in get_type_hints(module).items():
                value = getattr(module, name)
                if isinstance(value, Kind):
                    (struct,) = get_args(get_args(hint)[0] if get_args(hint) else hint)
                    yield pytest.param(value, struct, id=f"{found.name}.{name}")


@pytest.mark.parametrize(("kind", "struct"), list(kinds_with_a_struct()))
def test_a_kind_with_a_struct_is_declared(kind: Kind, struct: type[Spec]) -> None:
    assert kind in SERVED, f"{kind} has a struct, and no module in kinds/declared"
    assert SERVED[kind].spec is struct


def test_every_module_of_declarations_is_found() -> None:
    folder = Path(kinds.__path__[0]) / "declared"
    declaring = [file.stem for file in folder.glob("*.py") if "\nKIND: " in file.read_text()]

    assert sorted(map(snake, SERVED)) == sorted(declaring)


@pytest.mark.parametrize("kind", SERVED, ids=str)
def test_the_validation_of_a_kind_has_a_table(kind: Kind) -> None:
    folder = VALIDATION / "gateway_api" if kind in GATEWAY_API else VALIDATION

    assert (folder / f"{snake(kind)}.yaml").exists()


@pytest.mark.parametrize("kind", SERVED, ids=str)
def test_a_version_is_of_the_group_of_its_kind(kind: Kind) -> None:
    for version in SERVED[kind].api_versions:
        assert version.rpartition("/")[0] == kind.group


def test_a_kind_that_is_served_is_not_called_known_alone() -> None:
    assert [kind for kind in SERVED if is_known(kind)] == []
    assert not {Kind(group, name) for group, names in KNOWN.items() for name in names} & set(SERVED)


def snake(kind: Kind) -> str:
    if kind == KUBERNETES_GATEWAY:
        return "kubernetes_gateway"
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind.name).lower()


@pytest.mark.parametrize("kind", SERVED, ids=str)
def test_a_kind_is_analysed_or_known_to_refer_to_nothing(kind: Kind) -> None:
    if kind not in GATEWAY_API:
        assert (kind in ANALYSES) is (kind.name not in REFERS_TO_NOTHING)
