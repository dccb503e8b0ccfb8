"""``--local`` and ``controlplane endpoints``: services that are processes outside of a cluster."""

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from controlplane.base.errors import ServiceUnknown
from controlplane.base.names import Host, Namespace
from controlplane.cli.connection_option import connection
from controlplane.cli.main import main
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.queries.registry.endpoints import endpoints_of
from controlplane.serve.connected_services import ConnectedServices
from controlplane.sources.accepted import AcceptedObjects

MESH = """
apiVersion: v1
kind: Service
metadata: {name: details}
spec: {selector: {app: details}, ports: [{name: http, port: 9080}]}
---
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 80, targetPort: web}, {name: admin, port: 81}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v1}
spec: {template: {metadata: {labels: {app: reviews, version: v1, tier: back}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v2}
spec: {template: {metadata: {labels: {app: reviews, version: v2}}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets:
  - {name: old, labels: {version: v1}}
  - {name: beta, labels: {version: v3}}
---
apiVersion: v1
kind: Service
metadata: {name: plain}
spec: {ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, selector: {app: headless}, ports: [{name: tcp, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: partner}
spec:
  hosts: [api.partner.com]
  resolution: DNS
  ports: [{number: 443, name: tls, protocol: TLS}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: legacy}
spec:
  hosts: [legacy.internal]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8080, name: http, protocol: HTTP}]
---
apiVersion: v1
kind: Service
metadata: {name: details, namespace: other}
spec: {selector: {app: details}, ports: [{name: http, port: 9080}]}
"""
Found = list[tuple[str, dict[str, str]]]


class Mesh:
    """An engine with the mesh, and what ``options`` connect."""

    def __init__(self, *options: str, text: str = MESH, resolves: bool = False) -> None:
        self.engine = Engine(MeshConfig(), now=datetime(2026, 6, 1, tzinfo=UTC))
        self.connected = ConnectedServices(
            self.engine, [connection(option) for option in options], resolves=resolves
        )
        self.write(text)

    def write(self, text: str, name: str = "mesh.yaml") -> None:
        self.engine.apply_whole([(Path(name), text)])
        self.connect()

    def connect(self) -> None:
        changes = self.connected.changes()
        if changes:
            self.engine.apply(changes)

    def endpoints(self, host: str, port: int = 80, namespace: str = "default") -> Found:
        found = endpoints_of(self.engine.graph, Host(host), Namespace(namespace), port)
        each = ((f"{e.address}:{e.port}", dict(e.labels)) for e in found)
        return sorted(each, key=lambda e: (e[0], e[1].get("version", "")))

    def faults(self) -> list[str]:
        while self.engine.analyse():
            pass
        return [f"{d.code.id} {d.message}" for d in self.engine.diagnostics()]


REVIEWS = "reviews.default.svc.cluster.local"
V1 = {"app": "reviews", "version": "v1", "tier": "back"}
V2 = {"app": "reviews", "version": "v2"}
V3 = {"app": "reviews", "version": "v3"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["reviews/v2=9082"], [("127.0.0.1:9082", V2)]),
        (["reviews/old=9081"], [("127.0.0.1:9081", V1)]),
        (["reviews/beta=9083"], [("127.0.0.1:9083", V3)]),
        (["reviews/reviews-v2=9082"], [("127.0.0.1:9082", V2)]),
        (["reviews.default=10.0.0.9:80"], [("10.0.0.9:80", each) for each in (V1, V2, V3)]),
        (
            ["reviews=9080", "reviews/v2=9082"],
            [("127.0.0.1:9080", V1), ("127.0.0.1:9080", V3), ("127.0.0.1:9082", V2)],
        ),
        (
            ["reviews/v2=9082", "reviews/v2=9092"],
            [("127.0.0.1:9082", V2), ("127.0.0.1:9092", V2)],
        ),
        (["reviews/v2:admin=9081"], []),
        (["reviews/v2:admin=9081", "reviews/v2:80=9082"], [("127.0.0.1:9082", V2)]),
        (["reviews/v2=9082", "reviews/v2:admin=9081"], [("127.0.0.1:9082", V2)]),
        (["reviews/v2=[::1]:9082"], [("::1:9082", V2)]),
    ],
    ids=[
        "a subset by the version of a Deployment",
        "a subset of a DestinationRule, with all labels of its Deployment",
        "a subset without a Deployment",
        "a subset by the name of a Deployment",
        "without a subset one process is all of them",
        "but those that have a process of their own",
        "two processes share the requests",
        "another port",
        "two ports of one process",
        "a port besides all others",
        "IPv6",
    ],
)
def test_a_service_is_where_the_option_says(options: list[str], expected: Found) -> None:
    mesh = Mesh(*options)

    assert mesh.endpoints(REVIEWS) == expected


