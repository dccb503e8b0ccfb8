"""The package as people install it: what is in it, and that the oldest dependencies will do."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.client import send
from tests.support.envoy import free_port
from tests.support.lowest import constraints
from tests.support.process import Running

pytestmark = pytest.mark.install

ROOT = Path(__file__).parents[2]
DEVELOPMENT = {"grpcio-tools", "setuptools", "pytest", "mypy", "ruff", "hypothesis"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("built")
    _run([sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)])
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and the oldest dependencies it allows."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True, symlinks=True)
    (folder / "lowest.txt").write_text("".join(f"{line}\n" for line in constraints()))
    (wheel,) = built.glob("*.whl")
    pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check"]
    _run([*pip, "install", "-q", "-c", str(folder / "lowest.txt"), str(wheel)])
    return folder / "bin"


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=_environment())
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_the_wheel_has_types_samples_and_the_bootstrap_and_no_tests(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())

    assert {
        "controlplane/py.typed",
        "controlplane/envoy/bootstrap.json",
        "controlplane/xds/wire_pb2.py",
        "controlplane/samples/hello/hello.yaml",
        "controlplane/samples/mesh/routes.yaml",
        "controlplane/samples/demo.py",
    } <= names
    assert [name for name in names if name.startswith("tests/") or "__pycache__" in name] == []


def test_the_sdist_can_be_tested_and_served(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"Makefile", "docker-compose.yml", "tests/conftest.py", "protos/ads.proto"} <= names


def test_nothing_of_development_is_installed(installed: Path) -> None:
    listed = _run([str(installed / "python"), "-m", "pip", "list", "--format=freeze"])
    versions = dict(map(_release, listed.splitlines()))
    oldest = dict(map(_release, constraints()))

    assert versions.keys() & DEVELOPMENT - {"setuptools"} == set(), "venv itself may bring that"
    assert {name: versions[name][: len(oldest[name])] for name in oldest} == oldest


def _release(line: str) -> tuple[str, list[str]]:
    """``pyjwt`` and ``["2", "9"]`` of ``PyJWT==2.9``."""
    name, _, version = line.partition("==")
    return name.lower().replace("_", "-"), version.split(".")


def test_the_samples_are_checked_and_served(installed: Path, tmp_path: Path) -> None:
    controlplane = str(installed / "controlplane")
    _run([controlplane, "samples", str(tmp_path / "try")])
    checked = _run([controlplane, "check", str(tmp_path / "try/hello")])
    assert checked == "0 errors, 0 warnings in 2 objects\n"

    admin, xds = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    where = ["--state", str(tmp_path / "state"), "--admin", admin, "--xds", xds]
    command = [controlplane, "serve", "--config", str(tmp_path / "try/hello"), *where]
    with Running(command, tmp_path / "serve.log") as child:
        child.eventually("it is ready", lambda: _is_ready(admin), within=20)
        status = _run([controlplane, "status", "--admin", admin])

    assert "2 objects in force" in status


def _is_ready(admin: str) -> bool:
    return send(f"http://{admin}/readyz", address="127.0.0.1").status == 200
