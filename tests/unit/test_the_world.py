"""What the world does to ``controlplane serve`` is reported once, with what it costs, and costs
only that. Real processes, no Envoy.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.mesh import ControlPlane
from tests.support.process import Running

BAD = os.fsdecode(b"b\xffd")
"""A name that is not UTF-8."""


def good(name: str) -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        f"metadata:\n  name: {name}\nspec: {{host: {name}.example.com}}\n"
    )


def refused(name: str) -> str:
    return good(name).replace("}\n", ", trafficPolicy: {loadBalancer: {simple: BEST}}}\n")


def diagnostics(plane: ControlPlane) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(plane.admin("/api/v1/diagnostics").body)["diagnostics"]
    return found


def objects(plane: ControlPlane) -> dict[str, str]:
    """The rules in force, with the name of the file of each: that no service has their host is
    reported of no others.
    """
    found = (d for d in diagnostics(plane) if d["code"] == "CP0320")
    return {d["object"].rpartition("/")[2]: Path(d["path"]).name for d in found}


def events(plane: ControlPlane) -> list[str]:
    """What the log says of the memory and of files."""
    return re.findall(r"event=((?:accepted|config|watching)_\w+)", plane.log.read_text())


def holds(plane: ControlPlane, running: Running, **wanted: str) -> None:
    """Wait until exactly the ``wanted`` objects are in force, with the files of each."""
    running.eventually(f"{wanted} are in force", lambda: objects(plane) == wanted)


@contextmanager
def serving(plane: ControlPlane, *wrapper: str) -> Iterator[Running]:
    """Serve, and end with status 0 whatever happened."""
    with plane.running(*wrapper) as running:
        yield running
        assert running.terminate() == 0, running.last_words()


def test_names_that_are_not_utf8_are_followed_like_others(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path)
    (plane.config / f"{BAD}.yaml").write_text(good("a"))
    (plane.config / f"{BAD}.txt").write_text("")
    (tmp_path / BAD).write_text("in the folder above")

    with serving(plane) as running:
        holds(plane, running, a=r"b\xffd.yaml")
        (tmp_path / f"{BAD}2").write_text("in the folder above")
        (plane.config / f"{BAD}.yaml").write_text(good("b"))
        holds(plane, running, b=r"b\xffd.yaml")
        (plane.config / BAD).mkdir()
        (plane.config / BAD / "c.yaml").write_text(good("c"))
        holds(plane, running, b=r"b\xffd.yaml", c="c.yaml")
        (plane.config / BAD / "c.yaml").write_text(good("d"))
        holds(plane, running, b=r"b\xffd.yaml", d="c.yaml")

    with serving(plane) as running:  # what was accepted from it is kept, too
        (plane.config / f"{BAD}.yaml").write_text(refused("b"))
        (plane.config / BAD / "c.yaml").unlink()
        holds(plane, running, b=r"b\xffd.yaml")
    assert events(plane) == []


def test_a_name_that_is_not_utf8_beside_the_mesh_config_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / BAD).write_text("")
    mesh_config = tmp_path / "mesh" / f"{BAD}.yaml"
    mesh_config.write_text("connectTimeout: 1\n")
    plane = ControlPlane(tmp_path, "--mesh-config", str(mesh_config))
    with serving(plane) as running:
        paths = {d["path"] for d in diagnostics(plane)}
        assert paths == {str(tmp_path / "mesh" / r"b\xffd.yaml")}
        (tmp_path / "mesh" / f"{BAD}2").write_text("")
        mesh_config.write_text("connectTimeout: 1s\n")
        running.eventually("the mended MeshConfig is taken", lambda: not diagnostics(plane))


FOUR_WATCHES = 'echo 4 > /proc/sys/user/max_inotify_watches && exec "$0" "$@"'
LIMITED = ("unshare", "--user", "--map-root-user", "sh", "-c", FOUR_WATCHES)
"""Runs a command in a user namespace, which has limits of its own."""


def can_limit_watches() -> bool:
    return shutil.which("unshare") is not None and not subprocess.call([*LIMITED, "true"])


@pytest.mark.skipif(not can_limit_watches(), reason="needs a user namespace")
def test_folders_beyond_the_limit_of_the_kernel_are_scanned(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path)
    for number in range(10):
        (plane.config / f"{number}").mkdir()
        (plane.config / f"{number}" / "a.yaml").write_text(good(f"x{number}"))
    with serving(plane, *LIMITED) as running:
        for number in range(10):
            (plane.config / f"{number}" / "a.yaml").write_text(good(f"y{number}"))
        holds(plane, running, **{f"y{number}": "a.yaml" for number in range(10)})

    assert events(plane) == ["watching_limited"]
