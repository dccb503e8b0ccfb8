"""Long files are read while the event loop goes on; short ones at once."""

import asyncio
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import pytest

from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.serve.reading import AT_ONCE, off_the_loop, read_ahead

PATH = Path("mesh.yaml")
SERVICE = b"apiVersion: v1\nkind: Service\nmetadata: {name: a%d}\nspec: {ports: [{port: 80}]}\n"
MANY = b"---\n".join(SERVICE % number for number in range(1_000))
ONE = b"kind: List\napiVersion: v1\nitems:\n" + b"".join(
    b"- apiVersion: v1\n  kind: Service\n  metadata: {name: a%d}\n  spec: {ports: [{port: 80}]}\n"
    % number
    for number in range(1_000)
)
SEPARATORS = b"---\n" * 1_000_000


def an_engine() -> Engine:
    return Engine(MeshConfig(), now=datetime(2024, 1, 1, tzinfo=UTC))


async def test_the_loop_turns_while_much_is_read() -> None:
    turned = threading.Event()
    asyncio.get_running_loop().call_soon(turned.set)

    assert await off_the_loop(lambda: turned.wait(10), size=AT_ONCE + 1)


@pytest.mark.parametrize("text", [MANY, ONE])
async def test_a_long_file_is_read_ahead(text: bytes) -> None:
    (ahead,) = await read_ahead(an_engine().readings([(PATH, text)]))

    assert len(ahead.content.objects) == 1_000


def test_of_a_million_separators_few_are_looked_at() -> None:
    calls = 0

    def counted(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        an_engine().apply([(PATH, SEPARATORS)])
    finally:
        sys.setprofile(None)

    assert calls < 200_000


async def test_a_short_file_is_not_read_ahead() -> None:
    assert await read_ahead(an_engine().readings([(PATH, SERVICE)])) == ()


async def test_what_was_read_ahead_is_what_the_edit_takes() -> None:
    engine = an_engine()
    changes = [(PATH, MANY)]
    ahead = await read_ahead(engine.readings(changes))

    edit = engine.apply_whole(changes, ahead=ahead)

    assert engine.contents() == (ahead[0].content,)
    assert engine.contents()[0] is ahead[0].content
    assert len(edit.put) == 1_000


async def test_what_was_read_ahead_of_another_edit_is_read_again() -> None:
    engine = an_engine()
    changes = [(PATH, MANY)]
    ahead = await read_ahead(engine.readings(changes))
    engine.apply([(PATH, SERVICE % 1)])

    engine.apply_whole(changes, ahead=ahead)

    assert engine.contents()[0] is not ahead[0].content
    assert engine.object_count == 1_000


async def test_what_did_not_change_is_the_same_document() -> None:
    engine = an_engine()
    engine.apply([(PATH, MANY)])
    before = engine.contents()[0].documents
    changes = [(PATH, MANY + b"# the last\n")]

    engine.apply_whole(changes, ahead=await read_ahead(engine.readings(changes)))

    after = engine.contents()[0].documents
    assert all(new is old for new, old in zip(after[:-1], before[:-1], strict=True))


def test_less_than_this_is_read_at_once() -> None:
    assert len(SERVICE) < AT_ONCE < min(len(MANY), len(ONE))
