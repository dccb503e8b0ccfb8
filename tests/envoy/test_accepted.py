"""What is accepted is never refused by a real Envoy: one runs, and is given one mesh after another.

The generator knows every field of every kind: ``tests/support/accepted_meshes.py``.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.accepted_meshes import AcceptedMesh, accepted_meshes, assorted
from tests.support.accepting_envoy import AcceptingEnvoy, accepting_envoy
from tests.support.boundary_values import TEXTS
from tests.support.properties import examples, is_fuzzing

pytestmark = pytest.mark.envoy
TURNS = len(TEXTS) if is_fuzzing() else 10
"""After so many every field has had every edge that there is of its type."""


@pytest.fixture(scope="module")
def envoy(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AcceptingEnvoy]:
    with accepting_envoy(tmp_path_factory.mktemp("envoy")) as running:
        yield running


def test_the_mesh_that_is_changed_is_taken_as_it_is(envoy: AcceptingEnvoy) -> None:
    assert envoy.refused(AcceptedMesh({})) == []


@pytest.mark.parametrize("turn", range(TURNS))
def test_edges_in_every_field_that_takes_them_are_taken_by_envoy(
    envoy: AcceptingEnvoy, turn: int
) -> None:
    assert envoy.refused(assorted(turn)) == []


@settings(max_examples=examples(800, in_gate=60), suppress_health_check=[HealthCheck.too_slow])
@given(mesh=accepted_meshes)
def test_what_is_accepted_is_taken_by_envoy(envoy: AcceptingEnvoy, mesh: AcceptedMesh) -> None:
    assert envoy.refused(mesh) == []
