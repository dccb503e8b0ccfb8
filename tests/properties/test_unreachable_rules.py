"""No request reaches a rule of which we say so: no false alarm, whatever is written."""

from pathlib import Path
from random import Random
from typing import Final

from hypothesis import HealthCheck, given, settings, strategies as st

from controlplane.base.diagnostics import Report
from controlplane.documents.content import file_objects
from controlplane.kinds.decode import decode
from tests.support.declared import Declared
from tests.support.properties import examples
from tests.support.simulator import Block, Rule, VirtualService, World
from tests.support.worlds import GATEWAYS, HOME, blocks, documents, some_requests, worlds

REQUESTS: Final = some_requests(Random(1), 600)
given_worlds = settings(
    max_examples=examples(60, in_gate=30), suppress_health_check=list(HealthCheck)
)


def reported(world: World) -> set[str]:
    """The rules (``namespace/name/index``) that are said to be reached by no request."""
    declared, report = Declared(documents(world)), Report()
    for raw in file_objects(Path("input.yaml"), documents(world)).objects:
        decode(raw, report)
    return {
        f"{note.place.object.namespace}/{note.place.object.name}/{note.place.path[2]}"
        for note in (*report, *declared.diagnostics())
        if note.code.id in ("CP0216", "CP0307") and len(note.place.path) == 3
    }


def reached(world: World) -> set[str]:
    answers = [answer for r in REQUESTS if (answer := world.answer(r)) is not None]
    return {rule for a in answers for rule in (a.rule, a.delegating) if rule is not None}


@given(st.lists(blocks, min_size=2, max_size=6))
@given_worlds
def test_within_a_virtual_service(asked: list[Block]) -> None:
    one = VirtualService(
        name="a",
        namespace="default",
        hosts=("a.example.com",),
        gateways=(f"{HOME}/gw",),
        rules=tuple(Rule(blocks=(block,)) for block in asked),
    )
    labels = (("istio", "ingressgateway"),)
    world = World(gateways=GATEWAYS, virtual_services=(one,), namespace=HOME, labels=labels)

    assert reported(world) & reached(world) == set()


@given(worlds)
@given_worlds
def test_across_those_that_merge_at_a_gateway(world: World) -> None:
    assert reported(world) & reached(world) == set()
