"""What is accepted is never refused by the Envoy of a sidecar."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.support.accepted_meshes import AcceptedMesh, assorted
from tests.support.accepting_envoy import SIDECAR, AcceptingEnvoy, accepting_envoy
from tests.support.properties import examples
from tests.support.service_meshes import Document
from tests.support.sidecar_meshes import documents

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def envoy(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AcceptingEnvoy]:
    with accepting_envoy(tmp_path_factory.mktemp("envoy"), SIDECAR) as running:
        yield running


def test_a_mesh_of_every_kind_is_taken(envoy: AcceptingEnvoy) -> None:
    assert envoy.refused(AcceptedMesh({})) == []


@pytest.mark.parametrize("turn", range(3))
def test_edges_in_every_field_that_takes_them_are_taken(envoy: AcceptingEnvoy, turn: int) -> None:
    assert envoy.refused(assorted(turn)) == []


@settings(max_examples=examples(200, in_gate=25), suppress_health_check=[HealthCheck.too_slow])
@given(declared=st.lists(documents, min_size=3, max_size=9))
def test_services_that_meet_on_a_port_are_taken(
    envoy: AcceptingEnvoy, declared: list[Document]
) -> None:
    assert envoy.refused(AcceptedMesh(dict(map(named, declared)))) == []


def named(document: Document) -> tuple[str, Document]:
    metadata = document["metadata"]
    assert isinstance(metadata, dict), "every object has metadata"
    return f"{document['kind']}-{metadata['namespace']}-{metadata['name']}", document
