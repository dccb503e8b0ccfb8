"""Who signs the mesh's workloads: its own authority or ``cacerts``, and how one follows another."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from structlog.testing import capture_logs

from controlplane.base.addresses import Address
from controlplane.base.names import Namespace
from controlplane.cli.main import main
from controlplane.engine.engine import Engine
from controlplane.identity.authority import Authority
from controlplane.identity.mesh_authority import kept_mesh_authority
from controlplane.identity.pem import key_pem
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, Role
from controlplane.serve.mesh_trust import MeshTrust
from controlplane.serve.settings import Settings
from controlplane.sources.state import StateDirectory
from controlplane.xds.connections import Connections
from tests.support.own_secrets import secret_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LIFE = timedelta(hours=24)
MINUTE = timedelta(minutes=1)
LOOPBACK = Address(host="127.0.0.1", port=0)
FILE = Path("mesh/cacerts.yaml")
CART = Proxy(
    name="cart-1",
    role=Role.SIDECAR,
    namespace=Namespace("shop"),
    service_account="cart",
    labels=(),
    addresses=("10.0.0.7",),
)


@dataclass
class Mesh:
    """A control plane's trust without the rest; ``restart`` begins it anew."""

    state: StateDirectory
    files: tuple[bytes, ...] = ()
    """What is there at the first start."""
    now: datetime = NOW
    trust: MeshTrust = field(init=False)
    engine: Engine = field(init=False)
    connections: Connections = field(init=False)

    def __post_init__(self) -> None:
        self.restart(*self.files)

    def restart(self, *files: bytes) -> None:
        settings = Settings(
            config=(),
            xds=LOOPBACK,
            admin=LOOPBACK,
            state=self.state,
            mesh=MeshConfig(),
            environment={},
        )
        self.connections = Connections(lambda: self.now)
        self.trust = MeshTrust(settings, lambda: self.now)
        self.engine = Engine(MeshConfig(), now=self.now)
        for text in files:
            self.engine.apply([(FILE, text)])
        self.trust.plug_in(self.engine, self.connections)

    def put(self, text: bytes | None) -> None:
        self.engine.apply([(FILE, text)])
        self.trust.plug_in(self.engine, self.connections)

    def passes(self, time: timedelta) -> None:
        self.now += time
        self.trust.advance(self.connections)

    async def signer(self) -> str:
        """The issuer of a workload's certificate, once what is due is renewed."""
        self.trust.own_secrets(CART)
        await self.trust.renew([CART])
        chain = secret_of(self.trust.own_secrets(CART)["default"]).tls_certificate.certificate_chain
        return x509.load_pem_x509_certificate(chain.inline_bytes).issuer.rfc4514_string()

    def roots(self) -> list[str]:
        trusted = secret_of(self.trust.own_secrets(CART)["ROOTCA"]).validation_context.trusted_ca
        found = x509.load_pem_x509_certificates(trusted.inline_bytes)
        return [root.subject.rfc4514_string() for root in found]

    def step(self) -> str:
        return self.trust.status().step

    def ca(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["ca", *arguments, "--state", str(self.state.path)])


@pytest.fixture
def mesh(tmp_path: Path) -> Mesh:
    return Mesh(StateDirectory.opened(tmp_path / "state"))


@pytest.fixture
def plugged(tmp_path: Path) -> Authority:
    return kept_mesh_authority(StateDirectory.opened(tmp_path / "plugged").authority, NOW)


def names(authority: Authority) -> tuple[str, str]:
    """Of what signs, and of its root."""
    certificate, root = authority.certificate, authority.roots[0]
    return certificate.subject.rfc4514_string(), root.subject.rfc4514_string()


def cacerts(authority: Authority, **others: str) -> bytes:
    files = {
        "ca-cert.pem": authority.certificate.public_bytes(Encoding.PEM).decode(),
        "ca-key.pem": key_pem(authority.key).decode(),
        "root-cert.pem": authority.trust_bundle.decode(),
    }
    meta = {"name": "cacerts", "namespace": "istio-system"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta}
    return json.dumps(secret | {"stringData": files | others}).encode()


async def test_a_ca_that_is_there_at_the_first_start_signs_at_once(
    plugged: Authority, tmp_path: Path
) -> None:
    mesh = Mesh(StateDirectory.opened(tmp_path / "state"), (cacerts(plugged),))

    assert (await mesh.signer(), mesh.roots()) == (names(plugged)[0], [names(plugged)[1]])
    assert mesh.step() == "steady"


