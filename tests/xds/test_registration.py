"""Workloads register by connecting, over real streams: a row of the table of races each."""

from dataclasses import replace
from pathlib import Path

import pytest

from controlplane.admin.view import RegisteredWorkload
from controlplane.base.names import Namespace, ObjectKey
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY
from controlplane.model.proxy import Role
from controlplane.queries.registry.proxies import resolved_or_as_it_says
from controlplane.sources.state import StateDirectory
from tests.support.registration_rig import NOON, SERVICE, RegistrationRig, group, running

FILES = {"service": SERVICE, "group": group()}


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory.opened(tmp_path / "state")


async def test_a_workload_that_connects_is_an_endpoint(state: StateDirectory) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        await rig.endpoints({})

        await rig.connect("reviews-v1", "10.0.0.7")

        await rig.endpoints({"10.0.0.7:9080": True})
        assert rig.registered == ["reviews-v1-10-0-0-7"]
        assert list(rig.registering.workloads.shown()) == [
            RegisteredWorkload(
                object="WorkloadEntry/default/reviews-v1-10-0-0-7",
                since=NOON,
                connected=True,
                ready=True,
            )
        ]


async def test_joins_and_leaves_of_one_turn_are_one_edit(state: StateDirectory) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        for number in range(1, 5):
            await rig.connect("reviews-v1", f"10.0.0.{number}")
        await rig.endpoints({f"10.0.0.{number}:9080": True for number in range(1, 5)})
        workloads, before = rig.registering.workloads, rig.engine.revision
        claims = [one.claim for _, one in workloads.entries()]

        for claim in claims[:3]:  # in one turn of the loop
            workloads.announce_leave(claim)
        await rig.endpoints({"10.0.0.4:9080": True})

        assert rig.engine.revision == before + 1


async def test_a_second_stream_keeps_the_workload_when_the_first_ends(
    state: StateDirectory,
) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        first = await rig.connect("reviews-v1", "10.0.0.7")
        await rig.endpoints({"10.0.0.7:9080": True})
        await rig.connect("reviews-v1", "10.0.0.7")

        await first.close()
        await rig.left(1)
        rig.wait(60)
        await rig.connect("reviews-v1", "10.0.0.8")

        await rig.endpoints({"10.0.0.7:9080": True, "10.0.0.8:9080": True})


async def test_a_workload_that_disconnects_is_not_ready_at_once_and_gone_after_the_grace(
    state: StateDirectory,
) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        sidecar = await rig.connect("reviews-v1", "10.0.0.7")
        await rig.connect("reviews-v1", "10.0.0.8")
        await rig.endpoints({"10.0.0.7:9080": True, "10.0.0.8:9080": True})

        await sidecar.close()

        await rig.endpoints({"10.0.0.7:9080": False, "10.0.0.8:9080": True})
        rig.wait(9.9)
        await rig.connect("reviews-v1", "10.0.0.9")
        await rig.endpoints({"10.0.0.7:9080": False, "10.0.0.8:9080": True, "10.0.0.9:9080": True})
        rig.wait(0.2)
        await rig.endpoints({"10.0.0.8:9080": True, "10.0.0.9:9080": True})


async def test_a_workload_that_comes_back_within_the_grace_is_ready_at_once(
    state: StateDirectory,
) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        sidecar = await rig.connect("reviews-v1", "10.0.0.7")
        await rig.endpoints({"10.0.0.7:9080": True})
        await sidecar.close()
        await rig.endpoints({"10.0.0.7:9080": False})
        rig.wait(5)

        await rig.connect("reviews-v1", "10.0.0.7")

        await rig.endpoints({"10.0.0.7:9080": True})
        rig.wait(60)
        await rig.connect("reviews-v1", "10.0.0.8")
        await rig.endpoints({"10.0.0.7:9080": True, "10.0.0.8:9080": True})


async def test_another_workload_at_the_address_replaces_the_old_one_at_once(
    state: StateDirectory,
) -> None:
    files = {**FILES, "other": group("ratings-v9", "ports: {http: 1234}")}
    async with running(RegistrationRig(state), **files) as rig:
        old = await rig.connect("reviews-v1", "10.0.0.7")
        await rig.endpoints({"10.0.0.7:9080": True})
        await old.close()
        await rig.endpoints({"10.0.0.7:9080": False})

        await rig.connect("ratings-v9", "10.0.0.7")

        await rig.endpoints({"10.0.0.7:1234": True})
        assert rig.registered == ["ratings-v9-10-0-0-7"]


async def test_where_most_of_a_group_leave_at_once_nothing_changes_until_the_grace_is_over(
    state: StateDirectory,
) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        sidecars = [await rig.connect("reviews-v1", f"10.0.0.{n}") for n in (1, 2, 3)]
        everybody = {"10.0.0.1:9080": True, "10.0.0.2:9080": True, "10.0.0.3:9080": True}
        await rig.endpoints(everybody)

        for sidecar in sidecars:
            await sidecar.close()
        await rig.left(0, callers=1)

        await rig.endpoints(everybody)
        rig.wait(9)
        await rig.connect("reviews-v1", "10.0.0.2")
        rig.wait(2)
        await rig.endpoints({"10.0.0.2:9080": True})


