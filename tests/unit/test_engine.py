"""A bad edit costs its own object and nothing else, also after a restart."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controlplane.base.locations import SourceLocation
from controlplane.base.names import Namespace, ObjectKey
from controlplane.engine.engine import Engine
from controlplane.identity.authority import kept_authority
from controlplane.identity.certificates import server_credential
from controlplane.kinds.core.configuration import SECRET
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.sources.accepted import AcceptedObjects
from controlplane.sources.state import Area

NOW = datetime(2026, 11, 27, tzinfo=UTC)
FILE = Path("mesh/rules.yaml")
REVIEWS = ObjectKey(DESTINATION_RULE, Namespace("default"), "reviews")
RATINGS = ObjectKey(DESTINATION_RULE, Namespace("default"), "ratings")


def rule(name: str, balancer: str = "RANDOM") -> bytes:
    return f"""\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}}}
spec:
  host: {name}
  trafficPolicy: {{loadBalancer: {{simple: {balancer}}}}}
""".encode()


def both(first: bytes, second: bytes) -> bytes:
    return first + b"---\n" + second


def balancer(engine: Engine, key: ObjectKey) -> str | None:
    """The balancer of the DestinationRule that is in force."""
    found = engine.object(key)
    return None if found is None else found.spec.traffic_policy.load_balancer.simple.value


def codes(engine: Engine) -> list[str]:
    engine.analyse()
    return sorted(d.code.id for d in engine.diagnostics() if d.code.id < "CP03")


@pytest.fixture
def engine() -> Engine:
    return Engine(MeshConfig(), now=NOW)


def test_an_edit_says_what_it_put_and_removed(engine: Engine) -> None:
    engine.apply([(FILE, both(rule("reviews"), rule("ratings")))])

    edit = engine.apply([(FILE, rule("reviews", "ROUND_ROBIN"))])

    assert edit.put == (REVIEWS,)
    assert edit.removed == (RATINGS,)
    assert balancer(engine, REVIEWS) == "ROUND_ROBIN"


def test_a_comment_changes_no_object(engine: Engine) -> None:
    engine.apply([(FILE, rule("reviews"))])

    edit = engine.apply([(FILE, b"# kept by the shop\n" + rule("reviews"))])

    assert not edit


def test_a_refused_object_keeps_its_last_accepted_version(engine: Engine) -> None:
    engine.apply([(FILE, both(rule("reviews"), rule("ratings")))])

    edit = engine.apply([(FILE, both(rule("reviews", "BEST"), rule("ratings", "ROUND_ROBIN")))])

    assert edit.refused == (REVIEWS,)
    assert edit.put == (RATINGS,)
    assert balancer(engine, REVIEWS) == "RANDOM"
    assert balancer(engine, RATINGS) == "ROUND_ROBIN"
    assert codes(engine) == ["CP0213"]


def test_an_object_whose_kind_is_misspelled_keeps_its_last_accepted_version(
    engine: Engine,
) -> None:
    engine.apply([(FILE, rule("reviews"))])

    engine.apply([(FILE, rule("reviews").replace(b"kind: Dest", b"kind: Des"))])

    assert codes(engine) == ["CP0115"]
    assert balancer(engine, REVIEWS) == "RANDOM"


def test_an_object_without_a_separator_before_it_changes_nothing(engine: Engine) -> None:
    engine.apply([(FILE, both(rule("reviews"), rule("ratings")))])

    engine.apply([(FILE, rule("reviews") + rule("ratings"))])

    assert codes(engine) == ["CP0102"]
    assert balancer(engine, REVIEWS) == "RANDOM"
    assert balancer(engine, RATINGS) == "RANDOM"


def test_a_refused_object_that_is_mended_is_in_force_again(engine: Engine) -> None:
    engine.apply([(FILE, rule("reviews"))])
    engine.apply([(FILE, rule("reviews", "BEST"))])

    engine.apply([(FILE, rule("reviews", "ROUND_ROBIN"))])

    assert balancer(engine, REVIEWS) == "ROUND_ROBIN"
    assert codes(engine) == []


def test_a_refused_object_that_is_deleted_is_gone(engine: Engine) -> None:
    engine.apply([(FILE, rule("reviews"))])
    engine.apply([(FILE, rule("reviews", "BEST"))])

    edit = engine.apply([(FILE, None)])

    assert edit.removed == (REVIEWS,)
    assert engine.object(REVIEWS) is None


def test_a_half_written_file_keeps_what_it_declared(engine: Engine) -> None:
    engine.apply([(FILE, both(rule("reviews"), rule("ratings")))])

    edit = engine.apply([(FILE, both(rule("reviews"), b"apiVersion: [networking"))])

    assert not edit
    assert balancer(engine, RATINGS) == "RANDOM"
    assert codes(engine) == ["CP0101"]


def test_what_a_half_written_file_kept_goes_when_it_is_whole_and_does_not_say_it(
    engine: Engine,
) -> None:
    engine.apply([(FILE, both(rule("reviews"), rule("ratings")))])
    engine.apply([(FILE, both(rule("reviews"), b"apiVersion: [networking"))])

    edit = engine.apply([(FILE, rule("reviews"))])

    assert edit.removed == (RATINGS,)


def test_of_two_declarations_the_first_by_path_is_used_and_both_places_are_named(
    engine: Engine,
) -> None:
    later, earlier = Path("mesh/b.yaml"), Path("mesh/a.yaml")
    engine.apply([(later, rule("reviews", "RANDOM"))])
    engine.apply([(earlier, b"\n" + rule("reviews", "ROUND_ROBIN"))])

    assert balancer(engine, REVIEWS) == "ROUND_ROBIN"
    reported = [d for d in engine.diagnostics() if d.code.id == "CP0109"]
    assert [str(engine.location(d.place).path) for d in reported] == ["mesh/b.yaml"]
    assert [str(engine.location(d.related[0].place).path) for d in reported] == ["mesh/a.yaml"]

    engine.apply([(earlier, None)])

    assert balancer(engine, REVIEWS) == "RANDOM"
    assert codes(engine) == []


def started(tmp_path: Path) -> tuple[Engine, AcceptedObjects]:
    accepted = AcceptedObjects(tmp_path / "accepted.db")
    return Engine(MeshConfig(), now=NOW, accepted=accepted), accepted


def test_faults_of_a_declaration_that_does_not_count_are_shown_at_its_own_lines(
    engine: Engine,
) -> None:
    later, twice = Path("mesh/second.yaml"), Path("mesh/third.yaml")
    engine.apply(
        [
            (FILE, rule("reviews")),
            (later, b"# a copy\n" + rule("reviews", "BEST")),
            (twice, rule("reviews") + b"  host: again\n"),
        ]
    )

    locations = {d.code.id: engine.location(d.place) for d in engine.diagnostics()}

    assert locations["CP0213"] == SourceLocation(later, 7, 42, 4)
    assert locations["CP0102"] == SourceLocation(twice, 7, 3, 4)
    assert balancer(engine, REVIEWS) == "RANDOM"


def test_a_refused_object_keeps_its_last_accepted_version_over_a_restart(tmp_path: Path) -> None:
    engine, accepted = started(tmp_path)
    engine.apply([(FILE, rule("reviews", "ROUND_ROBIN"))])
    engine.apply([(FILE, rule("reviews", "BEST"))])
    accepted.close()

    engine, accepted = started(tmp_path)
    engine.apply([(FILE, rule("reviews", "BEST"))])

    assert balancer(engine, REVIEWS) == "ROUND_ROBIN"
    assert codes(engine) == ["CP0213"]
    accepted.close()


def test_a_file_that_does_not_parse_keeps_its_objects_over_a_restart(tmp_path: Path) -> None:
    engine, accepted = started(tmp_path)
    engine.apply([(FILE, both(rule("reviews"), rule("ratings")))])
    accepted.close()

    engine, accepted = started(tmp_path)
    engine.apply([(FILE, both(rule("reviews", "ROUND_ROBIN"), b"apiVersion: [networking"))])

    assert balancer(engine, REVIEWS) == "ROUND_ROBIN"
    assert balancer(engine, RATINGS) == "RANDOM"
    accepted.close()


def test_an_object_that_moved_to_a_file_is_kept_when_that_breaks_over_a_restart(
    tmp_path: Path,
) -> None:
    other = Path("mesh/other.yaml")
    engine, accepted = started(tmp_path)
    engine.apply([(other, rule("reviews"))])
    engine.apply([(other, None), (FILE, rule("reviews"))])
    accepted.close()

    engine, accepted = started(tmp_path)
    engine.apply([(FILE, b"apiVersion: [networking")])

    assert balancer(engine, REVIEWS) == "RANDOM"
    accepted.close()


def test_an_object_that_was_deleted_while_nothing_ran_does_not_come_back(tmp_path: Path) -> None:
    engine, accepted = started(tmp_path)
    engine.apply([(FILE, both(rule("reviews"), rule("ratings")))])
    accepted.close()

    engine, accepted = started(tmp_path)
    engine.apply([(FILE, rule("reviews"))])

    assert engine.object(RATINGS) is None
    accepted.close()


def secret(folder: Path, *, life: timedelta = timedelta(days=90), mend: bool = True) -> bytes:
    authority = kept_authority(Area(folder / "authority"), NOW)
    made = server_credential(authority, ("shop.example.com",), NOW, life)
    key = made.key if mend else server_credential(authority, ("other",), NOW, life).key
    chain_text, key_text = (text.decode().replace("\n", "\n    ") for text in (made.chain, key))
    return f"""\