async def test_a_ca_that_is_plugged_in_later_comes_in_steps(mesh: Mesh, plugged: Authority) -> None:
    own, (own_root,) = await mesh.signer(), mesh.roots()

    mesh.put(cacerts(plugged))
    assert (mesh.step(), await mesh.signer()) == ("announced", own)
    assert mesh.roots() == [own_root, names(plugged)[1]]

    mesh.passes(MINUTE)
    assert (mesh.step(), await mesh.signer()) == ("switched", names(plugged)[0])
    assert mesh.roots() == [own_root, names(plugged)[1]]

    mesh.passes(LIFE)
    assert (mesh.step(), await mesh.signer()) == ("steady", names(plugged)[0])
    assert mesh.roots() == [names(plugged)[1]]


async def test_a_rotation_goes_on_over_restarts(mesh: Mesh, plugged: Authority) -> None:
    own = await mesh.signer()
    mesh.put(cacerts(plugged))

    mesh.restart(cacerts(plugged))
    assert (mesh.step(), await mesh.signer(), len(mesh.roots())) == ("announced", own, 2)
    mesh.passes(MINUTE)
    mesh.restart(cacerts(plugged))
    assert (mesh.step(), await mesh.signer()) == ("switched", names(plugged)[0])
    mesh.passes(LIFE)
    mesh.restart(cacerts(plugged))
    assert (mesh.step(), mesh.roots()) == ("steady", [names(plugged)[1]])


async def test_a_ca_that_was_changed_while_nobody_served_comes_in_steps(
    mesh: Mesh, plugged: Authority
) -> None:
    own = await mesh.signer()

    mesh.restart(cacerts(plugged))

    assert (mesh.step(), await mesh.signer(), len(mesh.roots())) == ("announced", own, 2)


async def test_a_ca_that_goes_leaves_in_steps(mesh: Mesh, plugged: Authority) -> None:
    own = await mesh.signer()
    mesh.put(cacerts(plugged))
    mesh.passes(MINUTE)
    mesh.passes(LIFE)

    mesh.put(None)
    assert (mesh.step(), await mesh.signer()) == ("announced", names(plugged)[0])
    mesh.passes(MINUTE)
    assert (mesh.step(), await mesh.signer()) == ("switched", own)


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_ca_that_cannot_work_changes_nothing(
    mesh: Mesh, plugged: Authority, is_restarted: bool
) -> None:
    mesh.put(cacerts(plugged))
    mesh.passes(MINUTE)
    mesh.passes(LIFE)
    broken = cacerts(plugged, **{"root-cert.pem": "not PEM"})

    with capture_logs() as logs:
        if is_restarted:
            mesh.restart(broken)
        else:
            mesh.put(broken)
        mesh.passes(LIFE)

    assert (mesh.step(), await mesh.signer()) == ("steady", names(plugged)[0])
    assert "ca_not_plugged_in" in [entry["event"] for entry in logs]


async def test_the_same_ca_again_changes_nothing(plugged: Authority, tmp_path: Path) -> None:
    mesh = Mesh(StateDirectory.opened(tmp_path / "state"), (cacerts(plugged),))
    before = mesh.trust.own_secrets(CART)

    mesh.put(cacerts(plugged, note="another entry"))
    mesh.passes(MINUTE)

    assert mesh.trust.own_secrets(CART) == before


async def test_the_own_root_rotates_when_asked(mesh: Mesh) -> None:
    before, (old_root,) = await mesh.signer(), mesh.roots()

    assert mesh.ca("rotate").exit_code == 0
    mesh.passes(timedelta())
    assert (mesh.step(), await mesh.signer(), len(mesh.roots())) == ("announced", before, 2)
    mesh.passes(MINUTE)
    assert mesh.step() == "switched"
    assert await mesh.signer() != before
    mesh.passes(LIFE)

    assert mesh.step() == "steady"
    assert len(mesh.roots()) == 1
    assert mesh.roots() != [old_root]
    files = sorted(path.name for path in mesh.state.authority.path.iterdir())
    assert files == ["ca.mesh.pem", "ca.root.pem", "rotation.json"]


@pytest.mark.parametrize("step", ["announced", "switched"])
async def test_a_rotation_of_the_own_root_can_be_aborted(mesh: Mesh, step: str) -> None:
    before, roots = await mesh.signer(), mesh.roots()
    kept = {n: mesh.state.authority.content(n) for n in ("ca.root.pem", "ca.mesh.pem")}
    mesh.ca("rotate")
    mesh.passes(timedelta())
    if step == "switched":
        mesh.passes(MINUTE)
    assert mesh.step() == step

    assert mesh.ca("rotate", "--abort").exit_code == 0
    mesh.passes(timedelta())
    assert await mesh.signer() == before
    mesh.passes(LIFE)

    assert (mesh.step(), mesh.roots()) == ("steady", roots)
    assert {n: mesh.state.authority.content(n) for n in kept} == kept
    mesh.restart()
    assert (mesh.step(), mesh.roots()) == ("steady", roots)


