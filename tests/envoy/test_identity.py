"""A real Envoy with our bootstrap: it trusts the server of its state directory and no other."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner

from controlplane.cli.main import main
from controlplane.identity.authority import kept_authority
from controlplane.identity.certificates import Credential, server_credential, xds_credential
from controlplane.identity.identity import TOKEN_LIFE
from controlplane.identity.token_keys import kept_token_key
from controlplane.identity.tokens import Tokens
from controlplane.sources.state import StateDirectory
from tests.support.envoy import envoy_binary
from tests.support.mesh import running_mesh

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"


class Reception(grpc.GenericRpcHandler):
    """Notes with which token the first stream comes, and with which all do."""

    def __init__(self) -> None:
        self.token: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.tokens: asyncio.Queue[str] = asyncio.Queue()
        self.ends = asyncio.Event()
        """Set: streams end at once, so that the client comes again."""

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler | None:
        assert handler_call_details.method == METHOD
        return grpc.stream_stream_rpc_method_handler(self.stream)

    async def stream(
        self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncIterator[bytes]:
        metadata = dict(context.invocation_metadata() or ())
        self.tokens.put_nowait(str(metadata["authorization"]))
        if not self.token.done():
            self.token.set_result(str(metadata["authorization"]))
        ended = asyncio.create_task(self.ends.wait())
        async for _ in requests:
            await ended
            break
        yield b""


@asynccontextmanager
async def reception(credential: Credential) -> AsyncIterator[tuple[Reception, int]]:
    server = grpc.aio.server()
    port = server.add_secure_port(
        "127.0.0.1:0", grpc.ssl_server_credentials([(credential.key, credential.chain)])
    )
    guest_book = Reception()
    server.add_generic_rpc_handlers((guest_book,))
    await server.start()
    yield guest_book, port
    await server.stop(0)


@contextmanager
def envoy(folder: Path, xds_port: int, state: Path, *options: str) -> Iterator[Path]:
    """An Envoy with a bootstrap of ``state``; gives its log."""
    command = [sys.executable, "-m", "controlplane", "bootstrap", "gateway", "edge"]
    command += ["--namespace", "shop", "--service-account", "edge", "--state", str(state)]
    command += ["--xds", f"127.0.0.1:{xds_port}", "--admin", "127.0.0.1:0"]
    command += ["--ready", "off", "--metrics", "off", *options]
    bootstrap, log = folder / "bootstrap.json", folder / "envoy.log"
    bootstrap.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    command = [envoy_binary(), "-c", str(bootstrap), "--disable-hot-restart", "-l", "warning"]
    command += [
        "--use-dynamic-base-id",
        "--concurrency",
        "1",
        "--component-log-level",
        "config:debug",
    ]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield log
        finally:
            process.kill()
            process.wait()


@pytest.mark.envoy
async def test_an_envoy_shows_its_token_to_its_control_plane(tmp_path: Path) -> None:
    area = StateDirectory.opened(tmp_path / "state").authority
    now = datetime.now(UTC)

    async with reception(xds_credential(kept_authority(area, now), [], now)) as (server, port):
        with envoy(tmp_path, port, tmp_path / "state"):
            scheme, _, token = (await asyncio.wait_for(server.token, 10)).partition(" ")

    identity = Tokens(key=kept_token_key(area)).verify(token, now).identity
    assert (scheme, str(identity)) == ("Bearer", "gateway shop/edge")


@pytest.mark.envoy
async def test_an_envoy_shows_a_renewed_token_without_a_restart(tmp_path: Path) -> None:
    area = StateDirectory.opened(tmp_path / "state").authority
    now, file = datetime.now(UTC), tmp_path / "token.yaml"

    def renew() -> None:
        order = ("token", "shop/edge", "--role", "gateway", "--out", str(file))
        assert CliRunner().invoke(main, [*order, "--state", str(tmp_path / "state")]).exit_code == 0

    async def token_id(server: Reception) -> str:
        scheme, _, token = (await asyncio.wait_for(server.tokens.get(), 10)).partition(" ")
        assert scheme == "Bearer"
        return Tokens(key=kept_token_key(area)).verify(token, now).token_id

    renew()
    async with reception(xds_credential(kept_authority(area, now), [], now)) as (server, port):
        with envoy(tmp_path, port, tmp_path / "state", "--token-file", str(file)):
            first = await token_id(server)
            renew()
            server.ends.set()
            async with asyncio.timeout(10):
                while await token_id(server) == first:
                    pass


@pytest.mark.envoy
def test_no_answer_of_envoys_admin_interface_shows_the_token(network: None, tmp_path: Path) -> None:
    with running_mesh(tmp_path) as mesh:
        bootstrap = json.loads((tmp_path / "ingressgateway" / "bootstrap.json").read_text())
        (secret,) = bootstrap["static_resources"]["secrets"]
        token = secret["generic_secret"]["secret"]["inline_string"].removeprefix("Bearer ")
        paths = ("/config_dump?include_eds", "/server_info", "/stats", "/clusters", "/init_dump")
        answers = {path: str(mesh.gateway.admin(path).body) for path in paths}

    assert "redacted" in answers["/config_dump?include_eds"]
    assert [path for path, body in answers.items() if token.rpartition(".")[2] in body] == []


@pytest.mark.envoy
@pytest.mark.parametrize("impostor", ["another authority", "a server that the authority signed"])
async def test_an_envoy_shows_its_token_to_no_one_else(tmp_path: Path, impostor: str) -> None:
    now = datetime.now(UTC)
    if impostor == "another authority":
        other = kept_authority(StateDirectory.opened(tmp_path / "other").authority, now)
        credential = xds_credential(other, [], now)
    else:
        own = kept_authority(StateDirectory.opened(tmp_path / "state").authority, now)
        credential = server_credential(own, ["127.0.0.1", "localhost"], now, TOKEN_LIFE)

    async with reception(credential) as (server, port):
        with envoy(tmp_path, port, tmp_path / "state") as log:
            async with asyncio.timeout(10):
                while "CERTIFICATE_VERIFY_FAILED" not in log.read_text():
                    await asyncio.sleep(0.02)

    assert not server.token.done()
