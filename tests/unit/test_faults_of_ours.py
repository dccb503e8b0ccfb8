"""A fault of ours costs one object its edit, and says so; nothing else."""

from datetime import UTC
from datetime import datetime
from pathlib import Path

from controlplane.base.names import Namespace
from controlplane.base.names import ObjectKey
from controlplane.documents.document import Origin
from controlplane.documents.document import RawObject
from controlplane.engine import Engine
from controlplane.engine import declaration
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.sources.accepted import AcceptedObjects

KEY = ObjectKey(DESTINATION_RULE, Namespace("default"), "reviews")


def test_an_object_that_decoding_fails_on_is_refused_with_CP0601() -> None:  # noqa: N802  # the code
    raw = RawObject(
        key=KEY,
        api_version="networking.istio.io/v1",
        body=None,  # type: ignore[arg-type]  # what no document gives
        origin=Origin(path=Path("rules.yaml"), document=0),
    )

    declared = declaration(raw)

    assert [found.code.id for found in declared.diagnostics] == ["CP0601"]
    assert declared.is_refused
    assert declared.object is None


async def test_what_was_deleted_while_nothing_ran_is_forgotten(tmp_path: Path) -> None:
    accepted = AcceptedObjects(tmp_path / "accepted.db")
    engine = Engine(MeshConfig(), now=datetime(2026, 11, 27, tzinfo=UTC), accepted=accepted)
    text = b"apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: reviews}\n"
    engine.apply([(Path("rules.yaml"), text + b"spec: {host: reviews}")])
    await accepted.keep(engine.accepted)
    assert accepted.of_key(KEY) is not None

    await accepted.forget_others(engine.claimed())
    assert accepted.of_key(KEY) is not None

    await accepted.forget_others(())
    assert accepted.of_key(KEY) is None
    accepted.close()
