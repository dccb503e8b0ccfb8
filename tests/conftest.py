"""Fixtures for tests that start real processes."""

from collections.abc import Iterator

import pytest

from tests.support.mesh import Mesh
from tests.support.mesh import running_mesh
from tests.support.network import can_isolate
from tests.support.network import own_network


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-cases",
        action="store_true",
        help="write what proxies get into each case's expected.yaml; read the diff",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where networks cannot be separated, tests with a real Envoy share one worker."""
    if can_isolate():
        return
    for item in items:
        if item.get_closest_marker("envoy") or item.get_closest_marker("compose"):
            item.add_marker(pytest.mark.xdist_group("one network"))


@pytest.fixture(scope="module")
def network() -> Iterator[None]:
    """A network in which every loopback address and port is free."""
    with own_network():
        yield


@pytest.fixture(scope="module")
def mesh(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A control plane, a gateway (Envoy on 127.0.0.2) and upstreams, shared by a module.

    Its folder is empty at first: ``mesh.apply(yaml)`` makes the whole configuration.
    """
    with running_mesh(tmp_path_factory.mktemp("mesh")) as running:
        yield running
