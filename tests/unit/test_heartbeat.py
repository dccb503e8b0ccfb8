"""The event loop that does not turn, and what is said of it."""

import asyncio
import threading

import structlog

from controlplane.serve.heartbeat import Heartbeat, beating


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_block_is_logged_once_with_its_place_and_said_afterwards_for_five_minutes() -> None:
    clock = Clock()
    heartbeat = Heartbeat(clock)
    states = [heartbeat.state()]
    with structlog.testing.capture_logs() as lines:
        for clock.now in (104.9, 105.0, 106.0):
            heartbeat.look()
        clock.now = 107.0
        heartbeat.beat()
        for clock.now in (127.0, 408.0):
            states.append(heartbeat.state())

    assert [(line["event"], line.get("seconds", line.get("blocked"))) for line in lines] == [
        ("event_loop_blocked", 5.0),
        ("event_loop_turns_again", 7.0),
    ]
    assert "serve/heartbeat.py" in lines[0]["where"]
    assert states[0::2] == ["ok", "ok"]
    assert states[1].startswith("ok; nothing was served for 7 s until 20 s ago: ")


def test_a_loop_that_turns_is_not_mentioned() -> None:
    clock = Clock()
    heartbeat = Heartbeat(clock)
    with structlog.testing.capture_logs() as lines:
        for clock.now in (104.0, 108.0, 112.0):
            heartbeat.look()
            heartbeat.beat()

    assert (lines, heartbeat.state()) == ([], "ok")


async def test_it_beats_while_the_block_runs_and_leaves_no_thread() -> None:
    beats = 0

    def clock() -> float:
        nonlocal beats
        beats += 1
        return 0.0

    async with beating(Heartbeat(clock)):
        while beats < 2:
            await asyncio.sleep(0)

    for thread in threading.enumerate():
        if thread.name == "heartbeat":
            await asyncio.to_thread(thread.join, 5)
    assert "heartbeat" not in [thread.name for thread in threading.enumerate()]


def test_outside_of_the_package_any_function_is_named() -> None:
    clock = Clock()
    blocked, left = threading.Event(), threading.Event()
    found: list[Heartbeat] = []

    def loop_that_blocks() -> None:
        found.append(Heartbeat(clock))
        blocked.set()
        left.wait(10)

    thread = threading.Thread(target=loop_that_blocks)
    thread.start()
    blocked.wait(10)
    clock.now = 110.0
    with structlog.testing.capture_logs() as lines:
        found[0].look()
    left.set()
    thread.join()

    assert "unit/test_heartbeat.py" in lines[0]["where"]
    assert "loop_that_blocks" in lines[0]["where"]
