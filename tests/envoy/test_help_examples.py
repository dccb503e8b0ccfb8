"""The examples at the end of each ``--help`` do what they say."""

import importlib
import shutil
from collections.abc import Iterator

import pytest

from controlplane.cli.main import COMMANDS
from tests.support.doc_pages import ROOT, Command, Session
from tests.support.network import own_network

pytestmark = pytest.mark.envoy

GO_ON = (" --watch", " -f")  # until they are interrupted
ELSEWHERE = (
    *("envoy ", "curl ", "controlplane up", "controlplane serve", "controlplane describe"),
    *("controlplane authz reviews", "controlplane gateways"),
)
"""What is done by the pages of the documentation."""


def examples(name: str) -> list[str]:
    command = getattr(importlib.import_module(f"controlplane.cli.{name}"), name)
    text = command.epilog.partition("Example:\n")[2].replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [line for line in lines if not line.startswith(ELSEWHERE)]


EXAMPLES = {name: found for name in COMMANDS if (found := examples(name))}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(ROOT / "samples", folder / "samples")
    shutil.copytree(ROOT / "samples/hello", folder / "mesh")
    (folder / ".home/.local/share/bash-completion/completions").mkdir(parents=True)
    (folder / ".home/.config/fish/completions").mkdir(parents=True)
    with own_network(), Session(folder) as running:
        running.run([Command(text="controlplane up samples/hello", output="…\n  curl …\n")])
        yield running


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_of_help_works(session: Session, name: str) -> None:
    for line in EXAMPLES[name]:
        goes_on = line.endswith(GO_ON) or any(f"{option} " in line for option in GO_ON)
        command = line.partition(" && ")[0].partition(" | jq")[0]
        command = command.replace("helm template ./chart", "cat mesh/hello.yaml")
        command = command.replace("${fpath[1]}", ".")
        done = session.asked(f"timeout 3 {command}" if goes_on else command)

        assert done.returncode in ((0, 124) if goes_on else (0,)), f"{line}\n{done.stdout}"
