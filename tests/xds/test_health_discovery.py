"""What Envoys are to probe, and what follows from what they report, over real gRPC."""

from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from envoy_data_plane.envoy.config.core.v3 import HealthCheck, HealthStatus
from envoy_data_plane.envoy.service.health.v3 import HealthCheckSpecifier

from controlplane.sources.state import StateDirectory
from tests.support.registration_rig import SERVICE, RegistrationRig, group, running

HTTP = "probe: {httpGet: {path: /health, port: 8080}, periodSeconds: 4, failureThreshold: 2}"
TCP = "probe: {tcpSocket: {port: 8081}}"
FILES = {"service": SERVICE, "group": group(more=HTTP)}
BAD = HealthStatus.UNHEALTHY


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory.opened(tmp_path / "state")


def only_check(specifier: HealthCheckSpecifier) -> HealthCheck:
    [cluster] = specifier.cluster_health_checks
    [check] = cluster.health_checks
    return check


def target(specifier: HealthCheckSpecifier) -> str:
    [cluster] = specifier.cluster_health_checks
    [locality] = cluster.locality_endpoints
    [endpoint] = locality.endpoints
    assert endpoint.address is not None
    assert endpoint.address.socket_address is not None
    where = endpoint.address.socket_address
    return f"{where.address}:{where.port_value}"


async def test_a_workload_of_a_group_with_a_probe_is_ready_once_it_was_found_healthy(
    state: StateDirectory,
) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        await rig.connect("reviews-v1", "10.0.0.7")
        await rig.endpoints({"10.0.0.7:9080": False})
        async with rig.probing("reviews-v1", "10.0.0.7") as prober:
            await prober.specifier()

            await prober.report(HealthStatus.HEALTHY)
            await rig.endpoints({"10.0.0.7:9080": True})
            await prober.report(BAD)
            await rig.endpoints({"10.0.0.7:9080": False})
            await prober.report(HealthStatus.HEALTHY)
            await rig.endpoints({"10.0.0.7:9080": True})


async def test_the_end_of_the_stream_says_nothing_of_the_workload(state: StateDirectory) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        await rig.connect("reviews-v1", "10.0.0.7")
        async with rig.probing("reviews-v1", "10.0.0.7") as prober:
            await prober.specifier()
            await prober.report(HealthStatus.HEALTHY)
            await rig.endpoints({"10.0.0.7:9080": True})

        await rig.connect("reviews-v1", "10.0.0.8")

        await rig.endpoints({"10.0.0.7:9080": True, "10.0.0.8:9080": False})


async def test_an_envoy_is_sent_how_to_probe_and_again_when_that_changes(
    state: StateDirectory,
) -> None:
    async with (
        running(RegistrationRig(state), **FILES) as rig,
        rig.probing("reviews-v1", "10.0.0.7") as prober,
    ):
        first = await prober.specifier()
        rig.edit(unrelated=group("reviews-v2"))
        rig.edit(group=group(more=TCP))
        second = await prober.specifier()
        rig.edit(group=group())
        third = await prober.specifier()

        check = only_check(first)
        assert (target(first), first.interval) == ("127.0.0.1:8080", timedelta(seconds=2))
        assert (check.interval, check.timeout) == (timedelta(seconds=4), timedelta(seconds=1))
        assert check.no_traffic_interval == timedelta(seconds=4)
        assert (check.unhealthy_threshold, check.healthy_threshold) == (2, 1)
        assert check.http_health_check is not None
        assert check.http_health_check.path == "/health"
        assert check.http_health_check.host == "127.0.0.1:8080"
        assert only_check(second).tcp_health_check is not None
        assert (target(second), second.interval) == ("127.0.0.1:8081", timedelta(seconds=5))
        assert third.cluster_health_checks == []


async def test_a_request_has_the_groups_headers_and_may_be_of_tls(state: StateDirectory) -> None:
    probe = """probe: {httpGet: {host: "::1", port: 8443, scheme: HTTPS, path: ok, httpHeaders:
            [{name: Host, value: reviews.example}, {name: X-Probe, value: "1"}]}}"""
    async with (
        running(RegistrationRig(state), service=SERVICE, group=group(more=probe)) as rig,
        rig.probing("reviews-v1", "10.0.0.7") as prober,
    ):
        specifier = await prober.specifier()

        request = only_check(specifier).http_health_check
        assert request is not None
        assert (target(specifier), request.path) == ("::1:8443", "/ok")
        assert request.host == "reviews.example"
        assert [h.header.key for h in request.request_headers_to_add if h.header] == ["X-Probe"]
        [cluster] = specifier.cluster_health_checks
        [match] = cluster.transport_socket_matches
        assert match.transport_socket is not None
        assert match.transport_socket.name == "envoy.transport_sockets.tls"


async def test_reports_with_a_token_that_is_revoked_end_the_stream(state: StateDirectory) -> None:
    async with running(RegistrationRig(state), **FILES) as rig:
        await rig.connect("reviews-v1", "10.0.0.7")
        async with rig.probing("reviews-v1", "10.0.0.7") as prober:
            await prober.specifier()
            await prober.report(HealthStatus.HEALTHY)
            await rig.endpoints({"10.0.0.7:9080": True})

            rig.revoked.add("token of reviews-v1")
            await prober.report(BAD)

            assert await prober.call.code() is grpc.StatusCode.UNAUTHENTICATED
            assert rig.healthy == {"10.0.0.7": True}


async def test_nobody_reports_the_health_of_another(state: StateDirectory) -> None:
    files = {"service": SERVICE, "group": group(more=HTTP, annotated=False)}
    async with running(RegistrationRig(state), **files) as rig:
        await rig.connect("reviews-v1", "127.0.0.1")
        await rig.connect("reviews-v1", "10.0.0.8")
        async with rig.probing("reviews-v1", "10.0.0.8") as prober:
            await prober.specifier()
            await prober.report(HealthStatus.HEALTHY)
        async with rig.probing("reviews-v1", "127.0.0.1") as prober:
            await prober.specifier()
            await prober.report(HealthStatus.HEALTHY)
            await rig.endpoints({"127.0.0.1:9080": True})

        assert rig.healthy == {"10.0.0.8": None, "127.0.0.1": True}


async def test_who_is_not_what_its_token_says_is_sent_nothing(state: StateDirectory) -> None:
    async with (
        running(RegistrationRig(state), **FILES) as rig,
        rig.probing("reviews-v1 default gateway", "10.0.0.7") as prober,
    ):
        assert await prober.call.code() is grpc.StatusCode.PERMISSION_DENIED