async def test_a_control_plane_that_is_back_knows_who_was_registered(state: StateDirectory) -> None:
    files = {**FILES, "other": group("reviews-v2")}
    async with running(RegistrationRig(state), **files) as rig:
        gone = await rig.connect("reviews-v2", "10.0.0.6")
        for number in (7, 8):
            await rig.connect("reviews-v1", f"10.0.0.{number}")
        await rig.endpoints({"10.0.0.6:9080": True, "10.0.0.7:9080": True, "10.0.0.8:9080": True})
        await gone.close()
        as_before = {"10.0.0.6:9080": False, "10.0.0.7:9080": True, "10.0.0.8:9080": True}
        await rig.endpoints(as_before)

    async with running(RegistrationRig(state, now=77.0), **files) as rig:
        await rig.endpoints(as_before)
        await rig.connect("reviews-v1", "10.0.0.7")
        rig.wait(14.9)
        await rig.connect("reviews-v1", "10.0.0.9")
        await rig.endpoints({**as_before, "10.0.0.9:9080": True})
        rig.wait(0.2)
        await rig.endpoints({"10.0.0.7:9080": True, "10.0.0.9:9080": True})


async def test_a_workload_whose_token_is_over_stays_while_it_connects_with_another(
    state: StateDirectory,
) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        await rig.connect("reviews-v1", "10.0.0.8")
        await rig.connect("reviews-v1 default sidecar expired", "10.0.0.7")
        both = {"10.0.0.7:9080": True, "10.0.0.8:9080": True}
        await rig.endpoints(both)

        await rig.left(1)
        await rig.connect("reviews-v1", "10.0.0.9")

        await rig.endpoints({**both, "10.0.0.9:9080": True})
        rig.wait(10)
        await rig.endpoints({"10.0.0.8:9080": True, "10.0.0.9:9080": True})


async def test_a_workload_whose_token_is_revoked_is_not_ready_at_once(
    state: StateDirectory,
) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        await rig.connect("reviews-v1", "10.0.0.7")
        await rig.endpoints({"10.0.0.7:9080": True})

        rig.revoked.add("token of reviews-v1")

        await rig.endpoints({"10.0.0.7:9080": False})


async def test_registered_workloads_are_in_no_file_that_is_restored(state: StateDirectory) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        await rig.connect("reviews-v1", "10.0.0.7")
        await rig.endpoints({"10.0.0.7:9080": True})

        kept = [raw.key.kind.name for raw in rig.engine.accepted()]

        assert sorted(kept) == ["Service", "WorkloadGroup"]


async def test_entries_follow_their_group(state: StateDirectory) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        await rig.connect("reviews-v1", "10.0.0.7")
        await rig.endpoints({"10.0.0.7:9080": True})

        rig.edit(group=group(template="ports: {http: 8081}"))
        await rig.endpoints({"10.0.0.7:8081": True})
        rig.edit(group=group(template="serviceAccount: other"))
        await rig.endpoints({})
        rig.edit(group=None)
        rig.edit(group=group())
        await rig.endpoints({"10.0.0.7:9080": True})
        rig.edit(group=None)
        await rig.endpoints({})


async def test_an_entry_of_a_file_at_the_address_wins(state: StateDirectory) -> None:
    entry = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: reviews-by-hand, namespace: default}