apiVersion: v1
kind: Secret
metadata: {{name: shop, namespace: istio-system}}
stringData:
  tls.crt: |
    {chain_text}
  tls.key: |
    {key_text}
""".encode()


def test_a_broken_certificate_never_replaces_a_working_one(tmp_path: Path) -> None:
    key = ObjectKey(SECRET, Namespace("istio-system"), "shop")
    engine, accepted = started(tmp_path)
    engine.apply([(FILE, secret(tmp_path))])
    good = engine.object(key)

    edit = engine.apply([(FILE, secret(tmp_path, mend=False))])

    assert not edit
    assert engine.object(key) == good
    accepted.close()

    engine, accepted = started(tmp_path)
    engine.apply([(FILE, secret(tmp_path, mend=False))])

    assert engine.object(key) == good
    accepted.close()


def test_the_memory_of_accepted_objects_is_for_its_owner_alone(tmp_path: Path) -> None:
    _, accepted = started(tmp_path)

    assert (tmp_path / "accepted.db").stat().st_mode & 0o077 == 0
    accepted.close()


async def test_what_was_deleted_while_nothing_ran_is_forgotten(tmp_path: Path) -> None:
    engine, accepted = started(tmp_path)
    engine.apply([(FILE, rule("reviews"))])
    await accepted.keep(engine.accepted)

    await accepted.forget_others(engine.claimed())
    assert accepted.of_key(REVIEWS) is not None

    await accepted.forget_others(())
    assert accepted.of_key(REVIEWS) is None
    accepted.close()
