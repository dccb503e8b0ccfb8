"""Certificates are judged by the present time, whenever they begin, end or are renewed."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509

from controlplane.base.addresses import Address
from controlplane.base.names import Namespace, ObjectKey
from controlplane.engine.engine import Engine
from controlplane.identity.authority import kept_authority
from controlplane.identity.identity import Identity
from controlplane.identity.workload import WorkloadSecrets
from controlplane.kinds.core.configuration import SECRET
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Role
from controlplane.serve.control_plane import ControlPlane
from controlplane.serve.reload import Noticed, Reload
from controlplane.serve.settings import Settings
from controlplane.serve.trust import XdsCertificate
from controlplane.sources.state import StateDirectory
from tests.support.pki import Authority

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
ROOT = Authority("root")
SHOP = ObjectKey(SECRET, Namespace("istio-system"), "shop")
GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop.example]
    tls: {mode: SIMPLE, credentialName: shop}
"""


def secret(begins: datetime) -> str:
    return ROOT.leaf("shop.example", valid=(begins, begins + 9 * DAY)).secret("shop")


@pytest.mark.parametrize("late", [timedelta(0), SECOND, timedelta(minutes=59)])
def test_a_certificate_that_was_issued_after_the_last_step_of_the_clock_is_used_at_once(
    late: timedelta,
) -> None:
    engine = Engine(MeshConfig(), now=NOW)
    engine.apply([(Path("gateway.yaml"), GATEWAY), (Path("secret.yaml"), secret(NOW - DAY))])
    new = secret(NOW + late)

    engine.apply_whole([(Path("secret.yaml"), new)], now=NOW + late)

    served = engine.object(SHOP)
    assert served is not None
    assert list(engine.held_back()) == []
    while engine.analyse():
        pass
    assert [d.code.id for d in engine.diagnostics() if d.code.id == "CP0406"] == []


@asynccontextmanager
async def serving(
    folder: Path, text: str, clock: Callable[[], datetime]
) -> AsyncIterator[tuple[ControlPlane, asyncio.Queue[Reload | Noticed]]]:
    """A control plane that has loaded the gateway and ``text``, and what it reports then."""
    config = folder / "config"
    config.mkdir()
    (config / "mesh.yaml").write_text(f"{GATEWAY}---\n{text}")
    plane, told = _plane(config, clock)
    stop = asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        await plane.start()
        tasks.create_task(plane.serve_until(stop))
        await told.get()
        yield plane, told
        stop.set()
    await plane.stop()


async def test_a_certificate_that_begins_later_is_used_in_the_second_in_which_it_begins(
    tmp_path: Path,
) -> None:
    time = NOW
    async with serving(tmp_path, secret(NOW + 2 * DAY), lambda: time) as (plane, _):
        before = plane.engine.revision
        time = NOW + 2 * DAY + SECOND
        while plane.engine.revision == before or _early(plane):
            await asyncio.sleep(0.01)


async def test_a_certificate_that_comes_close_to_its_end_is_reported_without_an_edit(
    tmp_path: Path,
) -> None:
    time = NOW
    async with serving(tmp_path, secret(NOW + 23 * DAY), lambda: time) as (_, told):
        time = NOW + 32 * DAY - SECOND
        noticed = await told.get()

    assert [d.code.id for d in noticed.found] == ["CP0407"]


def _early(plane: ControlPlane) -> bool:
    return any(d.code.id == "CP0406" for d in plane.engine.diagnostics())


def _plane(
    folder: Path, clock: Callable[[], datetime]
) -> tuple[ControlPlane, asyncio.Queue[Reload | Noticed]]:
    told: asyncio.Queue[Reload | Noticed] = asyncio.Queue()
    loopback = Address(host="127.0.0.1", port=0)
    settings = Settings(
        config=(folder,),
        xds=loopback,
        admin=loopback,
        state=StateDirectory.opened(folder.with_name("state")),
        mesh=MeshConfig(),
        environment={},
    )
    return ControlPlane(settings, clock, told.put_nowait), told


async def test_the_xds_server_renews_its_certificate_while_it_runs(tmp_path: Path) -> None:
    time = NOW
    authority = kept_authority(StateDirectory.opened(tmp_path / "state").authority, NOW)
    certificate = XdsCertificate(authority, "127.0.0.1", lambda: time, timedelta(days=3))
    server = grpc.aio.server()
    port = server.add_secure_port("127.0.0.1:0", certificate.credentials())
    await server.start()

    first = await asyncio.to_thread(_presented, port)
    same = await asyncio.to_thread(_presented, port)
    time = NOW + 3 * DAY
    renewed = await asyncio.to_thread(_presented, port)
    time = NOW - DAY  # the clock was wrong and is set right
    set_back = await asyncio.to_thread(_presented, port)
    await server.stop(0)

    assert first == same
    assert renewed != first
    assert x509.load_pem_x509_certificate(set_back.encode()).not_valid_before_utc <= time


def test_a_proxys_certificate_is_issued_anew_when_the_clock_is_set_back(tmp_path: Path) -> None:
    authority = kept_authority(StateDirectory.opened(tmp_path / "state").authority, NOW)
    who = Identity(
        trust_domain="cluster.local",
        namespace=Namespace("default"),
        service_account="default",
        role=Role.GATEWAY,
    )
    secrets = WorkloadSecrets(authority)
    secrets.secrets(who, NOW)

    issued = secrets.secrets(who, NOW - DAY).credential

    assert issued.not_before <= NOW - DAY


async def test_certificates_are_judged_anew_when_the_clock_is_set_back(tmp_path: Path) -> None:
    time = NOW + 60 * DAY
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "mesh.yaml").write_text(GATEWAY)
    plane, told = _plane(folder, lambda: time)
    stop = asyncio.Event()

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        await plane.start()
        tasks.create_task(plane.serve_until(stop))
        await told.get()
        time = NOW
        while plane.engine.now != NOW:
            await asyncio.sleep(0.01)
        stop.set()
    await plane.stop()


def _presented(port: int) -> str:
    """The certificate that a server shows, PEM."""
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=10)
