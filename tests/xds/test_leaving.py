"""Workloads that announce their leave, over real gRPC."""

import asyncio
import json
from pathlib import Path

import grpc
import pytest

from controlplane.sources.state import StateDirectory
from tests.support.registration_rig import SERVICE, RegistrationRig, group, running
from tests.support.scripts import script

FILES = {"service": SERVICE, "group": group()}
leave = script("envoy/leave.py")


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory.opened(tmp_path / "state")


def bootstrap(target: str, token: str) -> dict[str, object]:
    host, _, port = target.partition(":")
    where = {"socket_address": {"address": host, "port_value": int(port)}}
    return {
        "static_resources": {
            "clusters": [
                {
                    "name": "xds-grpc",
                    "load_assignment": {
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": where}}]}]
                    },
                }
            ],
            "secrets": [{"generic_secret": {"secret": {"inline_string": token}}}],
        }
    }


async def test_a_leave_that_is_announced_removes_the_workload_at_once(
    state: StateDirectory,
) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        sidecar = await rig.connect("reviews-v1", "10.0.0.7")
        await rig.connect("reviews-v1", "10.0.0.8")
        await rig.endpoints({"10.0.0.7:9080": True, "10.0.0.8:9080": True})

        assert await rig.leave("reviews-v1", "10.0.0.7") is grpc.StatusCode.OK

        await rig.endpoints({"10.0.0.8:9080": True})
        await sidecar.close()
        await rig.connect("reviews-v1", "10.0.0.9")
        await rig.endpoints({"10.0.0.8:9080": True, "10.0.0.9:9080": True})


async def test_an_address_that_is_not_said_is_the_connections(state: StateDirectory) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        await rig.connect("reviews-v1", "127.0.0.1")
        await rig.endpoints({"127.0.0.1:9080": True})

        assert await rig.leave("reviews-v1") is grpc.StatusCode.OK

        await rig.endpoints({})


@pytest.mark.parametrize(
    ("token", "address", "status"),
    [
        ("reviews-v1", "10.0.0.8", grpc.StatusCode.NOT_FOUND),
        ("reviews-v2", "127.0.0.1", grpc.StatusCode.NOT_FOUND),
        ("reviews-v1 other", "127.0.0.1", grpc.StatusCode.NOT_FOUND),
        ("reviews-v1", "a name", grpc.StatusCode.INVALID_ARGUMENT),
        ("caller", "127.0.0.1", grpc.StatusCode.FAILED_PRECONDITION),
    ],
    ids=["another's address", "another group", "another account", "no address", "no group"],
)
async def test_nobody_leaves_for_another(
    state: StateDirectory, token: str, address: str, status: grpc.StatusCode
) -> None:
    files = {
        "service": SERVICE,
        "group": group(annotated=False),
        "free": group("reviews-v3"),
    }
    async with running(RegistrationRig(state), **files) as rig:
        await rig.connect("reviews-v1", "127.0.0.1")
        await rig.connect("reviews-v3", "10.0.0.8")
        everybody = {"127.0.0.1:9080": True, "10.0.0.8:9080": True}
        await rig.endpoints(everybody)

        assert await rig.leave(token, address) is status

        await rig.happened()
        assert len(rig.registered) == 2


async def test_the_script_of_the_supervisor_announces_a_leave(state: StateDirectory) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        await rig.connect("reviews-v1", "10.0.0.7")
        await rig.endpoints({"10.0.0.7:9080": True})
        own = bootstrap(rig.target, "Bearer reviews-v1")

        assert await asyncio.to_thread(leave.announce, own, "10.0.0.7")

        await rig.endpoints({})
        assert not await asyncio.to_thread(leave.announce, own, "10.0.0.7")
        nobody = bootstrap(rig.target, "Bearer nobody")
        assert not await asyncio.to_thread(leave.announce, nobody, "10.0.0.7")


def test_where_nobody_answers_a_leave_is_not_announced() -> None:
    assert not leave.announce(bootstrap("127.0.0.1:1", "Bearer x"), "10.0.0.7", within=0.2)
    assert not leave.announce({}, "10.0.0.7")


def test_a_token_is_read_from_the_file_that_the_bootstrap_names(tmp_path: Path) -> None:
    file = tmp_path / "token.yaml"
    file.write_text(json.dumps({"generic_secret": {"secret": {"inline_string": "Bearer abc.d"}}}))
    named = {"sds_config": {"path_config_source": {"path": str(file)}}}

    assert leave.token(named) == "Bearer abc.d"
    assert leave.token({"secret": "Bearer of.itself", **named}) == "Bearer of.itself"
    assert leave.token({}) == ""