async def test_an_aborted_ca_comes_when_it_is_asked_for(mesh: Mesh, plugged: Authority) -> None:
    own = await mesh.signer()
    mesh.put(cacerts(plugged))
    mesh.ca("rotate", "--abort")
    mesh.passes(timedelta())
    assert (mesh.step(), await mesh.signer()) == ("steady", own)

    mesh.restart(cacerts(plugged))
    mesh.passes(LIFE)
    assert (mesh.step(), await mesh.signer()) == ("steady", own)

    mesh.ca("rotate")
    mesh.passes(timedelta())
    assert mesh.step() == "announced"


async def test_going_back_cannot_be_aborted(mesh: Mesh) -> None:
    before = await mesh.signer()
    mesh.ca("rotate")
    mesh.passes(timedelta())
    mesh.passes(MINUTE)
    mesh.ca("rotate", "--abort")
    mesh.passes(timedelta())

    mesh.ca("rotate", "--abort")
    with capture_logs() as logs:
        mesh.passes(timedelta())

    assert [entry["event"] for entry in logs] == ["ca_not_aborted"]
    assert await mesh.signer() == before


async def test_a_plugged_in_ca_is_not_rotated_by_the_command(
    mesh: Mesh, plugged: Authority
) -> None:
    mesh.put(cacerts(plugged))
    mesh.passes(MINUTE)
    mesh.passes(LIFE)
    mesh.ca("rotate")
    with capture_logs() as logs:
        mesh.passes(timedelta())

    assert [(e["event"], e["reason"]) for e in logs] == [
        ("ca_not_rotated", 'the CA is plugged in: change "cacerts"')
    ]
    assert mesh.step() == "steady"


async def test_the_intermediate_renews_itself_without_steps(mesh: Mesh) -> None:
    before, roots = await mesh.signer(), mesh.roots()

    mesh.passes(timedelta(days=183))

    assert (mesh.step(), mesh.roots()) == ("steady", roots)
    assert await mesh.signer() != before


async def test_an_intermediate_without_its_root_is_announced(mesh: Mesh) -> None:
    before = await mesh.signer()
    (mesh.state.authority.path / "ca.root.pem").unlink()

    said = []
    for days in (183, 100, 52, 16, 7, 6):
        with capture_logs() as logs:
            mesh.passes(timedelta(days=days))
            mesh.passes(MINUTE)
        said.append([entry["days_left"] for entry in logs])

    assert said == [[], [], [29], [13], [6], [0]]
    assert await mesh.signer() == before


def test_the_command_shows_where_it_stands(mesh: Mesh, plugged: Authority) -> None:
    mesh.put(cacerts(plugged))

    lines = mesh.ca("status").stdout.splitlines()

    assert [line.partition(" ")[0] for line in lines] == ["signs", "trusts", "trusts", "rotation"]
    assert lines[-1] == (
        "rotation step 1 of 2: the roots of both are trusted, the current authority signs, since "
        "2026-03-01 12:00 UTC"
    )
    assert names(plugged)[1] in lines[2]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("rotate", "--abort"), 3, "no change of roots is under way"),
        (("status", "--abort"), 2, "--abort goes with rotate"),
        (("turn",), 2, "'turn' is not one of 'status', 'rotate'"),
    ],
)
def test_what_cannot_be_is_reported(
    mesh: Mesh, arguments: tuple[str, ...], status: int, message: str
) -> None:
    mesh.trust.own_secrets(CART)

    result = mesh.ca(*arguments)

    assert (result.exit_code, message in result.stderr) == (status, True)


def test_before_anything_was_served_there_is_nothing_to_show(tmp_path: Path) -> None:
    place = ["--state", str(tmp_path / "state")]

    result = CliRunner().invoke(main, ["ca", "status", *place])

    assert result.exit_code == 3
    assert "no control plane has served with" in result.stderr


def test_nothing_shows_a_key(mesh: Mesh, plugged: Authority) -> None:
    mesh.put(cacerts(plugged))
    key = key_pem(plugged.key).decode().splitlines()[1]

    shown = (repr(mesh.trust), repr(mesh.trust.status()), mesh.ca("status").output)

    assert [text for text in shown if key in text or "PRIVATE" in text] == []
