"""A change of roots goes in steps, each of which can be undone."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given, settings, strategies as st

from controlplane.base.errors import KeyLost
from controlplane.identity.authority import Authority
from controlplane.identity.chains import path_to_root
from controlplane.identity.mesh_authority import kept_mesh_authority, replace_by_new_root
from controlplane.identity.rotation import (
    Proxies,
    Rotation,
    Step,
    aborted,
    advanced,
    is_direct,
    steady,
    wanted,
)
from controlplane.identity.rotation_file import kept_rotation, rotation_bytes
from controlplane.sources.state import Area, StateDirectory
from tests.support.properties import examples

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LIFE = timedelta(hours=24)
MINUTE = timedelta(minutes=1)
NOBODY = Proxies(connected=frozenset(), lacking=frozenset())


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> Area:
    return StateDirectory.opened(tmp_path_factory.mktemp("rotation") / "state").authority


@pytest.fixture(scope="module")
def first(area: Area) -> Authority:
    return kept_mesh_authority(area, NOW)


@pytest.fixture(scope="module")
def second(area: Area, first: Authority) -> Authority:
    return replace_by_new_root(area, NOW)


@pytest.fixture(scope="module")
def third(area: Area, second: Authority) -> Authority:
    return replace_by_new_root(area, NOW)


def connected(*names: str, lacking: tuple[str, ...] = (), away: tuple[str, ...] = ()) -> Proxies:
    return Proxies(connected=frozenset(names), lacking=frozenset(lacking), away=frozenset(away))


def shown(rotation: Rotation, *authorities: Authority) -> tuple[str, str, str]:
    """The step, which of ``authorities`` signs, and whose roots are trusted, as 1, 2, 3."""
    signer = [i for i, a in enumerate(authorities, 1) if a == rotation.signer]
    roots = [i for i, a in enumerate(authorities, 1) if set(a.roots) <= set(rotation.trusted.roots)]
    return rotation.step.value, "".join(map(str, signer)), "".join(map(str, roots))


def test_a_rotation_goes_in_three_steps(first: Authority, second: Authority) -> None:
    rotation = steady(first, NOW)
    assert shown(rotation, first, second) == ("steady", "1", "1")

    rotation = wanted(rotation, second, connected("a"), NOW, LIFE)
    assert shown(rotation, first, second) == ("announced", "1", "12")

    rotation = advanced(rotation, connected("a"), NOW + MINUTE, LIFE)
    assert shown(rotation, first, second) == ("switched", "2", "12")

    rotation = advanced(rotation, connected("a"), NOW + MINUTE + LIFE, LIFE)
    assert shown(rotation, first, second) == ("steady", "2", "2")
    assert rotation.coming is None


def test_roots_are_announced_for_a_minute_at_least(first: Authority, second: Authority) -> None:
    rotation = wanted(steady(first, NOW), second, NOBODY, NOW, LIFE)

    soon = advanced(rotation, NOBODY, NOW + MINUTE - timedelta(seconds=1), LIFE)

    assert soon.step is Step.ANNOUNCED


def test_nobody_signs_anew_before_every_connected_proxy_has_the_roots(
    first: Authority, second: Authority
) -> None:
    rotation = wanted(steady(first, NOW), second, connected("a", "b"), NOW, LIFE)

    waiting = advanced(rotation, connected("a", "b", lacking=("b",)), NOW + 3 * LIFE, LIFE)
    assert (waiting.step, waiting.waits_for) == (Step.ANNOUNCED, frozenset({"b"}))

    assert advanced(waiting, connected("a", "b"), NOW + 3 * LIFE, LIFE).step is Step.SWITCHED


def test_a_proxy_that_is_away_is_waited_for_until_its_leaf_is_over(
    first: Authority, second: Authority
) -> None:
    rotation = wanted(steady(first, NOW), second, connected("a", away=("b",)), NOW, LIFE)

    waiting = advanced(rotation, connected("a"), NOW + MINUTE, LIFE)
    assert waiting.waits_for == frozenset({"b"})
    assert advanced(waiting, connected("a"), NOW + LIFE - MINUTE, LIFE).step is Step.ANNOUNCED
    assert advanced(waiting, connected("a"), NOW + LIFE, LIFE).step is Step.SWITCHED
    assert advanced(waiting, connected("a", "b"), NOW + MINUTE, LIFE).step is Step.SWITCHED


def test_a_proxy_that_leaves_before_it_has_the_roots_is_waited_for(
    first: Authority, second: Authority
) -> None:
    rotation = wanted(steady(first, NOW), second, connected("a"), NOW, LIFE)
    rotation = advanced(rotation, connected("a", "b", lacking=("a", "b")), NOW, LIFE)

    rotation = advanced(rotation, connected("a"), NOW + MINUTE, LIFE)

    assert (rotation.step, rotation.waits_for) == (Step.ANNOUNCED, frozenset({"b"}))


def test_the_old_root_goes_when_its_last_leaf_is_over_and_all_have_new_ones(
    first: Authority, second: Authority
) -> None:
    rotation = wanted(steady(first, NOW), second, NOBODY, NOW, LIFE)
    rotation = advanced(rotation, NOBODY, NOW + MINUTE, LIFE)
    end = NOW + MINUTE + LIFE

    assert advanced(rotation, connected("a"), end - MINUTE, LIFE).step is Step.SWITCHED
    late = advanced(rotation, connected("a", lacking=("a",)), end, LIFE)
    assert (late.step, late.waits_for) == (Step.SWITCHED, frozenset({"a"}))
    assert advanced(late, connected("a"), end, LIFE).step is Step.STEADY


def test_what_is_announced_can_be_taken_back(first: Authority, second: Authority) -> None:
    rotation = wanted(steady(first, NOW), second, connected("a"), NOW, LIFE)

    rotation = aborted(rotation, NOW, LIFE)

    assert shown(rotation, first, second) == ("steady", "1", "1")
    assert wanted(rotation, second, NOBODY, NOW, LIFE) == rotation, "it does not come by itself"


def test_what_has_switched_goes_back_as_it_came(first: Authority, second: Authority) -> None:
    rotation = wanted(steady(first, NOW), second, NOBODY, NOW, LIFE)
    rotation = advanced(rotation, NOBODY, NOW + MINUTE, LIFE)

    rotation = aborted(rotation, NOW + MINUTE, LIFE)
    assert shown(rotation, first, second) == ("switched", "1", "12")
    rotation = wanted(rotation, first, NOBODY, NOW + MINUTE, LIFE)
    assert shown(rotation, first, second) == ("switched", "1", "12")

    rotation = advanced(rotation, NOBODY, NOW + MINUTE + LIFE, LIFE)
    assert shown(rotation, first, second) == ("steady", "1", "1")


def test_the_secret_that_comes_back_takes_the_rotation_back(
    first: Authority, second: Authority
) -> None:
    rotation = wanted(steady(first, NOW), second, NOBODY, NOW, LIFE)
    assert shown(wanted(rotation, first, NOBODY, NOW, LIFE), first) == ("steady", "1", "1")

    rotation = advanced(rotation, NOBODY, NOW + MINUTE, LIFE)
    back = wanted(rotation, first, NOBODY, NOW + MINUTE, LIFE)
    assert shown(back, first, second) == ("switched", "1", "12")


def test_a_third_authority_waits_for_the_second(
    first: Authority, second: Authority, third: Authority
) -> None:
    rotation = wanted(steady(first, NOW), second, NOBODY, NOW, LIFE)
    announced = wanted(rotation, third, NOBODY, NOW, LIFE)
    assert shown(announced, first, second, third) == ("announced", "1", "13")

    rotation = advanced(rotation, NOBODY, NOW + MINUTE, LIFE)
    waiting = wanted(rotation, third, NOBODY, NOW + MINUTE, LIFE)
    assert shown(waiting, first, second, third) == ("switched", "2", "12")
    done = advanced(waiting, NOBODY, NOW + MINUTE + LIFE, LIFE)
    assert shown(wanted(done, third, NOBODY, NOW, LIFE), second, third) == ("announced", "1", "12")


def test_another_intermediate_of_the_same_root_signs_at_once(
    tmp_path: Path,
) -> None:
    area = StateDirectory.opened(tmp_path / "state").authority
    before = kept_mesh_authority(area, NOW)
    area.remove("ca.mesh.pem")
    after = kept_mesh_authority(area, NOW)

    assert before.certificate != after.certificate
    rotation = wanted(steady(before, NOW), after, NOBODY, NOW, LIFE)
    assert shown(rotation, before, after) == ("steady", "2", "12")


def with_roots(authority: Authority, *others: Authority) -> Authority:
    roots = (*authority.roots, *(root for other in others for root in other.roots))
    return Authority(
        certificate=authority.certificate, key=authority.key, chain=authority.chain, roots=roots
    )


def test_only_roots_that_are_trusted_may_sign_at_once(first: Authority, second: Authority) -> None:
    assert is_direct(first, with_roots(first, second)), "a root comes, and does not sign"
    assert not is_direct(first, with_roots(second, first)), "a root comes, and signs"
    assert is_direct(with_roots(first, second), with_roots(second, first)), "all trust both"
    assert not is_direct(with_roots(first, second), first), "a root goes"


def test_revocation_lists_are_sent_only_where_all_roots_have_some(
    first: Authority, second: Authority
) -> None:
    listed = Authority(
        certificate=first.certificate,
        key=first.key,
        chain=first.chain,
        roots=first.roots,
        revoked=b"list",
    )
    rotation = wanted(steady(listed, NOW), second, NOBODY, NOW, LIFE)

    assert steady(listed, NOW).trusted.revoked == b"list"
    assert rotation.trusted.revoked == b""


@pytest.mark.parametrize("step", list(Step))
def test_where_it_stands_outlives_a_restart(
    tmp_path: Path, first: Authority, second: Authority, step: Step
) -> None:
    area = StateDirectory.opened(tmp_path / "state").authority
    rotation = Rotation(
        step=step,
        current=first,
        coming=None if step is Step.STEADY else second,
        since=NOW,
        until=NOW + LIFE,
        waits_for=frozenset({"shop/a 10.0.0.1"}),
        declined=(b"\x01",),
    )
    area.replace("rotation.json", rotation_bytes(rotation))

    kept = kept_rotation(area)

    assert kept == rotation
    assert kept.signer.key.private_numbers() == rotation.signer.key.private_numbers()  # type: ignore[union-attr] # of the same kind
    assert "PRIVATE" not in repr(kept)


@pytest.mark.parametrize("content", [b"", b"{}", b"not JSON", b'{"step": "steady"}'])
def test_a_file_that_cannot_be_read_is_lost(tmp_path: Path, content: bytes) -> None:
    area = StateDirectory.opened(tmp_path / "state").authority
    area.replace("rotation.json", content)

    with pytest.raises(KeyLost, match=r"rotation.json cannot be read"):
        kept_rotation(area)


# A law: whatever happens in whatever order, no two proxies ever refuse each other.


@dataclass
class World:
    """Proxies with the roots and the leaf that each has, which may be older than what is sent."""

    rotation: Rotation
    now: datetime = NOW
    roots: dict[str, tuple[x509.Certificate, ...]] = field(default_factory=dict)
    leaves: dict[str, tuple[Authority, datetime]] = field(default_factory=dict)
    connected: set[str] = field(default_factory=set)

    def deliver(self, name: str) -> None:
        self.roots[name] = self.rotation.trusted.roots
        self.renew(name)

    def renew(self, name: str) -> None:
        self.leaves[name] = (self.rotation.signer, self.now + LIFE)

    def proxies(self) -> Proxies:
        lacking = {
            name
            for name in self.connected
            if self.roots[name] != self.rotation.trusted.roots
            or self.leaves[name][0] != self.rotation.signer
        }
        away = {
            name
            for name, (_, end) in self.leaves.items()
            if name not in self.connected and end > self.now
        }
        return Proxies(connected=frozenset(self.connected), lacking=lacking, away=away)

    def happens(self, event: str, number: int, authorities: tuple[Authority, ...]) -> None:
        name = f"p{number}"
        match event:
            case "want":
                desired, proxies = authorities[number], self.proxies()
                self.rotation = wanted(self.rotation, desired, proxies, self.now, LIFE)
            case "abort":
                self.rotation = aborted(self.rotation, self.now, LIFE)
            case "connect":
                self.connected.add(name)
                self.deliver(name)
            case "leave":
                self.connected.discard(name)
            case "deliver" if name in self.connected:
                self.deliver(name)
            case "deliver to all":
                for each in self.connected:
                    self.deliver(each)
            case "tick":
                self.now += timedelta(minutes=number)
                for each in self.connected:  # a leaf is renewed long before it is over
                    if self.leaves[each][1] <= self.now + LIFE / 2:
                        self.renew(each)
                self.rotation = advanced(self.rotation, self.proxies(), self.now, LIFE)

    def refusals(self) -> list[str]:
        """Who refuses whom, of those whose leaf is not over."""
        alive = {name: leaf for name, leaf in self.leaves.items() if leaf[1] > self.now}
        return [
            f"{one} refuses {other}"
            for one in alive
            for other, (signer, _) in alive.items()
            if not path_to_root(signer.certificate, signer.chain, self.roots[one])
        ]


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("want"), st.integers(0, 2)),
        st.tuples(st.sampled_from(["abort", "want"]), st.just(1)),
        st.tuples(st.sampled_from(["connect", "leave"]), st.integers(0, 2)),
        st.tuples(st.just("deliver"), st.integers(0, 2)),
        st.tuples(st.just("deliver to all"), st.just(0)),
        st.tuples(st.just("tick"), st.sampled_from([0, 1, 2, 700, 1441])),
        st.tuples(st.just("tick"), st.sampled_from([2, 1441])),
    ),
    min_size=8,
    max_size=30,
)


@settings(max_examples=examples(300, in_gate=150))
@given(EVENTS)
def test_no_two_proxies_ever_refuse_each_other(
    first: Authority, second: Authority, third: Authority, events: list[tuple[str, int]]
) -> None:
    world = World(steady(first, NOW))
    for name in ("p0", "p1", "p2"):
        world.connected.add(name)
        world.deliver(name)
    for event, number in events:
        world.happens(event, number, (first, second, third))
        assert world.refusals() == []
