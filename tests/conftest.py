"""How properties are tested, and fixtures for tests that start real processes."""

import gc
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings

from tests.support.mesh import Mesh, running_mesh
from tests.support.network import own_network

# The gate tries the same examples each time, so that it never fails by luck. ``make fuzz`` tries
# other ones, and more of them: tests.support.properties.
settings.register_profile("gate", derandomize=True, deadline=None, database=None)
settings.register_profile(
    "fuzz", derandomize=False, deadline=None, max_examples=500, print_blob=True
)
settings.load_profile("gate")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-cases",
        action="store_true",
        help="write what proxies get into each case's expected.yaml; read the diff",
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays to the end. To look through all of it for garbage again and again
    would take as long as most of the tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


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
