"""``samples/bookinfo/apply.py``: the folder that is served has each object once."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bookinfo import FOLDER

RULES = FOLDER / "networking"


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    return tmp_path / "mesh"


def apply(mesh: Path, *arguments: str | Path, text: str | None = None) -> list[str]:
    command = [sys.executable, str(FOLDER / "apply.py"), "--to", str(mesh), *map(str, arguments)]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    return (done.stdout + done.stderr).splitlines()


def test_a_file_of_several_objects_becomes_one_of_each(mesh: Path) -> None:
    said = apply(mesh, RULES / "destination-rule-all.yaml")

    assert said == [
        "destinationrule/productpage created",
        "destinationrule/reviews created",
        "destinationrule/ratings created",
        "destinationrule/details created",
    ]
    assert "name: v3" in (mesh / "destinationrule.reviews.yaml").read_text(encoding="utf-8")


def test_a_newer_version_of_an_object_replaces_it(mesh: Path) -> None:
    apply(mesh, RULES / "virtual-service-all-v1.yaml")

    said = apply(mesh, RULES / "virtual-service-reviews-test-v2.yaml")

    assert said == ["virtualservice/reviews configured"]
    assert "jason" in (mesh / "virtualservice.reviews.yaml").read_text(encoding="utf-8")
    assert apply(mesh, RULES / "virtual-service-reviews-test-v2.yaml") == [
        "virtualservice/reviews unchanged"
    ]


def test_what_is_served_anyway_is_not_declared_twice(mesh: Path) -> None:
    said = apply(mesh, FOLDER / "bookinfo.yaml", RULES / "bookinfo-gateway.yaml")

    assert {line.rpartition(" ")[2] for line in said} == {"unchanged"}
    assert list(mesh.iterdir()) == []


def test_objects_are_deleted_by_the_file_that_names_them_or_all_at_once(mesh: Path) -> None:
    apply(mesh, RULES / "virtual-service-all-v1.yaml")

    assert apply(mesh, "--delete", RULES / "virtual-service-reviews-v3.yaml") == [
        "virtualservice/reviews deleted"
    ]
    assert apply(mesh) == [
        "virtualservice/details",
        "virtualservice/productpage",
        "virtualservice/ratings",
    ]
    assert len(apply(mesh, "--delete")) == 3
    assert list(mesh.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "kind: PeerAuthentication\nmetadata: {name: default, namespace: istio-system}\n",
        "# a comment\n---\nmetadata:\n  namespace: istio-system\n  name: 'default'\n"
        "kind: PeerAuthentication\n",
    ],
)
def test_an_object_of_another_namespace_is_another_object(mesh: Path, text: str) -> None:
    assert apply(mesh, "-", text=text) == ["peerauthentication/default created"]
    assert [file.name for file in mesh.iterdir()] == [
        "peerauthentication.istio-system.default.yaml"
    ]


def test_a_file_that_is_not_there_is_named(mesh: Path) -> None:
    assert apply(mesh, mesh / "none.yaml") == [f"{mesh}/none.yaml: No such file or directory"]
