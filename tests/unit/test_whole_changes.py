"""A change that comes in pieces: what makes things worse waits for its counterpart."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.engine.edit import Edit
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from tests.support.changing_mesh import gateway, http_route, route, rule
from tests.support.memory import Memory

NOW = datetime(2026, 1, 1, tzinfo=UTC)

SERVICE = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: NAME, namespace: default}
spec:
  hosts: [NAME.example]
  ports: [{number: PORT, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints:
  - {address: 127.0.0.1, ports: {http: 9001}, labels: {version: v1}}
"""


def service(name: str = "rev", port: int = 80) -> str:
    return SERVICE.replace("NAME", name).replace("PORT", str(port))


def engine_with(**files: str) -> Engine:
    """An engine that has loaded files and looked at what leads nowhere in them."""
    engine = Engine(MeshConfig(), now=NOW)
    engine.apply([(_path(name), text) for name, text in files.items()])
    while engine.analyse():
        pass
    return engine


def edited(engine: Engine, **files: str | None) -> Edit:
    return engine.apply_whole([(_path(name), text) for name, text in files.items()])


def _path(name: str) -> Path:
    return Path(f"{name}.yaml")


def names(keys: tuple[object, ...]) -> list[str]:
    return [str(key).replace("/default/", " ").replace("/istio-system/", " ") for key in keys]


def test_a_rule_whose_subset_is_renamed_waits_for_the_route_that_uses_it() -> None:
    engine = engine_with(g=gateway(), s=service(), d=rule("blue"), v=route("blue"))

    first = edited(engine, d=rule("green"))
    second = edited(engine, v=route("green"))

    assert (first.put, names(first.waiting)) == ((), ["DestinationRule rev"])
    assert names(second.put) == ["DestinationRule rev", "VirtualService rev"]
    assert second.waiting == ()


def test_what_the_first_load_brought_is_known_before_anything_was_analysed() -> None:
    engine = Engine(MeshConfig(), now=NOW)
    engine.apply([(_path("all"), "---".join((gateway(), service(), rule("blue"), route("blue"))))])

    edit = edited(engine, all="---".join((gateway(), service(), rule("green"), route("blue"))))

    assert (edit.put, names(edit.waiting)) == ((), ["DestinationRule rev"])


def test_a_route_to_a_subset_that_is_not_there_yet_waits_for_it() -> None:
    engine = engine_with(g=gateway(), s=service(), d=rule("blue"), v=route("blue"))

    first = edited(engine, v=route("green"))
    second = edited(engine, d=rule("green"))

    assert (first.put, names(first.waiting)) == ((), ["VirtualService rev"])
    assert names(second.put) == ["VirtualService rev", "DestinationRule rev"]


def test_what_makes_nothing_worse_goes_at_once_beside_what_waits() -> None:
    engine = engine_with(g=gateway(), s=service(), d=rule("blue"), v=route("blue"))

    edit = edited(engine, d=rule("green"), n=service("new"))

    assert names(edit.put) == ["ServiceEntry new"]
    assert names(edit.waiting) == ["DestinationRule rev"]


def test_a_harmless_change_of_what_is_worse_off_does_not_wait() -> None:
    engine = engine_with(g=gateway(), s=service(), d=rule("blue"), v=route("blue"))

    edit = edited(engine, d=rule("green"), v=route("blue").replace("[rev.example]", "['*']"))

    assert names(edit.put) == ["VirtualService rev"]
    assert names(edit.waiting) == ["DestinationRule rev"]


@pytest.mark.parametrize(
    ("before", "first", "second"),
    [
        pytest.param(
            {"s": service("rev"), "v": route()},
            {"s": service("new")},
            {"v": route(to="new")},
            id="a service is renamed before the route",
        ),
        pytest.param(
            {"s": service("rev"), "v": route()},
            {"v": route(to="new")},
            {"s": service("new")},
            id="a route before the service",
        ),
        pytest.param(
            {"g": gateway("gw"), "s": service(), "v": route()},
            {"g": gateway("other")},
            {"v": route(at="other")},
            id="a Gateway is renamed before the route",
        ),
        pytest.param(
            {"g": gateway("gw"), "s": service(), "v": route()},
            {"g": gateway(host="other.example")},
            {"v": route().replace("[rev.example]", "[other.example]")},
            id="a server's host is renamed before the route",
        ),
        pytest.param(
            {"s": service(), "d": rule("blue"), "v": route("blue")},
            {"s": service().replace("version: v1", "version: v2")},
            {"d": rule("blue", "v2")},
            id="endpoints get other labels before the subset",
        ),
        pytest.param(
            {"s": service(), "v": route()},
            {"s": None},
            {"t": service()},
            id="a service moves to another file",
        ),
        pytest.param(
            {"s": service(), "v": route()},
            {"v": None},
            {"w": route()},
            id="a route moves to another file",
        ),
    ],
)
def test_a_change_over_two_files_is_in_force_as_a_whole_or_not_at_all(
    before: dict[str, str], first: dict[str, str | None], second: dict[str, str | None]
) -> None:
    engine = engine_with(**({"g": gateway()} | before))
    objects = [str(o) for o in engine.accepted()]

    half = edited(engine, **first)
    in_between = engine.waiting
    whole = edited(engine, **second)

    assert half.waiting
    assert in_between == half.waiting
    assert whole.waiting == ()
    assert objects


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute"])
@pytest.mark.parametrize("renamed", [service("new"), service(port=81), None])
def test_a_backend_of_a_route_waits_to_go_until_the_route_leads_elsewhere(
    kind: str, renamed: str | None
) -> None:
    engine = engine_with(s=service(), r=http_route(kind=kind))
    known = ["ServiceEntry rev"]

    first = edited(engine, s=renamed)
    second = edited(engine, r=None)

    assert names(first.waiting) == known
    assert second.waiting == ()


