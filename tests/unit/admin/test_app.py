"""The HTTP interface: what it answers, to whom, and when."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from controlplane.admin.app import application, probe_application
from controlplane.admin.authorization import AskedCall, WorkloadAuthorization
from controlplane.admin.metrics import Metrics
from controlplane.admin.objects import FoundObjects, Gateways, ObjectsOfKind, ShownObject
from controlplane.admin.server import listener, serving
from controlplane.admin.tls import TlsState
from controlplane.admin.view import (
    ConfigResource,
    Diagnosis,
    ListedObject,
    ProxyConfig,
    ProxyStatus,
    ShownProxy,
    Status,
    SyncState,
    TypeStatus,
)
from controlplane.admin.workload import Workload
from controlplane.base.errors import ListenFailed
from controlplane.base.names import Namespace, ObjectKey
from controlplane.envoy.resource import TypeUrl
from controlplane.kinds.istio.gateway import GATEWAY

EDGE = ProxyStatus(
    name="edge",
    namespace="shop",
    role="gateway",
    service_account="edge",
    node="edge.shop",
    peer="127.0.0.1:50000",
    variant="delta",
    connected=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
    revision=7,
    types=(TypeStatus(type="route", state=SyncState.SYNCED),),
)


@dataclass
class Fleet:
    """A small overview: one proxy."""

    loaded: bool = True
    held: tuple[ObjectKey, ...] = (ObjectKey(GATEWAY, Namespace("default"), "shop"),)
    counted: Metrics = field(default_factory=lambda: Metrics("0.1.0"))

    def ready(self) -> bool:
        return self.loaded

    def status(self) -> Status:
        proxies = (ShownProxy(proxy=EDGE),)
        return Status(ready=True, revision=7, objects=3, refused=0, proxies=proxies)

    async def config(self, proxy: str, part: str) -> ProxyConfig | None:
        if proxy != "edge.shop":
            return None
        resource = ConfigResource(name=part, version="1", resource={"name": part})
        return ProxyConfig(
            proxy=proxy,
            role="gateway",
            service_account="edge",
            labels={"app": "edge"},
            addresses=("10.0.0.1",),
            revision=7,
            routes=(resource,),
        )

    async def workload(self, name: str) -> Workload | None:  # noqa: ARG002 none is connected
        return None

    def authorization(self, name: str, call: AskedCall | None) -> WorkloadAuthorization | None:
        if name != "edge.shop":
            return None
        return WorkloadAuthorization(
            workload=name,
            connected=True,
            labels={},
            ports=(),
            steps=(),
            otherwise=str(call.method if call is not None else None),
        )

    async def diagnostics(self) -> Diagnosis:
        return Diagnosis(diagnostics=(), objects=3, refused=0)

    async def tls(self) -> TlsState:
        return TlsState(destinations=(), secrets=(), problems=())

    async def objects(self) -> tuple[ListedObject, ...]:
        raise ValueError("a fault of ours")

    async def objects_of(self, kind: str) -> ObjectsOfKind | None:
        return ObjectsOfKind(objects=()) if kind == "gateways" else None

    def object(self, kind: str, namespace: str, name: str) -> FoundObjects | None:
        if kind != "gateway":
            return None
        shown = ShownObject(object=f"{kind}/{namespace}/{name}", refused=False, manifest={"a": 1})
        return FoundObjects(objects=(shown,))

    def gateways(self) -> Gateways:
        return Gateways(gateways=())

    def metrics(self) -> tuple[bytes, str]:
        return self.counted.exposition()

    def confirm(self) -> tuple[ObjectKey, ...]:
        removed, self.held = self.held, ()
        return removed


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
async def client(fleet: Fleet) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=application(fleet, fleet.confirm, "cp.example.com"))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:15014") as client:
        yield client


async def test_it_is_ready_once_the_first_load_is_complete(
    fleet: Fleet, client: httpx.AsyncClient
) -> None:
    fleet.loaded = False
    early = await client.get("/readyz")
    alive = await client.get("/healthz")
    fleet.loaded = True
    late = await client.get("/readyz")

    assert (early.status_code, early.text) == (503, "the first load is not complete\n")
    assert (alive.status_code, alive.text) == (200, "ok\n")
    assert (late.status_code, late.text) == (200, "ready\n")


async def test_values_come_as_plain_json(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/status")

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["proxies"][0]["proxy"] == {
        "name": "edge",
        "namespace": "shop",
        "role": "gateway",
        "service_account": "edge",
        "node": "edge.shop",
        "peer": "127.0.0.1:50000",
        "variant": "delta",
        "connected": "2026-03-01T12:00:00Z",
        "revision": 7,
        "types": [
            {"type": "route", "state": "synced", "since": None, "revision": None, "rejections": []}
        ],
        "version": "",
    }


def config(part: str) -> dict[str, object]:
    """What the fleet answers; parts that were not asked for are absent."""
    resource = {"name": part, "version": "1", "resource": {"name": part}}
    return {
        "proxy": "edge.shop",
        "role": "gateway",
        "service_account": "edge",
        "labels": {"app": "edge"},
        "addresses": ["10.0.0.1"],
        "revision": 7,
        "routes": [{**resource, "origins": [], "parts": []}],
    }


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/api/v1/config/edge.shop", 200, config("all")),
        ("/api/v1/config/edge.shop?part=routes", 200, config("routes")),
        ("/api/v1/config/nobody", 404, {"error": 'no proxy "nobody" is connected'}),
        (
            "/api/v1/config/edge.shop?part=x",
            400,
            {
                "error": 'part "x" is not one of all, listeners, routes, clusters, endpoints, '
                "secrets, extensions",
            },
        ),
        ("/api/v1/diagnostics", 200, {"diagnostics": [], "objects": 3, "refused": 0}),
        ("/debug", 404, {"error": "GET /debug is not served"}),
    ],
)
async def test_what_is_asked_for_is_answered(
    client: httpx.AsyncClient, path: str, status: int, body: object
) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.json()) == (status, body)


async def test_nothing_can_be_changed(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/status")

    assert (answer.status_code, answer.json()) == (
        405,
        {"error": "POST /api/v1/status is not served"},
    )


async def test_objects_are_listed_by_kind(client: httpx.AsyncClient) -> None:
    found = await client.get("/api/v1/objects/gateways")
    unknown = await client.get("/api/v1/objects/doors")

    assert (found.status_code, found.json()) == (200, {"objects": []})
    assert unknown.status_code == 404


async def test_a_fault_of_ours_costs_one_request(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await client.get("/api/v1/objects")

    assert answer.status_code == 500
    assert "a fault of ours" not in answer.text
    assert "a fault of ours" in capsys.readouterr().out
    assert (await client.get("/api/v1/status")).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:15014", 200),
        ("127.0.0.1", 200),
        ("[::1]:15014", 200),
        ("10.0.0.7:15014", 200),
        ("controlplane:15014", 200),
        ("CP.example.com", 200),
        ("evil.example", 421),
        ("evil.example:15014", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.", 200),
        ("evil.example.", 421),
        ("", 421),
    ],
)
async def test_only_names_that_no_web_site_can_have_are_answered(
    client: httpx.AsyncClient, host: str, status: int
) -> None:
    answer = await client.get("/api/v1/status", headers={"host": host})

    assert answer.status_code == status


async def test_metrics_have_istiods_names(fleet: Fleet, client: httpx.AsyncClient) -> None:
    fleet.counted.look_up(
        connections=lambda: 7,
        services=lambda: 5,
        virtual_services=lambda: 4,
        objects=lambda: 11,
        refused=lambda: 1,
        held=lambda: 2,
    )
    fleet.counted.sent(TypeUrl.ROUTE, 1234)
    fleet.counted.rejected(TypeUrl.LISTENER)
    fleet.counted.changed(timedelta(milliseconds=3))
    fleet.counted.converged(timedelta(milliseconds=30))
    root = datetime(2036, 1, 1, tzinfo=UTC)
    fleet.counted.expire(tuple, lambda: root, lambda: root, lambda: datetime.now(UTC))

    answer = await client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.text.splitlines()
    for line in (
        'pilot_info{version="0.1.0"} 1.0',
        "pilot_xds 7.0",
        "pilot_services 5.0",
        "pilot_virt_services 4.0",
        'controlplane_objects{state="refused"} 1.0',
        'controlplane_objects{state="removal_held"} 2.0',
        "# TYPE pilot_xds_pushes counter",
        'pilot_xds_pushes{type="rds"} 1.0',
        'pilot_total_xds_rejects{type="lds"} 1.0',
        'pilot_proxy_convergence_time_bucket{le="0.1"} 1.0',
        "citadel_server_root_cert_expiry_timestamp 2.0827584e+09",
    ):
        assert line in lines


async def test_it_serves_on_a_socket_and_stops(fleet: Fleet) -> None:
    listening = listener("127.0.0.1", 0)
    port = listening.getsockname()[1]

    interface = application(fleet, fleet.confirm, "127.0.0.1")
    async with serving(interface, listening), httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
        with pytest.raises(ListenFailed) as caught:
            listener("127.0.0.1", port)

    assert caught.value.message == f"cannot listen on 127.0.0.1:{port}: Address already in use"
    listener("127.0.0.1", port).close()


async def test_a_removal_is_confirmed_by_a_request_that_no_page_can_make_a_browser_send(
    client: httpx.AsyncClient,
) -> None:
    path = "/api/v1/confirm-removal"
    forged = await client.post(path, content=b"", headers={"content-type": "text/plain"})
    read = await client.get(path)
    confirmed = await client.post(path, json={})
    again = await client.post(path, json={})

    assert (forged.status_code, read.status_code) == (415, 405)
    assert confirmed.json() == {"objects": ["Gateway/default/shop"]}
    assert again.json() == {"objects": []}


async def test_a_large_body_is_refused_unread(client: httpx.AsyncClient) -> None:
    small = await client.post("/api/v1/confirm-removal", json={"a": "x" * 1_000})
    large = await client.post("/api/v1/confirm-removal", json={"a": "x" * 5_000})
    very_large = await client.get("/healthz", headers={"content-length": "9" * 4_000})

    assert (small.status_code, large.status_code, very_large.status_code) == (200, 413, 413)
    assert large.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/metrics", 200),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/api/v1/status", 404),
        ("/api/v1/objects", 404),
        ("/", 404),
    ],
)
async def test_monitoring_gets_metrics_and_health_alone_by_any_name(
    path: str, status: int, fleet: Fleet
) -> None:
    transport = httpx.ASGITransport(app=probe_application(fleet, lambda: "ok"))
    where = "http://controlplane.monitoring.example.com"
    async with httpx.AsyncClient(transport=transport, base_url=where) as client:
        answer = await client.get(path)
        changing = await client.post("/api/v1/confirm-removal", json={})

    assert (answer.status_code, changing.status_code) == (status, 404)


async def test_a_workload_that_is_not_connected_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/workload/reviews-v1")

    assert answer.status_code == 404
    assert answer.json() == {"error": 'no sidecar "reviews-v1" is connected'}


async def test_who_may_call_a_workload_and_what_becomes_of_a_call(
    client: httpx.AsyncClient,
) -> None:
    path = "/api/v1/authz/edge.shop"
    plain, asked = await client.get(path), await client.get(path, params={"call": '{"method":"G"}'})

    assert [plain.json()["otherwise"], asked.json()["otherwise"]] == ["None", "G"]
    assert (await client.get("/api/v1/authz/other")).status_code == 404


@pytest.mark.parametrize(
    "call", ["{", '{"port": "x"}', '{"ip": "here"}', '{"peer_ip": "fe80::1%e"}']
)
async def test_a_call_that_makes_no_sense_is_not_asked_about(
    client: httpx.AsyncClient, call: str
) -> None:
    answer = await client.get("/api/v1/authz/edge.shop", params={"call": call})

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("call: ")


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("objects/gateway/shop/edge", 200, "gateway/shop/edge"),
        ("objects/gateway/ours", 200, "gateway//ours"),
        ("objects/other/shop/edge", 404, 'no object is of a kind \\"other\\"'),
        ("gateways", 200, '"gateways":[]'),
    ],
)
async def test_objects_and_gateways_are_shown(
    client: httpx.AsyncClient, path: str, status: int, said: str
) -> None:
    answer = await client.get(f"/api/v1/{path}")

    assert (answer.status_code, said in answer.text) == (status, True)
