"""What the type checker must refuse: a field that the kind of an object does not have."""

from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[3]
FUNCTION = """
from controlplane.base.names import ObjectKey
from controlplane.graph import Graph
from controlplane.kinds.istio.virtual_service import VirtualService
from controlplane.queries.inputs.objects import object_of

def rules(graph: Graph, key: ObjectKey[VirtualService]) -> int:
    declared = object_of(graph, key)
    return 0 if declared is None else len(declared.spec.{field})
"""


@pytest.mark.parametrize(
    ("field", "expected"),
    [("http", "Success"), ("htpp", '"VirtualService" has no attribute "htpp"')],
)
def test_an_object_has_the_fields_of_its_kind(
    field: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    file = tmp_path / "rules.py"
    file.write_text(FUNCTION.format(field=field), encoding="utf-8")

    report, errors, _ = api.run([str(file)])

    assert errors == ""
    assert expected in report
