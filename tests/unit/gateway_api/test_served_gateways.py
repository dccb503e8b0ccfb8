"""Which proxies serve a Gateway, and where they listen."""

import pytest

from controlplane.base.names import Namespace
from controlplane.model.proxy import ResolvedProxy, Role, Target
from tests.support.declared import Declared, plain
from tests.support.kubernetes_gateways import EDGE, behind, gateway, listening

HTTP = "{name: http, port: 8080, protocol: HTTP}"


def proxy(namespace: str, name: str) -> ResolvedProxy:
    labels = (("gateway.networking.k8s.io/gateway-name", name),)
    return ResolvedProxy(role=Role.GATEWAY, namespace=Namespace(namespace), labels=labels)


def gateway_class(name: str, controller: str) -> str:
    return (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n"
        f"metadata: {{name: {name}}}\nspec: {{controllerName: {controller}}}\n---\n"
    )


def test_a_proxy_that_is_labelled_with_the_name_of_a_gateway_listens_and_answers_404() -> None:
    declared = Declared(gateway(HTTP))

    assert listening(declared) == ["0.0.0.0_8080"]
    routes = declared.resources(EDGE).routes
    assert [plain(routes[name])["virtual_hosts"] for name in routes] == [
        [{"name": "blackhole:8080", "domains": ["*"]}]
    ]


@pytest.mark.parametrize(
    ("namespace", "name"), [("default", "other"), ("elsewhere", "edge"), ("elsewhere", "")]
)
def test_other_proxies_do_not_listen(namespace: str, name: str) -> None:
    assert listening(Declared(gateway(HTTP)), proxy(namespace, name)) == []


@pytest.mark.parametrize(
    ("classes", "named", "served"),
    [
        ("", "istio", True),
        ("", "controlplane", True),
        ("", "nginx", False),
        (gateway_class("mine", "istio.io/gateway-controller"), "mine", True),
        (gateway_class("mine", "controlplane/gateway"), "mine", True),
        (gateway_class("mine", "example.com/nginx"), "mine", False),
        (gateway_class("istio", "example.com/other"), "istio", False),
    ],
)
def test_a_gateway_is_served_when_the_controller_of_its_class_is_here(
    classes: str, named: str, served: bool
) -> None:
    declared = Declared(classes + gateway(HTTP, more=f"gatewayClassName: {named}"))

    assert bool(listening(declared)) is served


@pytest.mark.parametrize("address", ["ingress", "ingress.default.svc.cluster.local"])
def test_the_hostname_of_a_service_binds_a_gateway_to_the_proxies_behind_it(address: str) -> None:
    spec = f"gatewayClassName: istio\n  addresses: [{{type: Hostname, value: {address}}}]"
    declared = Declared(gateway(HTTP, "{name: other, port: 8443, protocol: HTTP}", more=spec))
    host = "ingress.default.svc.cluster.local"

    assert listening(declared, behind(Target(host, 8080, 9090))) == ["0.0.0.0_9090"]
    assert listening(declared, behind(Target(host, 8080, 9090), Target(host, 8080, 9091))) == [
        "0.0.0.0_9090",
        "0.0.0.0_9091",
    ]
    assert listening(declared, behind(Target(host, 443, 8443))) == []
    assert listening(declared, behind(Target(host, 8080, 9090), namespace="elsewhere")) == []
    assert listening(declared) == []  # the label alone does not bind it


def test_the_service_of_a_gateway_says_where_its_ports_arrive() -> None:
    declared = Declared(gateway(HTTP, "{name: b, port: 8081, protocol: HTTP}"))
    target = Target("edge-istio.default.svc.cluster.local", 8080, 9090)
    labelled = ResolvedProxy(
        role=Role.GATEWAY, namespace=Namespace("default"), labels=EDGE.labels, targets=(target,)
    )

    assert listening(declared, behind(target)) == ["0.0.0.0_9090"]
    assert listening(declared, labelled) == ["0.0.0.0_8081", "0.0.0.0_9090"]