@pytest.mark.parametrize(
    ("options", "host", "port", "expected"),
    [
        (["reviews/v1=9081"], REVIEWS, 81, ["127.0.0.1:9081"]),
        (["reviews/v2=9082", "reviews/v2:admin=9081"], REVIEWS, 81, ["127.0.0.1:9081"]),
        (["plain=9080"], "plain.default.svc.cluster.local", 80, ["127.0.0.1:9080"]),
        (["headless=9080"], "headless.default.svc.cluster.local", 80, ["127.0.0.1:9080"]),
        (["api.partner.com=9443"], "api.partner.com", 443, ["127.0.0.1:9443"]),
        (["legacy.internal=9080"], "legacy.internal", 8080, ["127.0.0.1:9080"]),
    ],
    ids=[
        "every port gets the number",
        "a port gets its own",
        "a Service without a selector and names of ports",
        "a headless Service",
        "a ServiceEntry with DNS",
        "a ServiceEntry without endpoints",
    ],
)
def test_every_kind_of_service_can_be_connected(
    options: list[str], host: str, port: int, expected: list[str]
) -> None:
    found = Mesh(*options).endpoints(host, port)

    assert [address for address, _ in found] == expected


def test_the_option_takes_the_place_of_what_a_dump_lists() -> None:
    mesh = Mesh("reviews/v1=9081")

    mesh.write(
        """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: reviews-1, labels: {kubernetes.io/service-name: reviews}}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints: [{addresses: [10.0.0.1]}]
""",
        "slices.yaml",
    )

    assert mesh.endpoints(REVIEWS) == [("127.0.0.1:9081", V1)]


def test_a_service_that_comes_later_is_connected_and_one_that_goes_is_not() -> None:
    mesh = Mesh("reviews/v1=9081", text="")
    assert mesh.endpoints(REVIEWS) == []

    mesh.write(MESH)
    assert mesh.endpoints(REVIEWS) == [("127.0.0.1:9081", V1)]

    mesh.write(MESH.replace("tier: back", "tier: front"))
    assert mesh.endpoints(REVIEWS) == [("127.0.0.1:9081", V1 | {"tier": "front"})]

    mesh.write("")
    assert (mesh.endpoints(REVIEWS), mesh.connected.object_count) == ([], 0)


def test_what_the_option_makes_leads_back_to_the_option() -> None:
    mesh = Mesh("reviews/v1=9081")
    [made] = [c for c in mesh.engine.contents() if c.path != Path("mesh.yaml")]

    assert str(made.path) == "--local reviews/v1=9081"
    assert [raw.key.display_name for raw in made.objects] == [
        "WorkloadEntry default/local-reviews-old"
    ]


async def test_the_next_run_knows_nothing_of_the_option(tmp_path: Path) -> None:
    accepted = AcceptedObjects(tmp_path / "accepted.db")
    engine = Engine(MeshConfig(), now=datetime(2026, 6, 1, tzinfo=UTC), accepted=accepted)
    connected = ConnectedServices(engine, [connection("reviews=9081")], resolves=False)
    engine.load([(Path("mesh.yaml"), MESH)])
    engine.apply(connected.changes())

    await accepted.keep(engine.accepted)

    assert {key.kind.name for key in accepted.keys()} == {  # noqa: SIM118
        "Service",
        "Deployment",
        "DestinationRule",
        "ServiceEntry",
    }
    accepted.close()


