"""Compare our answers with the recorded ones of istiod, and the list of what still waits.

    python -m tests.support.oracle FOLDER WAITING [PREFIX…]

FOLDER holds the recordings and their ``replay.py``; WAITING has a line for each case that differs
as yet: ``area/case  reason``, or ``validation/FILE/OBJECT  reason`` for a verdict (``admission/…``
for those that the API server gives, and its defaults). The run fails
for a case that differs and is not listed, and for a listed one that does not differ any more.
A PREFIX (``traffic/``, ``validation/gateway/host``) limits it to the cases that begin so.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import yaml

from tests.support.oracle_answers import by_kind
from tests.support.oracle_defaults import defaulted
from tests.support.oracle_origins import untraced_cases
from tests.support.oracle_reports import otherwise_reported_cases

JOBS: Final = 2
TRIES: Final = 3
VERDICTS: Final = ("validation/*", "admission/*")
"""The files with verdicts of admission: of Istio's kinds, of the Gateway API's and of nulls."""


CHANNELS: Final = {"experimental": "CP0701", "standard": "CP0702"}
"""The warning that only one release channel of the Gateway API accepts an object."""


def waiting(file: Path) -> dict[str, str]:
    """Each listed case with its reason; ``SystemExit`` for a line without one."""
    listed: dict[str, str] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        case, _, reason = line.partition(" ")
        if not reason.strip():
            raise SystemExit(f"{file}:{number}: {case} has no reason")
        listed[case] = reason.strip()
    return listed


def replay_module(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("replay", folder / "replay.py")
    assert spec is not None, "a path that ends in .py has a loader"
    assert spec.loader is not None, "a path that ends in .py has a loader"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def settled(replay: ModuleType, case: Path) -> list[str]:
    """Where our answers differ each time that the case is tried.

    Counts of draws and rounded seconds differ by chance on a busy machine; a fault of ours does not
    go away.
    """
    found: list[str] = []
    for _ in range(TRIES):
        found = difference(replay, case)
        if not found:
            break
    return found


def difference(replay: ModuleType, case: Path) -> list[str]:
    """Where our answers to one case differ; empty where none does."""
    got = replay.isolated(case, None, [])
    if "failed" in got:
        return [f"failed: {got['failed']}"]
    want = yaml.safe_load((case / "answers.yaml").read_text(encoding="utf-8"))
    ignored = yaml.safe_load((case / "case.yaml").read_text(encoding="utf-8")).get("ignore", [])
    answers = by_kind(want["answers"]), by_kind(got["answers"])
    found = list(replay.differences(*answers, ""))
    if "status" in want and "status" in got:
        found += replay.differences(want["status"], got["status"], "status")
    if "rejected" in got:
        found.insert(0, f"Envoy rejected what it was sent: {got['rejected']}")
    return [place for place in found if not any(re.search(rule, place) for rule in ignored)]


def replayed(
    folder: Path, listed: Mapping[str, str], prefixes: tuple[str, ...]
) -> Iterator[tuple[str, list[str]]]:
    """Each case of ``folder`` with its differences, as they come in."""
    replay = replay_module(folder)
    cases = {
        name: file.parent
        for file in sorted(folder.rglob("case.yaml"))
        if (name := f"{file.parent.parent.name}/{file.parent.name}").startswith(prefixes)
    }
    with ThreadPoolExecutor(JOBS) as pool:
        tried = (
            pool.submit(difference if name in listed else settled, replay, case)
            for name, case in cases.items()
        )
        for name, future in zip(cases, list(tried), strict=True):
            yield name, future.result()


def verdicts(objects: Path) -> dict[str, list[dict[str, Any]]]:
    """What ``check`` says of each object of a file, by name; of most it says nothing."""
    command = [sys.executable, "-m", "controlplane", "check", str(objects), "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{objects.name}: check ended with {done.returncode}: {done.stderr}")
    said: dict[str, list[dict[str, Any]]] = {}
    for diagnostic in json.loads(done.stdout)["diagnostics"]:
        said.setdefault(str(diagnostic["object"]).rsplit("/", 1)[-1], []).append(diagnostic)
    return said


def disagreement(recorded: dict[str, Any], said: list[dict[str, Any]]) -> list[str]:
    """Where the verdict on one object differs from admission's, Istio's or the API server's, or
    the release channel of the Gateway API that alone accepts it.
    """
    refusals = [f"{one['code']} {one['message']}" for one in said if one["refused"]]
    if recorded["verdict"] == "refused":
        why = recorded.get("says", "")
        return [] if refusals else [f"admission refuses it, check accepts it: {why}"]
    if refusals:
        return [f"admission accepts it, check refuses it: {refusals[0]}"]
    only, found = recorded.get("only"), {one["code"] for one in said}
    channels = [channel for channel, code in CHANNELS.items() if code in found]
    if channels != ([only] if only else []):
        return [f"channels that alone accept it: recorded {only}, check names {channels}"]
    return []


def validated(folder: Path, prefixes: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """Each object with a recorded verdict, and the disagreement about it."""
    files = (file for files in VERDICTS for file in sorted(folder.glob(f"{files}.verdicts.yaml")))
    for file in files:
        area = file.name.removesuffix(".verdicts.yaml")
        recorded = {
            name: verdict
            for name, verdict in yaml.safe_load(file.read_text(encoding="utf-8")).items()
            if f"{file.parent.name}/{area}/{name}".startswith(prefixes)
        }
        ours = verdicts(file.with_name(f"{area}.yaml")) if recorded else {}
        for name, verdict in recorded.items():
            yield f"{file.parent.name}/{area}/{name}", disagreement(verdict, ours.get(name, []))


def compared(folder: Path, listed: dict[str, str], prefixes: tuple[str, ...]) -> int:
    """Print what differs and what the list does not know; return how many lines need a hand."""
    same, expected, wrong, seen = 0, 0, 0, set()
    verdicts_of_all = (validated(folder, prefixes), defaulted(folder, prefixes))
    for cases in (*verdicts_of_all, replayed(folder, listed, prefixes)):
        for case, found in cases:
            seen.add(case)
            if not found and case not in listed:
                same += 1
            elif found and case in listed:
                expected += 1
            elif found:
                wrong += 1
                say(f"DIFFERS {case}", *found)
            else:
                wrong += 1
                say(f"SAME {case}: remove it from the list ({listed[case]})")
    for case in sorted(set(listed) - seen):
        if case.startswith(prefixes):
            wrong += 1
            say(f"UNKNOWN {case}: the list names it, but nothing is recorded")
    say(f"{same} as istiod answers, {expected} known to differ, {wrong} to look at")
    return wrong


def without_origins(folder: Path, prefixes: tuple[str, ...]) -> int:
    """Print what is sent and leads to no line of the case; return how many cases need a hand."""
    broken = [(case, found) for case, found in untraced_cases(folder, prefixes) if found]
    for case, found in broken:
        say(f"WITHOUT ORIGIN {case}", *found)
    return len(broken)


def otherwise_reported(folder: Path, prefixes: tuple[str, ...]) -> int:
    """Print where ``check`` and a server report other things; return how many cases need a hand."""
    broken = [(case, found) for case, found in otherwise_reported_cases(folder, prefixes) if found]
    for case, found in broken:
        say(f"REPORTED OTHERWISE {case}", *found)
    return len(broken)


def say(headline: str, *details: str) -> None:
    sys.stdout.write("\n     ".join((headline, *details)) + "\n")
    sys.stdout.flush()


def main(folder: Path, list_of_waiting: Path, *prefixes: str) -> int:
    if not (folder / "replay.py").exists():
        say(f"oracle: {folder} is not there, nothing to compare with")
        return 0
    if os.geteuid() != 0:
        say("oracle: must run as root, each case runs in a network namespace of its own")
        return 1
    began = time.monotonic()
    wrong = without_origins(folder, prefixes or ("",))
    wrong += otherwise_reported(folder, prefixes or ("",))
    wrong += compared(folder, waiting(list_of_waiting), prefixes or ("",))
    say(f"took {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