def test_a_route_waits_for_the_backend_that_it_is_to_lead_to() -> None:
    engine = engine_with(s=service(), r=http_route())

    first = edited(engine, r=http_route("new"))
    second = edited(engine, n=service("new"))

    assert (first.put, names(first.waiting)) == ((), ["HTTPRoute rev"])
    assert names(second.put) == ["HTTPRoute rev", "ServiceEntry new"]


def test_what_waits_is_let_go_when_nothing_comes() -> None:
    engine = engine_with(g=gateway(), s=service(), d=rule("blue"), v=route("blue"))
    edited(engine, d=rule("green"))

    edit = engine.let_go()

    assert names(edit.put) == ["DestinationRule rev"]
    assert engine.waiting == ()


def test_an_edit_right_after_a_wait_that_ended_in_vain_waits_for_nothing() -> None:
    engine = engine_with(g=gateway(), s=service(), d=rule("blue"), v=route("blue"))
    edited(engine, d=rule("green"))
    engine.let_go()

    edit = edited(engine, n=service("new"))

    assert names(edit.put) == ["ServiceEntry new"]
    assert edit.waiting == ()


def test_what_heals_unnoticed_is_held_when_it_would_break_again() -> None:
    engine = engine_with(g=gateway(), s=service(), d=rule("green"), v=route("blue"))
    engine.apply([(Path("d.yaml"), rule("blue"))])

    edit = edited(engine, d=rule("green"))

    assert names(edit.waiting) == ["DestinationRule rev"]


def test_of_many_objects_only_what_makes_things_worse_waits() -> None:
    engine = engine_with(g=gateway(), s=service(), v=route())
    others = {f"n{number}": service(f"new-{number}") for number in range(20)}

    edit = edited(engine, s=None, **others)

    assert len(edit.put) == 20
    assert names(edit.waiting) == ["ServiceEntry rev"]


def test_an_object_that_nothing_uses_is_removed_at_once() -> None:
    engine = engine_with(g=gateway(), s=service(), v=route(), n=service("new"))

    edit = edited(engine, n=None)

    assert names(edit.removed) == ["ServiceEntry new"]
    assert edit.waiting == ()


def test_a_reference_that_led_nowhere_before_makes_nothing_worse() -> None:
    engine = engine_with(g=gateway(), s=service(), d=rule("blue"), v=route("red"))

    edit = edited(engine, d=rule("green"))

    assert names(edit.put) == ["DestinationRule rev"]


def test_a_file_with_a_refused_part_waits_as_a_whole_until_it_is_right() -> None:
    def file(subset: str, timeout: str) -> str:
        text = route(subset).replace("- route", f"- timeout: {timeout}\n    route")
        return f"{rule(subset)}---{text}"

    engine = engine_with(g=gateway(), s=service(), m=file("blue", "3s"))

    broken = edited(engine, m=file("green", "3 seconds"))
    reported = {diagnostic.code.id for diagnostic in engine.diagnostics()}
    after_a_while = engine.let_go()
    mended = edited(engine, m=file("green", "4s"))

    assert names(broken.waiting) == ["DestinationRule rev"]
    assert reported == {"CP0111", "CP0206"}
    assert engine.waiting == ()
    assert after_a_while.put == ()
    assert "CP0111" not in {diagnostic.code.id for diagnostic in engine.diagnostics()}
    assert names(mended.put) == ["DestinationRule rev", "VirtualService rev"]


def test_a_new_route_that_would_take_requests_waits_for_its_service() -> None:
    engine = engine_with(g=gateway(), s=service(), v=route())
    late = route(to="new").replace("name: rev", "name: late")

    edit = edited(engine, w=late)

    assert names(edit.waiting) == ["VirtualService late"]


def test_nothing_is_reported_an_object_that_only_waits_to_go() -> None:
    engine = engine_with(g=gateway(), d=rule("blue"))
    edited(engine, d=None)

    assert names(engine.waiting) == ["DestinationRule rev"]
    assert engine.diagnostics() == []


def test_a_start_in_the_middle_of_a_change_serves_what_was_before_until_the_rest_comes() -> None:
    memory = Memory()
    before = {"gw": gateway(), "service": service(), "rule": rule("blue"), "route": route("blue")}
    started(memory, before)

    engine, edit = started(memory, before | {"route": route("green")})
    assert names(edit.waiting) == ["VirtualService rev"]
    assert served_subset(engine) == "blue"

    engine.apply_whole([(_path("rule"), rule("green"))])
    assert engine.waiting == ()
    assert served_subset(engine) == "green"


def started(memory: Memory, files: dict[str, str]) -> tuple[Engine, Edit]:
    engine = Engine(MeshConfig(), now=NOW, accepted=memory, guards_removals=True)
    return engine, engine.load([(_path(name), text) for name, text in files.items()])


def served_subset(engine: Engine) -> str | None:
    (found,) = engine.objects(VIRTUAL_SERVICE)
    return found.spec.http[0].route[0].destination.subset


def test_a_new_route_that_leads_nowhere_waits_at_a_start_as_after_an_edit() -> None:
    memory = Memory()
    wide = route().replace("[rev.example]", "['*.example']").replace("name: rev", "name: wide")
    before = {"gw": gateway(), "service": service(), "wide": wide}
    started(memory, before)

    engine, edit = started(memory, before | {"route": route(to="nowhere")})

    assert names(edit.waiting) == ["VirtualService rev"]
    assert "VirtualService rev" not in names(edit.put)
    assert "VirtualService wide" in names(edit.put)
    assert names(engine.let_go().put) == ["VirtualService rev"]
