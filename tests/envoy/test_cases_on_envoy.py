"""Every case is given to a real Envoy, which must take all of it."""

from pathlib import Path

import pytest

from tests.support.cases import Case, cases
from tests.support.mesh import Mesh

pytestmark = pytest.mark.envoy

FOLDER = Path(__file__).parents[1] / "cases"


@pytest.mark.parametrize(
    "case", cases(FOLDER), ids=lambda case: str(case.folder.relative_to(FOLDER))
)
def test_envoy_takes_what_the_gateway_of_a_case_is_sent(mesh: Mesh, case: Case) -> None:
    mesh.apply(case.text)

    assert mesh.gateway.rejected() == {}
    assert all(not proxy["rejected"] for proxy in mesh.control_plane.status().proxies)
