"""What is reported of Gateways and ListenerSets: each condition that is not as wanted, at its
field.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from controlplane.base.names import Namespace, ObjectKey
from controlplane.engine.engine import Engine
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy_view import BoundGateway, ConnectedGateway, GatewayInstance
from controlplane.queries.inputs.connected_gateways import CONNECTED
from controlplane.queries.views.views import gateway_view
from tests.support.declared import Declared
from tests.support.kubernetes_gateways import gateway, listener_set
from tests.support.pki import Authority, encoded
from tests.support.reports import whole_analysis

NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
LEAF: Final = Authority(now=NOW).leaf("a.example")
SHOP: Final = (
    "apiVersion: v1\nkind: Secret\nmetadata: {name: shop, namespace: default}\n"
    f"data: {{tls.crt: {encoded(LEAF.certificate)}, tls.key: {encoded(LEAF.key)}}}\n---\n"
)
HTTP: Final = "{name: http, port: 80, protocol: HTTP}"
HTTPS: Final = "{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: shop}]}}"
ISTIO: Final = "gatewayClassName: istio"
AT: Final = "Gateway/default/edge.spec"


def https(refs: str) -> str:
    return f"{{name: https, port: 443, protocol: HTTPS, tls: {{certificateRefs: {refs}}}}}"


def verified(ref: str) -> str:
    return (
        f"{ISTIO}\n  tls: {{frontend: {{default: {{validation: {{caCertificateRefs: [{ref}]}}}}}}}}"
    )


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        (gateway(HTTP), set()),
        (SHOP + gateway(HTTPS), set()),
        (
            gateway(HTTP, "{name: b, port: 80, protocol: TCP}"),
            {f"CP0710 {AT}.listeners[1]"},
        ),
        (
            gateway(
                HTTP, "{name: b, port: 80, protocol: TCP}", more="gatewayClassName: controlplane"
            ),
            {f"CP0710 {AT}.listeners[0]", f"CP0710 {AT}.listeners[1]"},
        ),
        (
            gateway("{name: a, port: 80, protocol: http}"),
            {f"CP0711 {AT}.listeners[0].protocol"},
        ),
        (
            gateway(
                "{name: a, port: 80, protocol: HTTP, "
                "allowedRoutes: {kinds: [{kind: HTTPRoute}, {kind: TCPRoute}]}}"
            ),
            {f"CP0712 {AT}.listeners[0].allowedRoutes.kinds[1]"},
        ),
        (gateway(HTTPS), {f"CP0713 {AT}.listeners[0].tls.certificateRefs[0]"}),
        (
            gateway(https("[{name: shop, namespace: elsewhere}]")),
            {f"CP0714 {AT}.listeners[0].tls.certificateRefs[0]"},
        ),
        (
            SHOP + gateway(HTTPS, more=verified("{group: '', kind: ConfigMap, name: ca}")),
            {f"CP0715 {AT}.tls.frontend.default.validation.caCertificateRefs[0]"},
        ),
        (
            gateway(HTTP, more=f"{ISTIO}\n  addresses: [{{type: Hostname, value: gone}}]"),
            {f"CP0716 {AT}.addresses[0]"},
        ),
        (
            gateway(
                HTTP, more=f"{ISTIO}\n  addresses: [{{value: 192.0.2.1}}, {{value: 192.0.2.2}}]"
            ),
            {f"CP0716 {AT}.addresses[0]"},
        ),
        (
            gateway(
                HTTP,
                more=f"{ISTIO}\n  infrastructure: "
                "{parametersRef: {group: '', kind: ConfigMap, name: p}}",
            ),
            {f"CP0717 {AT}.infrastructure.parametersRef"},
        ),
        (
            gateway(HTTP) + listener_set("{name: b, port: 81, protocol: HTTP}"),
            {"CP0718 ListenerSet/default/more.spec.parentRef"},
        ),
        (
            gateway(
                HTTP, more=f"{ISTIO}\n  tls: {{backend: {{clientCertificateRef: {{name: c}}}}}}"
            ),
            {f"CP0719 {AT}.tls.backend.clientCertificateRef"},
        ),
        (gateway(HTTP, more="gatewayClassName: isito"), {f"CP0720 {AT}.gatewayClassName"}),
        (
            "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n"
            "metadata: {name: nginx}\nspec: {controllerName: example.com/nginx}\n---\n"
            + gateway("{name: a, port: 80, protocol: http}", more="gatewayClassName: nginx"),
            set(),
        ),
    ],
)
def test_a_condition_that_is_not_as_wanted_is_reported_at_its_field(
    text: str, reported: set[str]
) -> None:
    assert Declared(text, now=NOW).reported() == reported


def istio_gateway(host: str, name: str = "other", protocol: str = "HTTP", tls: str = "") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: default}}
spec:
  selector: {{gateway.networking.k8s.io/gateway-name: edge}}
  servers:
  - port: {{number: 443, name: main, protocol: {protocol}}}
    hosts: ["{host}"]{tls}
---
"""