@pytest.mark.parametrize(
    ("option", "message", "hint"),
    [
        ("reviws=1", 'there is no service "reviws"', "did you mean reviews?"),
        ("reviews/v4=1", 'reviews.default has no subset "v4"', "there is old, beta, v1, v2 and v3"),
        ("reviews:web=1", 'reviews.default has no port "web"', "there is http and admin"),
        ("details=1", '"details" is one of details.default, details.other: say which', None),
    ],
)
def test_what_is_not_declared_cannot_be_connected(
    option: str, message: str, hint: str | None
) -> None:
    with pytest.raises(ServiceUnknown) as raised:
        Mesh(option).connected.check()

    assert (raised.value.message, raised.value.hint) == (f"--local {option}: {message}", hint)


@pytest.mark.parametrize(
    "text",
    ["reviews", "reviews=", "reviews=x", "=80", "reviews=0", "reviews=65536", "a/=80", "a=:80"],
)
def test_what_is_no_connection_is_a_usage_error(text: str) -> None:
    with pytest.raises(click.BadParameter, match="such as reviews=9080"):
        connection(text)


def printed(folder: Path, *options: str) -> list[Any]:
    result = CliRunner().invoke(main, ["endpoints", str(folder), *options])
    assert result.exit_code == 0, result.output
    (folder / "endpoints.yaml").write_text(result.stdout)
    return list(yaml.safe_load_all(result.stdout))


def test_the_command_prints_entries_that_are_served(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(MESH)

    documents = printed(tmp_path, "--port-start", "9100")

    assert [(d["metadata"]["name"], d["spec"]["ports"]) for d in documents] == [
        ("details-local", {"http": 9100}),
        ("headless-local", {"tcp": 9101}),
        ("legacy.internal-local", {"http": 9102}),
        ("plain-local", {"80": 9103}),
        ("reviews-old-local", {"web": 9104, "admin": 9105}),
        ("reviews-v2-local", {"web": 9106, "admin": 9107}),
        ("details-local", {"http": 9108}),
    ]
    mesh = Mesh(text="")
    for file in sorted(tmp_path.iterdir()):
        mesh.write(file.read_text(), file.name)
    assert mesh.endpoints(REVIEWS) == [("127.0.0.1:9104", V1), ("127.0.0.1:9106", V2)]
    assert mesh.endpoints("headless.default.svc.cluster.local") == [
        ("127.0.0.1:9101", {"app": "headless"})
    ]
    assert [fault for fault in mesh.faults() if "beta" not in fault] == []


def test_the_command_has_nothing_to_say_of_services_with_endpoints(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(MESH)
    printed(tmp_path)

    assert printed(tmp_path) == []


async def test_a_host_by_name_is_where_dns_says() -> None:
    mesh = Mesh("reviews/v1=localhost:9081")
    assert mesh.endpoints(REVIEWS) == []

    assert await mesh.connected.look_up()
    mesh.connect()

    assert mesh.endpoints(REVIEWS) == [("127.0.0.1:9081", V1)]


async def test_services_without_endpoints_are_where_dns_finds_their_deployments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = {"reviews-v1": "10.0.0.1", "reviews-v2": "10.0.0.2", "details": "10.0.0.3"}

    async def getaddrinfo(name: str, *_: object, **__: object) -> list[Any]:
        if name not in names:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (names[name], 0))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    mesh = Mesh("details.other=9081", resolves=True)

    assert await mesh.connected.look_up()
    mesh.connect()

    assert mesh.endpoints(REVIEWS) == [("10.0.0.1:80", V1), ("10.0.0.2:80", V2)]
    assert mesh.endpoints(REVIEWS, 81) == [("10.0.0.1:81", V1), ("10.0.0.2:81", V2)]
    details = "details.default.svc.cluster.local"
    assert mesh.endpoints(details, 9080) == [("10.0.0.3:9080", {"app": "details"})]
    other = "details.other.svc.cluster.local"
    assert [a for a, _ in mesh.endpoints(other, 9080, "other")] == ["127.0.0.1:9081"]

    names["reviews-v1"] = "10.0.0.7"
    del names["reviews-v2"]
    assert await mesh.connected.look_up()
    mesh.connect()
    assert mesh.endpoints(REVIEWS) == [("10.0.0.2:80", V2), ("10.0.0.7:80", V1)]
    assert not await mesh.connected.look_up()