spec: {address: 10.0.0.7, labels: {app: reviews}, ports: {http: 7777}}
"""
    async with running(RegistrationRig(state), **FILES) as rig:
        await rig.connect("reviews-v1", "10.0.0.7")
        await rig.endpoints({"10.0.0.7:9080": True})

        rig.edit(entry=entry)
        await rig.endpoints({"10.0.0.7:7777": True})
        rig.edit(entry=None)
        await rig.endpoints({"10.0.0.7:9080": True})


async def test_labels_are_the_groups_and_never_the_nodes(state: StateDirectory) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        await rig.connect(
            "reviews-v1",
            "10.0.0.7",
            metadata={"LABELS": {"app": "ratings", "extra": "x"}},
            locality={"region": "west", "zone": "a"},
        )
        await rig.endpoints({"10.0.0.7:9080": True})

        key = ObjectKey(WORKLOAD_ENTRY, Namespace("default"), "reviews-v1-10-0-0-7")
        entry = rig.engine.object(key)

        assert entry is not None
        assert dict(entry.labels) == {"app": "reviews", "version": "v1"}
        assert entry.spec.locality == "west/a"
        [sidecar] = [p for p in rig.server.connections.proxies if p.role is Role.SIDECAR]
        assert dict(sidecar.labels) == {"app": "reviews", "version": "v1"}


@pytest.mark.parametrize(
    ("token", "address", "on_loopback", "reason", "diagnosed"),
    [
        (
            "reviews-v1",
            "10.0.0.9",
            True,
            "its connection comes from another address",
            ["CP0640 metadata.name"],
        ),
        (
            "reviews-v1 other",
            "127.0.0.1",
            True,
            "the group's workloads have another service account",
            ["CP0641 spec.template.serviceAccount"],
        ),
        ("reviews-v9", "127.0.0.1", True, "there is no such WorkloadGroup", []),
        (
            "reviews-v1",
            "127.0.0.1",
            False,
            "no other host reaches it at its address",
            ["CP0642 metadata.name"],
        ),
        (
            "reviews-v1",
            "0.0.0.0",
            True,
            "no other host reaches it at its address",
            ["CP0642 metadata.name"],
        ),
    ],
    ids=["another's address", "another account", "no group", "loopback of a far host", "any"],
)
async def test_is_not_registered(
    state: StateDirectory,
    token: str,
    address: str,
    on_loopback: bool,
    reason: str,
    diagnosed: list[str],
) -> None:
    files = {**FILES, "group": group(annotated=False)}
    async with running(RegistrationRig(state, on_loopback=on_loopback), **files) as rig:
        await rig.connect(token, address)
        await rig.happened()

        assert rig.registered == []
        assert rig.refused == [reason]
        assert rig.diagnosed == diagnosed


async def test_loopback_is_an_address_where_the_control_plane_is_reached_on_it_alone(
    state: StateDirectory,
) -> None:
    files = {
        **FILES,
        "group": group(annotated=False),
        "other": group("reviews-v2", "ports: {http: 1}", annotated=False),
    }
    async with running(RegistrationRig(state), **files) as rig:
        await rig.connect("reviews-v1", "127.0.0.1")
        await rig.connect("reviews-v2", "127.0.0.1")

        await rig.endpoints({"127.0.0.1:9080": True, "127.0.0.1:1": True})
        found = [
            dict(resolved_or_as_it_says(rig.engine.graph, proxy).labels)["version"]
            for proxy in rig.server.connections.proxies
            if proxy.role is Role.SIDECAR
        ]
        assert sorted(found) == ["v1", "v2"]


async def test_who_claims_anothers_address_does_not_get_its_labels(state: StateDirectory) -> None:
    files = {**FILES, "thief": group("thief-v1", annotated=False)}
    async with running(RegistrationRig(state), **files) as rig:
        await rig.connect("reviews-v1", "10.0.0.7")
        await rig.endpoints({"10.0.0.7:9080": True})

        await rig.connect("thief-v1", "10.0.0.7")

        found = {p.addresses for p in rig.server.connections.proxies if p.role is Role.SIDECAR}
        assert found == {("10.0.0.7",), ("127.0.0.1",)}


async def test_who_only_claims_a_replicas_address_does_not_replace_it(
    state: StateDirectory,
) -> None:
    files = {**FILES, "group": group(annotated=False)}
    async with running(RegistrationRig(state), **files) as rig:
        await rig.connect("reviews-v1", "127.0.0.1")
        await rig.endpoints({"127.0.0.1:9080": True})
        [workload] = rig.registering.workloads.registered()
        thief = replace(
            workload.claim, peer="10.0.0.66", id=replace(workload.claim.id, is_proven=False)
        )
        proxy = rig.server.connections.proxies[0]

        with rig.registering.workloads.stream(proxy, thief):
            await rig.happened()
            assert rig.registered == ["reviews-v1-127-0-0-1"]
            assert not rig.registering.workloads.announce_leave(thief)
            rig.registering.workloads.found(thief, is_healthy=False)
        await rig.happened()

        assert rig.registered == ["reviews-v1-127-0-0-1"]
        assert rig.healthy == {"127.0.0.1": None}


async def test_a_registered_sidecar_takes_mutual_tls_and_a_gateway_does_not(
    state: StateDirectory,
) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        await rig.connect("reviews-v1", "10.0.0.7")
        await rig.connect("reviews-v1 default gateway", "10.0.0.8")
        await rig.endpoints({"10.0.0.7:9080": True, "10.0.0.8:9080": True})

        assert rig.takes_mutual_tls == {"10.0.0.7": True, "10.0.0.8": False}


async def test_a_refusal_is_reported_until_it_is_over(state: StateDirectory) -> None:
    files = {**FILES, "group": group(annotated=False)}
    async with running(RegistrationRig(state), **files) as rig:
        sidecars = [await rig.connect("reviews-v1", f"10.0.0.{number}") for number in (7, 8)]
        await rig.happened()
        assert rig.diagnosed == ["CP0640 metadata.name"]

        await sidecars[0].close()
        await rig.left(1)
        rig.wait(10)
        await rig.happened()
        assert rig.diagnosed == ["CP0640 metadata.name"]
        rig.edit(group=group())
        assert rig.diagnosed == []
        await rig.endpoints({"10.0.0.8:9080": True})
