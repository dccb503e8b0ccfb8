"""What is proposed where the parent or backend of a route is not declared."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.base.names import Kind
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.queries.analysis.route_references import PARENTS
from tests.support.declared import Declared
from tests.support.http_routes import HTTP, SERVICES, TO_SHOP, request_route
from tests.support.kubernetes_gateways import gateway, listener_set
from tests.support.reports import whole_analysis

RULE = f"{{{TO_SHOP}}}"
ISTIO = """apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*"]
---
"""
OF_GATEWAY = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
REFUSED = """apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: broken, namespace: default}
spec: {gatewayClassName: istio, listeners: []}
---
"""
VIRTUAL_SERVICE = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec:
  hosts: [shop.example.com]
  gateways: [edge]
  http:
  - route: [{destination: {host: shop}}]
---
"""


def declared(*objects: str) -> Declared:
    return Declared(gateway(HTTP) + SERVICES + "".join(objects))


def hints(found: Declared, code: str) -> list[str | None]:
    return [each.hint for each in found.diagnostics() if each.code.id == code]


@pytest.mark.parametrize(
    ("parent", "hint"),
    [
        ("{name: egde}", "write edge"),
        (
            "{name: edge, namespace: other}",
            "add namespace: default, where one is declared, whose listeners must allow routes of"
            " other (allowedRoutes)",
        ),
        ("{name: more}", "write kind: ListenerSet"),
        ("{name: shop}", 'write group: "", kind: Service'),
        ("{name: mesh}", 'for calls in the mesh write {group: "", kind: Service, name: SERVICE}'),
        (
            '{group: "", kind: Service, name: shop.default.svc.cluster.local}',
            "write shop: a parentRef has the name of the Service, not its hostname",
        ),
        (
            "{name: front}",
            "Gateway default/front is Istio's, to which VirtualServices are bound: declare one of"
            " gateway.networking.k8s.io, or let migrate write it",
        ),
        ("{name: elsewhere}", "declare Gateway default/elsewhere"),
    ],
)
def test_a_parent_that_is_not_declared_comes_with_what_was_meant(parent: str, hint: str) -> None:
    found = declared(ISTIO, listener_set(HTTP), request_route(RULE, parents=f"[{parent}]"))

    assert hints(found, "CP0731") == [hint]


@pytest.mark.parametrize("kind", PARENTS, ids=str)
@pytest.mark.parametrize("spelled", [str.lower, str.upper, lambda kind: f"{kind}s"])
def test_a_parent_of_a_misspelled_kind_is_reported_with_what_to_write(
    kind: Kind, spelled: Callable[[str], str]
) -> None:
    group = kind.group or '""'
    parent = f"{{group: {group}, kind: {spelled(kind.name)}, name: edge}}"
    found = declared(request_route(RULE, parents=f"[{parent}]"))

    assert hints(found, "CP0731") == [f"write kind: {kind.name}"]


@pytest.mark.parametrize(
    ("parent", "hint"),
    [
        ("{kind: Service, name: shop}", 'write group: ""'),
        ("{group: core, kind: Service, name: shop}", 'write group: ""'),
        ("{kind: service, name: shop}", 'write group: "", kind: Service'),
        ("{kind: ServiceEntry, name: shop}", "write group: networking.istio.io"),
        (
            "{group: networking.istio.io, kind: Gateway, name: edge}",
            "write group: gateway.networking.k8s.io",
        ),
    ],
)
def test_a_parent_of_a_wrong_group_is_reported_with_what_to_write(parent: str, hint: str) -> None:
    found = declared(request_route(RULE, parents=f"[{parent}]"))

    assert hints(found, "CP0731") == [hint]


def test_a_parent_of_a_kind_that_is_not_served_is_reported() -> None:
    parent = "{group: example.com, kind: Tunnel, name: edge}"
    found = declared(request_route(RULE, parents=f"[{parent}]"))

    (reported,) = [each for each in found.diagnostics() if each.code.id == "CP0203"]
    assert reported.message == (
        "parents of kind Tunnel are not supported, so this one has no effect"
    )


def test_a_route_without_parents_is_reported() -> None:
    found = declared(request_route(RULE, parents="[]"))

    assert hints(found, "CP0210") == ["add parentRefs: [{name: GATEWAY}]"]


