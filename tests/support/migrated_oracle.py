"""Replay recordings of istiod after their configuration was migrated to Gateway API.

    python -m tests.support.migrated_oracle FOLDER [PREFIX…]

FOLDER holds the recordings and their ``replay.py``; a PREFIX (``matching/``) limits it. Cases of
which nothing can be migrated are left out. Where no Service is in front of the gateway, one is
written, as a user would. The run fails for an answer that is neither the recorded one nor that of
before the migration.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml
from click.testing import CliRunner

from controlplane.cli.main import main as controlplane
from tests.support.oracle import difference, replay_module, settled

AREAS: Final = ("traffic", "matching", "actions", "destinations", "gateway-tls")
SERVICE: Final = "istio-system/ingressgateway"
INGRESS: Final = {"istio": "ingressgateway"}


def migrated_case(case: Path, folder: Path) -> Path | None:
    """A copy of ``case`` with its configuration migrated; ``None`` where nothing of it is."""
    config = (case / "config.yaml").read_text(encoding="utf-8")
    arguments = ["migrate", str(case / "config.yaml"), "--to", "gateway-api"]
    if not _has_service(config):
        arguments += ["--service", SERVICE]
    described = yaml.safe_load((case / "case.yaml").read_text(encoding="utf-8"))
    if "mesh" in described:
        mesh = folder / f"{case.name}.mesh.yaml"
        mesh.write_text(yaml.safe_dump(described["mesh"]), encoding="utf-8")
        arguments += ["--mesh-config", str(mesh)]
    done = CliRunner().invoke(controlplane, arguments)
    if "gateway.networking.k8s.io/v1\n" not in done.stdout:
        return None
    copy = folder / case.parent.name / case.name
    copy.mkdir(parents=True)
    for name in ("case.yaml", "answers.yaml"):
        shutil.copy(case / name, copy / name)
    (copy / "config.yaml").write_text(done.stdout, encoding="utf-8")
    return copy


def _has_service(config: str) -> bool:
    documents = (each for each in yaml.safe_load_all(config) if each)
    return any(
        each["kind"] == "Service" and each["spec"].get("selector") == INGRESS for each in documents
    )


def replayed(folder: Path, prefixes: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    replay = replay_module(folder)
    cases = [case for area in AREAS for case in sorted((folder / area).iterdir())]
    with tempfile.TemporaryDirectory() as copies:
        for case in cases:
            name = f"{case.parent.name}/{case.name}"
            if not name.startswith(prefixes or ("",)):
                continue
            copy = migrated_case(case, Path(copies))
            if copy is not None:
                found = settled(replay, copy)
                known = difference(replay, case) if found else []
                yield name, [place for place in found if place not in known or _is_no_answer(place)]


def _is_no_answer(place: str) -> bool:
    """Whether a case could not be tried at all, which is as wrong before the migration."""
    return place.startswith("failed:")


def main() -> None:
    folder, *prefixes = sys.argv[1:]
    count, failed = 0, []
    for name, found in replayed(Path(folder), tuple(prefixes)):
        count += 1
        print(name, *(found or ["as recorded"]), sep="\n    " if found else "  ", flush=True)
        failed += [name] * bool(found)
    print(f"{count} migrated cases, {len(failed)} answered otherwise")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
