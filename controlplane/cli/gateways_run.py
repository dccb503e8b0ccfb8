"""One run of ``gateways``: a stream to the control plane, opened again when it ends, and Envoys."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import grpc
import grpc.aio
import jwt
import structlog
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)

from controlplane.base.addresses import Address
from controlplane.base.errors import TokenRefused, fault_of_the_world
from controlplane.base.hosts import is_loopback
from controlplane.base.names import Namespace
from controlplane.cli.envoy_processes import Death, Envoys, envoy_binary
from controlplane.cli.gateway_process import OWN_ADDRESS
from controlplane.cli.gateway_runner import GatewayRunner, Here
from controlplane.cli.serving import stop_requested
from controlplane.envoy.bootstrap import Node
from controlplane.identity.identity import XDS_NAME
from controlplane.model.gateway_proxy import PortRange, ports_text
from controlplane.model.proxy import Locality, Role
from controlplane.xds.runners import PORTS

METHOD: Final = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
_BACK_OFF: Final = (0.2, 2.0)  # seconds until the stream is opened again: first, longest
_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 30_000),  # as Envoy's bootstrap has it
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.ssl_target_name_override", XDS_NAME),
    ("grpc.max_receive_message_length", -1),
)
_NAMELESS: Final = "runner"

log = structlog.stdlib.get_logger("gateways")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSettings:
    """``token`` and ``root_certificate`` are files, ``None`` for plaintext. ``ports`` are those
    that others reach, none for all. ``grace`` is how long Envoys finish what has begun when the
    runner ends.
    """

    here: Here
    name: str
    token: Path | None
    root_certificate: Path | None
    ports: tuple[PortRange, ...]
    grace: timedelta


def run_until_stopped(settings: RunnerSettings) -> None:
    """Run gateways until SIGINT or SIGTERM."""
    try:
        asyncio.run(_until_stopped(settings, envoy_binary()))
    except BaseExceptionGroup as group:
        fault = fault_of_the_world(group)
        if fault is None:
            raise
        raise fault from None


async def _until_stopped(settings: RunnerSettings, binary: Path) -> None:
    stop = stop_requested()
    async with Envoys(binary, _log_death) as envoys:
        runner = GatewayRunner(envoys, settings.here)
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(_follow(runner, settings))
            await stop.wait()
            following.cancel()
        await runner.drained(settings.grace)


def _log_death(death: Death) -> None:
    log.error(
        "envoy_ended",
        gateway=death.name,
        status=death.status,
        reason=death.reason,
        again_in=death.again_in,
    )


async def _follow(runner: GatewayRunner, settings: RunnerSettings) -> None:
    """Follow the control plane until cancelled; a stream that ends is opened again."""
    first, longest = _BACK_OFF
    pause, said = first, ""
    while True:
        try:
            async for _ in _taken(runner, settings):
                pause, said = first, ""
        except grpc.aio.AioRpcError as error:
            reason = error.details() or error.code().name
        except (OSError, TokenRefused) as error:
            reason = str(error)
        else:
            reason = "the control plane ended the stream"
        if reason != said:
            log.warning("not_connected", xds=str(settings.here.xds), reason=reason)
            said = reason
        await asyncio.sleep(pause)
        pause = min(2 * pause, longest)


async def _taken(runner: GatewayRunner, settings: RunnerSettings) -> AsyncIterator[None]:
    """The responses of one stream, as they are taken."""
    token = bearer_token(settings.token) if settings.token is not None else None
    node = runner_node(settings, token)
    metadata = (("authorization", f"Bearer {token}"),) if token is not None else ()
    async with _channel(settings) as channel:
        call = channel.stream_stream(
            METHOD,
            request_serializer=DeltaDiscoveryRequest.SerializeToString,
            response_deserializer=DeltaDiscoveryResponse.FromString,
        )(metadata=metadata)
        await call.write(runner.first_request(node))
        is_first = True
        async for response in call:
            if is_first:
                log.info("connected", xds=str(settings.here.xds), runner=settings.name)
                is_first = False
            await call.write(runner.take(response))
            yield


def _channel(settings: RunnerSettings) -> grpc.aio.Channel:
    target = str(settings.here.xds)
    if settings.root_certificate is None:
        return grpc.aio.insecure_channel(target, _OPTIONS)
    roots = settings.root_certificate.read_bytes()
    return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(roots), _OPTIONS)


def runner_node(settings: RunnerSettings, token: str | None) -> Node:
    """The runner as it presents itself: whose it is, its token says."""
    namespace, account = _account(token) if token is not None else ("default", "default")
    return Node(
        role=Role.RUNNER,
        name=settings.name,
        namespace=Namespace(namespace),
        service_account=account,
        addresses=(settings.here.address,),
        labels={},
        locality=Locality(),
        metadata={PORTS: ports_text(settings.ports)} if settings.ports else {},
    )


def bearer_token(file: Path) -> str:
    """The token in a file, alone or in the form that Envoy reads. ``OSError``; ``TokenRefused``."""
    text = file.read_text(encoding="utf-8").strip()
    with suppress(ValueError, LookupError, TypeError):
        secret = json.loads(text)["resources"][0]["generic_secret"]["secret"]
        text = str(secret["inline_string"]).removeprefix("Bearer ")
    if text.count(".") != 2 or len(text.split()) != 1:
        raise TokenRefused(f"{file} holds no token", hint="controlplane token --role runner")
    return text


def _account(token: str) -> tuple[str, str]:
    """Whose token it is; that it is good is the control plane's to say."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        return str(claims["namespace"]), str(claims["service_account"])
    except (jwt.InvalidTokenError, LookupError) as error:
        raise TokenRefused("the token names no service account") from error


def own_address(xds: Address) -> str:
    """This machine's address on the way to the control plane; nothing is sent. One of its own
    where that is on this machine.
    """
    with suppress(OSError):
        found = socket.getaddrinfo(xds.host, xds.port, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, there = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(there)
            address = str(probe.getsockname()[0])
            return address if not is_loopback(address) else OWN_ADDRESS
    return OWN_ADDRESS