def test_a_route_for_default_gateways_is_said_to_attach_to_nothing() -> None:
    found = declared(request_route(RULE, parents="[]\n  useDefaultGateways: All"))

    assert hints(found, "CP0210") == ["add parentRefs: [{name: GATEWAY}]"]


@pytest.mark.parametrize(
    ("parent", "hint"),
    [
        ("{name: egde}", "write edge"),
        ("{kind: gateway, name: edge}", "write kind: Gateway"),
    ],
)
def test_a_parent_of_a_listener_set_that_is_not_there_is_reported(parent: str, hint: str) -> None:
    found = declared(listener_set(HTTP, parent=parent))

    assert hints(found, "CP0731") == [hint]


def test_a_parent_that_is_refused_is_said_to_be_refused() -> None:
    engine = Engine(MeshConfig(), now=datetime(2026, 1, 1, tzinfo=UTC))
    text = REFUSED + request_route(RULE, parents="[{name: broken}]")

    engine.apply([(Path("routes.yaml"), text)])

    (refused,) = [each for each in whole_analysis(engine) if each.code.id == "CP0731"]
    assert refused.message == "this leads nowhere because Gateway default/broken is refused"


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("gateway.networking.k8s.io/v1", "gateway"),
        ("gateway.networking.k8s.io/v1", "Gatway"),
        ("networking.istio.io/v1", "Gateway"),
        ("gateway.networking.k8s.io", "Gateway"),
    ],
)
def test_a_parent_with_a_slip_in_its_kind_is_said_to_be_refused_until_it_is_mended(
    api_version: str, kind: str
) -> None:
    engine = Engine(MeshConfig(), now=datetime(2026, 1, 1, tzinfo=UTC))
    route = request_route(RULE)
    head = f"apiVersion: {api_version}\nkind: {kind}\n"
    slip = gateway(HTTP).replace(gateway(HTTP)[: len(OF_GATEWAY)], head)

    engine.apply([(Path("routes.yaml"), slip + SERVICES + route)])
    before = [each for each in whole_analysis(engine) if each.code.id == "CP0731"]
    engine.apply([(Path("routes.yaml"), gateway(HTTP) + SERVICES + route)])
    after = [each for each in whole_analysis(engine) if each.code.id == "CP0731"]

    (refused,) = before
    assert refused.message == "this leads nowhere because Gateway default/edge is refused"
    (related,) = refused.related
    assert str(related.place) == f"{kind}/default/edge"
    assert after == []


@pytest.mark.parametrize(
    ("backend", "hint"),
    [
        ("{name: shp, port: 80}", "write shop"),
        (
            "{name: far, port: 80}",
            "add namespace: other, where one is declared, and a ReferenceGrant there",
        ),
        ("{name: unheard-of, port: 80}", "create Service default/unheard-of"),
    ],
)
def test_a_backend_that_is_not_declared_comes_with_what_was_meant(backend: str, hint: str) -> None:
    far = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: far, namespace: other}\n"
        "spec: {ports: [{name: http, port: 80}]}\n---\n"
    )
    found = declared(far, request_route(f"{{backendRefs: [{backend}]}}"))

    assert hints(found, "CP0732") == [hint]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        (
            "shop.default.svc.cluster.local",
            'write "shop", or name kind Hostname of networking.istio.io',
        ),
        (
            "api.example.com",
            "declare a ServiceEntry, and name it by kind Hostname of networking.istio.io",
        ),
    ],
)
def test_a_hostname_in_place_of_a_service_comes_with_how_to_name_it(name: str, hint: str) -> None:
    found = declared(request_route(f"{{backendRefs: [{{name: {name}, port: 80}}]}}"))

    assert hints(found, "CP0734") == [hint]


def test_a_virtual_service_that_names_a_gateway_of_the_gateway_api_is_told_so() -> None:
    found = declared(VIRTUAL_SERVICE)

    assert hints(found, "CP0304") == [
        "Gateway default/edge is of the Gateway API: write an HTTPRoute for it"
    ]


