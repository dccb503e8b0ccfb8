"""What a Sidecar imports, and where its proxies listen for that."""

import pytest

from controlplane.base.names import Host, Namespace
from controlplane.base.shelf import SHARDS
from controlplane.model.egress import EVERYTHING, ImportedHosts, Imports, LookUp, PassOn, Refuse
from controlplane.model.outbound_view import Interception
from controlplane.model.proxy import ResolvedProxy, Role, labels_of
from controlplane.queries.registry.egress import egress_listeners, unknown_traffic
from controlplane.queries.registry.imported import imported_of_shard
from tests.support.declared import Declared
from tests.unit.clusters.given import mesh_of


def imports(*written: str) -> Imports:
    return Imports(
        tuple(
            ImportedHosts(
                Namespace(text.partition("/")[0].removeprefix("~")),
                Host(text.partition("/")[2]),
                is_excluded=text.startswith("~"),
            )
            for text in written
        )
    )


@pytest.mark.parametrize(
    ("written", "host", "admits"),
    [
        (("*/*",), "a.example.com", True),
        (("shop/*",), "a.example.com", True),
        (("other/*",), "a.example.com", False),
        (("shop/*.example.com",), "a.example.com", True),
        (("shop/*.example.com",), "*.example.com", True),
        (("shop/*.a.example.com",), "*.example.com", False),
        (("shop/a.example.com",), "*.example.com", False),
        (("shop/a.example.com",), "a.example.com", True),
        (("shop/*", "~shop/a.example.com"), "a.example.com", False),
        (("~shop/a.example.com", "shop/*"), "a.example.com", False),
        (("shop/*", "~other/a.example.com"), "a.example.com", True),
        (("*/*", "~*/*.example.com"), "a.example.com", False),
        ((), "a.example.com", False),
    ],
)
def test_a_service_is_imported_where_its_namespace_and_host_are_written(
    written: tuple[str, ...], host: str, admits: bool
) -> None:
    assert imports(*written).admits(Namespace("shop"), host) is admits


@pytest.mark.parametrize(
    ("written", "hosts", "admits"),
    [
        (("shop/a.example.com",), ("*.example.com",), True),
        (("shop/*.example.com",), ("a.example.com",), True),
        (("shop/b.example.com",), ("a.example.com", "b.example.com"), True),
        (("shop/b.example.com",), ("a.example.com",), False),
        (("other/*",), ("a.example.com",), False),
        (("shop/*", "~shop/a.example.com"), ("a.example.com", "b.example.com"), True),
        (("shop/*", "~shop/*.example.com"), ("a.example.com", "b.example.com"), False),
    ],
)
def test_rules_are_imported_where_a_host_overlaps_in_either_direction(
    written: tuple[str, ...], hosts: tuple[str, ...], admits: bool
) -> None:
    assert imports(*written).admits_rules(Namespace("shop"), hosts) is admits


SERVICES = """
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}, {name: http-admin, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: ratings, namespace: store}
spec: {clusterIP: 10.96.0.2, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: twice, namespace: store}
spec: {hosts: [twice.example.com], ports: [{number: 80, name: http, protocol: HTTP}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: twice, namespace: town}
spec: {hosts: [twice.example.com], ports: [{number: 81, name: http, protocol: HTTP}]}
---
"""


def sidecar(spec: str, *, name: str = "default", namespace: str = "shop") -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: Sidecar\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n---\n"
    )


def client(
    namespace: str = "shop", *, mode: Interception = Interception.REDIRECT, **labels: str
) -> ResolvedProxy:
    return ResolvedProxy(
        role=Role.SIDECAR,
        namespace=Namespace(namespace),
        labels=labels_of(labels),
        metadata=(("INTERCEPTION_MODE", mode.value),),
    )


def imported(text: str, proxy: ResolvedProxy) -> list[list[str]]:
    """``host:port`` of what each listener imports."""
    declared = Declared(text)
    view = declared.view(proxy).outbound
    return [
        sorted(
            f"{found.host}:{port.number}"
            for shard in range(SHARDS)
            for found in imported_of_shard(declared.graph, view, listener, shard)
            for port in found.ports
        )
        for listener in egress_listeners(declared.graph, view)
    ]


REVIEWS, RATINGS = "reviews.shop.svc.cluster.local", "ratings.store.svc.cluster.local"


def test_without_a_sidecar_everything_that_is_seen_is_imported() -> None:
    assert imported(SERVICES, client()) == [
        [f"{RATINGS}:80", f"{REVIEWS}:80", f"{REVIEWS}:8080", "twice.example.com:80"]
    ]


def test_a_host_is_the_imported_declaration_of_it() -> None:
    scoped = SERVICES + sidecar("{egress: [{hosts: [town/*]}]}")

    assert imported(scoped, client()) == [["twice.example.com:81"]]


def test_a_listener_for_a_port_imports_that_port_alone() -> None:
    scoped = SERVICES + sidecar(
        "{egress: [{port: {number: 80, protocol: HTTP, name: http}, hosts: [./*, store/*]}]}"
    )

    assert imported(scoped, client()) == [
        [f"{RATINGS}:80", f"{REVIEWS}:80", "twice.example.com:80"]
    ]


