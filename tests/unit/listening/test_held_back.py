"""A Secret that works is not replaced by one that does not."""

from datetime import UTC, datetime
from pathlib import Path

from controlplane.base.names import Namespace, ObjectKey
from controlplane.engine.engine import Engine
from controlplane.kinds.core.configuration import SECRET
from controlplane.kinds.istio.mesh_config import MeshConfig
from tests.support.pki import DAY, Authority, Leaf

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROOT = Authority(now=NOW)
FIRST, SECOND = ROOT.leaf("a.com"), ROOT.leaf("a.com")
OLD = ROOT.leaf("a.com", valid=(NOW - 9 * DAY, NOW - DAY))
KEY = ObjectKey(SECRET, Namespace("istio-system"), "c")
FILE = Path("secrets.yaml")


def engine_with(leaf: Leaf) -> Engine:
    engine = Engine(MeshConfig(), now=NOW)
    engine.apply([(FILE, leaf.secret("c"))])
    return engine


def reported(engine: Engine) -> list[tuple[str, str | None]]:
    return [(d.code.id, d.note) for d in engine.diagnostics()]


def test_a_key_of_another_certificate_leaves_the_version_before_in_force() -> None:
    engine = engine_with(FIRST)
    before = engine.object(KEY)

    engine.apply([(FILE, Leaf(SECOND.certificate, FIRST.key).secret("c"))])

    assert engine.object(KEY) is before
    assert reported(engine) == [("CP0404", "the previous version stays in force")]


def test_a_certificate_that_expired_leaves_the_version_before_in_force() -> None:
    engine = engine_with(FIRST)
    before = engine.object(KEY)

    engine.apply([(FILE, OLD.secret("c"))])

    assert engine.object(KEY) is before
    assert reported(engine) == [("CP0405", "the previous version stays in force")]


def test_the_next_version_that_works_takes_over_and_ends_the_complaint() -> None:
    engine = engine_with(FIRST)
    engine.apply([(FILE, OLD.secret("c"))])

    engine.apply([(FILE, SECOND.secret("c"))])

    assert engine.object(KEY) is not None
    assert engine.object(KEY) != engine_with(FIRST).object(KEY)
    assert reported(engine) == []


def test_a_secret_that_is_taken_away_is_gone() -> None:
    engine = engine_with(FIRST)
    engine.apply([(FILE, OLD.secret("c"))])

    engine.apply([(FILE, None)])

    assert engine.object(KEY) is None
    assert reported(engine) == []