@pytest.mark.parametrize(
    ("backend", "field", "hint"),
    [
        ("{kind: service, name: shop, port: 80}", "kind", "write kind: Service"),
        ("{kind: Services, name: shop, port: 80}", "kind", "write kind: Service"),
        ("{group: core, kind: Service, name: shop, port: 80}", "group", 'write group: ""'),
        ("{group: v1, name: shop, port: 80}", "group", 'write group: ""'),
        (
            "{kind: Hostname, name: partner.test, port: 80}",
            "group",
            "write group: networking.istio.io",
        ),
        (
            "{kind: ServiceImport, name: shop, port: 80}",
            "group",
            "write group: multicluster.x-k8s.io",
        ),
        ("{kind: Deployment, name: shop, port: 80}", "kind", "name a Service"),
    ],
)
def test_a_backend_of_a_kind_that_is_not_served_comes_with_what_to_write(
    backend: str, field: str, hint: str
) -> None:
    found = declared(request_route(f"{{backendRefs: [{backend}]}}")).diagnostics()

    (reported,) = [each for each in found if each.code.id == "CP0732"]
    assert (str(reported.place).rpartition(".")[2], reported.hint) == (field, hint)


X_BACKEND = """apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {name: partner, namespace: default}
spec: {type: ExternalHostname, port: {port: 443}, externalHostname: {hostname: partner.test}}
---
"""
PARTNER = """apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: partner, namespace: default}
spec:
  hosts: [partner.test]
  ports: [{number: 443, name: https, protocol: HTTPS}]
  resolution: DNS
---
"""


def test_an_external_backend_comes_with_its_form_in_istios_api() -> None:
    named = "{group: gateway.networking.x-k8s.io, kind: XBackend, name: partner, port: 443}"
    found = declared(request_route(f"{{backendRefs: [{named}]}}"), X_BACKEND)
    (hint,) = hints(found, "CP0732")
    assert hint is not None
    proposed = hint.partition("name that: ")[2]

    mended = declared(request_route(f"{{backendRefs: [{proposed}]}}"), X_BACKEND, PARTNER)

    assert hint.startswith("declare a ServiceEntry for partner.test, and name that: ")
    assert hints(mended, "CP0732") == []


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"])
def test_parents_and_backends_of_every_kind_of_route_are_looked_at(kind: str) -> None:
    hostnames = "  hostnames: [shop.example.com]\n" if kind == "TLSRoute" else ""
    route = (
        f"apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\n"
        f"metadata: {{name: lost, namespace: default}}\nspec:\n{hostnames}"
        "  parentRefs: [{name: egde}]\n"
        "  rules:\n  - backendRefs: [{name: shp, port: 80}]\n---\n"
    )

    found = declared(route)

    assert (hints(found, "CP0731"), hints(found, "CP0732")) == (["write edge"], ["write shop"])


def test_a_udp_route_for_calls_of_a_service_is_said_to_have_no_effect() -> None:
    route = (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: UDPRoute\n"
        "metadata: {name: calls, namespace: default}\nspec:\n"
        '  parentRefs: [{group: "", kind: Service, name: shop}]\n'
        "  rules:\n  - backendRefs: [{name: shop, port: 80}]\n---\n"
    )

    (found,) = [each for each in declared(route).diagnostics() if each.code.id == "CP0203"]

    assert found.message == (
        "UDPRoutes for calls of a Service are not supported yet, so this one has no effect there"
    )


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("{type: PathPrefix, value: /api/*}", "write type: PathPrefix, value: /api"),
        ("{type: Exact, value: /api*}", "write type: PathPrefix, value: /api"),
        ("{value: /*}", "write type: PathPrefix, value: /"),
        (
            "{type: Exact, value: /users/*/cart}",
            "write type: RegularExpression, value: '/users/[^/]+/cart'",
        ),
    ],
)
def test_a_star_in_a_path_is_reported_because_it_is_no_wildcard(path: str, hint: str) -> None:
    rule = f"{{matches: [{{path: {path}}}], {TO_SHOP}}}"
    found = declared(request_route(rule))

    assert hints(found, "CP0351") == [hint]


def test_a_star_in_a_regular_expression_is_one() -> None:
    path = "{type: RegularExpression, value: '/api/.*'}"
    found = declared(request_route(f"{{matches: [{{path: {path}}}], {TO_SHOP}}}"))

    assert hints(found, "CP0351") == []