def test_a_proxy_listener_imports_every_port() -> None:
    scoped = SERVICES + sidecar(
        "{egress: [{port: {number: 1080, protocol: HTTP_PROXY, name: p}, hosts: [./*]}]}"
    )

    assert imported(scoped, client()) == [[f"{REVIEWS}:80", f"{REVIEWS}:8080"]]


def test_the_namespace_of_a_dot_in_the_root_namespace_is_the_proxys() -> None:
    scoped = SERVICES + sidecar("{egress: [{hosts: [./*]}]}", namespace="istio-system")

    assert imported(scoped, client("store")) == [[f"{RATINGS}:80", "twice.example.com:80"]]
    assert imported(scoped, client("empty")) == [[]]


WHICH = "".join(
    sidecar(f"{selector}, egress: [{{hosts: [{name}/*]}}]}}", name=name, namespace=namespace)
    for name, namespace, selector in (
        ("a-all", "shop", "{inboundConnectionPool: null"),
        ("z-web", "shop", "{workloadSelector: {labels: {app: web}}"),
        ("m-tier", "shop", "{workloadSelector: {labels: {tier: web}}"),
        ("root", "istio-system", "{inboundConnectionPool: null"),
        ("root-web", "istio-system", "{workloadSelector: {labels: {app: web}}"),
    )
)


@pytest.mark.parametrize(
    ("proxy", "applies"),
    [
        (client(app="web", tier="web"), "m-tier"),
        (client(app="web"), "z-web"),
        (client(app="other"), "a-all"),
        (client("elsewhere", app="web"), "root"),
        (client("istio-system", app="web"), "root-web"),
    ],
)
def test_a_selector_comes_before_none_and_the_root_namespace_last(
    proxy: ResolvedProxy, applies: str
) -> None:
    declared = Declared(WHICH)
    scope = declared.view(proxy).outbound.scope

    assert scope is not None
    assert scope.sidecar.name == applies


def test_a_gateway_has_no_sidecar() -> None:
    assert Declared(WHICH).view().outbound.scope is None


def test_proxies_share_a_view_where_the_root_sidecar_names_no_dot() -> None:
    declared = Declared(sidecar("{egress: [{hosts: [shop/*]}]}", namespace="istio-system"))
    one, two = (declared.view(client(name)).outbound for name in ("one", "two"))

    assert one.public == two.public


def test_listeners_without_interception_are_on_loopback() -> None:
    declared = Declared(SERVICES)
    found = egress_listeners(declared.graph, declared.view(client(mode=Interception.NONE)).outbound)

    assert [(listener.bind, listener.binds) for listener in found] == [("127.0.0.1", True)]


def test_a_listener_that_captures_nothing_has_its_socket_on_loopback() -> None:
    declared = Declared(
        sidecar(
            "{egress: [{port: {number: 81, protocol: HTTP, name: a}, captureMode: NONE,"
            " hosts: [./*]}, {port: {number: 0, protocol: HTTP, name: b}, bind: 'unix:///tmp/s',"
            " hosts: [./*]}, {port: {number: 82, protocol: HTTP, name: c}, bind: 10.0.0.1,"
            " hosts: [./*]}, {hosts: ['*/*']}]}"
        )
    )
    found = egress_listeners(declared.graph, declared.view(client()).outbound)

    assert [(listener.bind, listener.binds) for listener in found] == [
        ("127.0.0.1", True),
        ("unix:///tmp/s", True),
        ("10.0.0.1", False),
        ("", False),
    ]
    assert found[-1].imports == EVERYTHING


@pytest.mark.parametrize(
    ("spec", "mesh", "found"),
    [
        (None, "{}", PassOn()),
        (None, "{mode: REGISTRY_ONLY}", Refuse()),
        (None, "{mode: ALLOW_ANY_DYNAMIC_DNS}", LookUp()),
        ("{outboundTrafficPolicy: {}}", "{}", Refuse()),
        ("{outboundTrafficPolicy: {mode: ALLOW_ANY}}", "{mode: REGISTRY_ONLY}", PassOn()),
        (
            "{outboundTrafficPolicy: {mode: ALLOW_ANY,"
            " egressProxy: {host: e.example.com, subset: v1, port: {number: 80}}}}",
            "{}",
            PassOn("outbound|80|v1|e.example.com"),
        ),
        ("{egress: [{hosts: [./*]}]}", "{mode: REGISTRY_ONLY}", Refuse()),
    ],
)
def test_a_sidecar_decides_what_becomes_of_the_unknown_and_else_the_mesh(
    spec: str | None, mesh: str, found: object
) -> None:
    config = mesh_of(f"outboundTrafficPolicy: {mesh}")
    declared = Declared(sidecar(spec) if spec else "", mesh=config)
    view = declared.view(client()).outbound

    assert unknown_traffic(declared.graph, view.scope) == found