def test_a_host_that_both_apis_serve_is_reported_with_who_comes_first() -> None:
    listener = "{name: http, port: 443, protocol: HTTP, hostname: a.example}"
    shared = Declared(gateway(listener) + istio_gateway("a.example"))
    apart = Declared(gateway(listener) + istio_gateway("b.example"))

    (found,) = [d for d in shared.diagnostics() if d.code.id == "CP0721"]
    assert found.message == (
        'host "a.example" on port 443 is served by listener "http" of Gateway default/edge too, '
        "whose routes come first"
    )
    assert str(found.place) == "Gateway/default/other.spec.servers[0]"
    assert [str(r.place) for r in found.related] == ["Gateway/default/edge.spec.listeners[0]"]
    assert "CP0721" not in {d.code.id for d in apart.diagnostics()}


def test_a_certificate_for_one_host_by_both_apis_is_the_first_ones() -> None:
    listener = (
        "{name: https, port: 443, protocol: HTTPS, hostname: a.example, "
        "tls: {certificateRefs: [{name: shop}]}}"
    )
    tls = "\n    tls: {mode: SIMPLE, credentialName: shop}"
    declared = Declared(
        SHOP + gateway(listener) + istio_gateway("a.example", protocol="HTTPS", tls=tls), now=NOW
    )

    (found,) = [d for d in declared.diagnostics() if d.code.id == "CP0310"]
    assert str(found.place) == "Gateway/default/other.spec.servers[0]"
    assert found.message.startswith('server "main" of Gateway default/other is not served: ')
    assert [str(r.place) for r in found.related] == ["Gateway/default/edge.spec.listeners[0]"]


def test_a_gateway_whose_service_has_no_proxy_is_reported_once_gateways_are_connected() -> None:
    service = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: front, namespace: default}\n"
        "spec: {ports: [{name: http, port: 80}]}\n---\n"
    )
    declared = Declared(
        service + gateway(HTTP, more=f"{ISTIO}\n  addresses: [{{type: Hostname, value: front}}]")
    )
    assert declared.reported() == set()

    def connect(*bound: BoundGateway) -> set[str]:
        instance = GatewayInstance(bound=bound)
        home = Namespace("default")
        proxy = ConnectedGateway(
            namespace=home, labels=(), instance=instance, view=gateway_view(home)
        )
        declared.graph.edit()
        declared.graph.set(CONNECTED, "gateways", (proxy,))
        return declared.reported()

    key = ObjectKey(KUBERNETES_GATEWAY, Namespace("default"), "edge")
    assert connect() == {f"CP0716 {AT}.addresses[0]"}
    assert connect(BoundGateway(gateway=key, ports=((80, 8080),), opens_other_ports=False)) == set()


def test_a_certificate_that_has_expired_is_reported_for_gateways_and_listener_sets() -> None:
    opened = f"{ISTIO}\n  allowedListeners: {{namespaces: {{from: Same}}}}"
    for text in (gateway(HTTPS), gateway(HTTP, more=opened) + listener_set(HTTPS)):
        declared = Declared(SHOP + text, now=NOW + timedelta(days=365))

        assert declared.reported() == {"CP0405 Secret/default/shop.data.tls.crt"}


def test_a_class_that_is_refused_is_said_to_be_refused() -> None:
    engine = Engine(MeshConfig(), now=NOW)
    refused = (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n"
        "metadata: {name: mine}\nspec: {controllerName: no-path}\n---\n"
    )

    engine.apply([(Path("a.yaml"), refused + gateway(HTTP, more="gatewayClassName: mine"))])

    (found,) = [each for each in whole_analysis(engine) if each.code.id == "CP0720"]
    assert found.message == "this leads nowhere because GatewayClass mine is refused"


def test_a_class_with_a_misspelled_controller_is_reported() -> None:
    mine = (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n"
        "metadata: {name: mine}\nspec: {controllerName: istio.io/gateway-controler}\n---\n"
    )
    declared = Declared(mine + gateway(HTTP, more="gatewayClassName: mine"))

    (found,) = [each for each in declared.diagnostics() if each.code.id == "CP0720"]
    assert found.hint == "write controllerName: istio.io/gateway-controller in GatewayClass mine"
    assert [str(r.place) for r in found.related] == ["GatewayClass//mine.spec.controllerName"]
