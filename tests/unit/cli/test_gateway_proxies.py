"""Which gateways ``up`` runs, from the selectors of Gateways and the Services before them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from controlplane.base.names import Namespace, ObjectKey
from controlplane.cli.gateway_process import gateway_process
from controlplane.cli.gateway_proxies import (
    Declared,
    Implied,
    gateway_proxies,
    implied_gateways,
)
from controlplane.kinds.core.service import SERVICE, Service, ServicePort
from controlplane.kinds.gateway_api.gateway import (
    KUBERNETES_GATEWAY,
    GatewayAddress,
    GatewayInfrastructure,
    KubernetesGateway,
)
from controlplane.kinds.gateway_api.gateway_class import GATEWAY_CLASS, GatewayClass
from controlplane.kinds.gateway_api.listener import Listener
from controlplane.kinds.gateway_api.listener_set import (
    LISTENER_SET,
    ListenerSet,
    ParentGatewayReference,
)
from controlplane.kinds.istio.gateway import GATEWAY, Gateway
from controlplane.kinds.object import Object

INGRESS = {"istio": "ingressgateway"}


def gateway(name: str, selector: dict[str, str], namespace: str = "shop") -> Object[Gateway]:
    key = ObjectKey(GATEWAY, Namespace(namespace), name)
    return Object(key=key, spec=Gateway(selector=selector))


def service(name: str, selector: dict[str, str], namespace: str = "edge") -> Object[Service]:
    key = ObjectKey(SERVICE, Namespace(namespace), name)
    return Object(key=key, spec=Service(selector=selector))


def names(*gateways: Object[Gateway], services: tuple[Object[Service], ...] = ()) -> list[str]:
    return [str(proxy) for proxy in gateway_proxies(gateways, services)]


def test_a_selector_of_the_label_istio_means_a_gateway_in_istio_system() -> None:
    (proxy,) = gateway_proxies([gateway("shop", INGRESS)], [])

    assert str(proxy) == "ingressgateway.istio-system"
    assert proxy.labels == (("istio", "ingressgateway"),)


def test_another_selector_means_a_gateway_beside_its_gateway_object() -> None:
    assert names(gateway("shop", {"app": "edge"})) == ["edge.shop"]
    assert names(gateway("shop", {"tier": "Front_End"})) == ["front-end.shop"]
    assert names(gateway("shop", {})) == ["gateway.shop"]


def test_a_service_that_selects_the_gateway_names_it() -> None:
    front = service("front", INGRESS)

    assert names(gateway("shop", INGRESS), services=(front,)) == ["front.edge"]
    assert names(gateway("shop", {**INGRESS, "a": "b"}), services=(front,)) == ["front.edge"]


def test_a_service_that_asks_for_more_labels_gives_them_to_the_gateway() -> None:
    front = service("istio-ingressgateway", {**INGRESS, "app": "istio-ingressgateway"})

    (proxy,) = gateway_proxies([gateway("shop", INGRESS)], [front])

    assert proxy.labels == (("app", "istio-ingressgateway"), ("istio", "ingressgateway"))


def test_a_service_of_something_else_names_nothing() -> None:
    others = (service("reviews", {"app": "reviews"}), service("headless", {}))

    assert names(gateway("shop", INGRESS), services=others) == ["ingressgateway.istio-system"]


def test_gateways_of_one_selector_share_a_proxy() -> None:
    assert names(gateway("a", INGRESS), gateway("b", INGRESS, "other")) == [
        "ingressgateway.istio-system"
    ]


def test_a_smaller_selector_is_served_by_the_proxy_of_the_larger() -> None:
    both = names(gateway("a", INGRESS), gateway("b", {**INGRESS, "zone": "eu"}), gateway("c", {}))

    assert both == ["ingressgateway.istio-system"]


def test_gateways_of_one_name_are_numbered() -> None:
    zones = [gateway(zone, {**INGRESS, "zone": zone}) for zone in ("eu", "us")]

    assert names(*zones) == ["ingressgateway.istio-system", "ingressgateway-2.istio-system"]


def kubernetes_gateway(
    name: str,
    class_name: str = "istio",
    *addresses: GatewayAddress,
    port: int = 8080,
    infrastructure: GatewayInfrastructure | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Object[KubernetesGateway]:
    return Object(
        key=ObjectKey(KUBERNETES_GATEWAY, Namespace("shop"), name),
        spec=KubernetesGateway(
            gateway_class_name=class_name,
            listeners=(Listener(name="http", port=port, protocol="HTTP"),),
            addresses=addresses,
            infrastructure=infrastructure,
        ),
        labels=labels or {},
        annotations=annotations or {},
    )


def hostname(value: str) -> GatewayAddress:
    return GatewayAddress(type="Hostname", value=value)


def gateway_class(name: str, controller: str) -> Object[GatewayClass]:
    key = ObjectKey(GATEWAY_CLASS, Namespace(""), name)
    return Object(key=key, spec=GatewayClass(controller_name=controller))


def implied(
    *gateways: Object[KubernetesGateway],
    selecting: tuple[Object[Gateway], ...] = (),
    services: tuple[Object[Service], ...] = (),
    classes: tuple[Object[GatewayClass], ...] = (),
) -> Implied:
    return implied_gateways(
        Declared(
            kubernetes_gateways=gateways, gateways=selecting, services=services, classes=classes
        )
    )


def names_implied(found: Implied) -> list[str]:
    return [str(gateway.proxy) for gateway in found.gateways]


def test_a_gateway_of_the_gateway_api_brings_a_proxy_of_its_own() -> None:
    (own,) = implied(kubernetes_gateway("front")).gateways

    assert (str(own.proxy), own.proxy.service_account) == ("front-istio.shop", "front-istio")
    assert dict(own.proxy.labels) == {
        "gateway.istio.io/managed": "istio.io-gateway-controller",
        "gateway.networking.k8s.io/gateway-class-name": "istio",
        "gateway.networking.k8s.io/gateway-name": "front",
        "service.istio.io/canonical-name": "front-istio",
        "service.istio.io/canonical-revision": "latest",
    }


def test_annotations_give_its_proxy_another_name_and_account() -> None:
    annotations = {
        "gateway.istio.io/name-override": "edge",
        "gateway.istio.io/service-account": "edge-account",
    }

    (own,) = implied(kubernetes_gateway("front", annotations=annotations)).gateways

    assert (own.proxy.name, own.proxy.service_account) == ("edge", "edge-account")
    assert ("service.istio.io/canonical-name", "edge") in own.proxy.labels


@pytest.mark.parametrize("text", ["../../../etc/x", "a/ns/other/sa/b", "a~b", "a,b=", "Edge", ""])
def test_an_annotation_that_is_no_name_gives_none(text: str) -> None:
    annotations = {
        "gateway.istio.io/name-override": text,
        "gateway.istio.io/service-account": text,
    }

    (own,) = implied(kubernetes_gateway("front", annotations=annotations)).gateways

    assert (own.proxy.name, own.proxy.service_account) == ("front-istio", "front-istio")


@pytest.mark.parametrize("name", ["../../../etc/x.shop", "/etc/x.shop", "a\0b", "x" * 600, ".."])
def test_the_files_of_a_gateway_are_in_its_folder_whatever_its_name(
    tmp_path: Path, name: str
) -> None:
    process = gateway_process(name, tmp_path / "gateways", ())
    (tmp_path / "gateways" / "of-another.log").touch()

    for file in (process.log, process.bootstrap, process.token):
        file.touch()
        assert file.resolve().parent == tmp_path / "gateways"


def test_labels_of_the_infrastructure_replace_those_of_the_gateway() -> None:
    infrastructure = GatewayInfrastructure(
        labels={"tier": "edge", "gateway.networking.k8s.io/gateway-name": "other"}
    )
    gateway = kubernetes_gateway("front", labels={"app": "x"}, infrastructure=infrastructure)

    (copied,) = implied(kubernetes_gateway("front", labels={"app": "x"})).gateways
    (own,) = implied(gateway).gateways

    assert dict(copied.proxy.labels)["app"] == "x"
    assert "app" not in dict(own.proxy.labels)
    assert dict(own.proxy.labels)["tier"] == "edge"
    assert dict(own.proxy.labels)["gateway.networking.k8s.io/gateway-name"] == "front"


def test_the_class_says_whose_a_gateway_is() -> None:
    mine, other = "istio.io/gateway-controller", "example.com/controller"
    gateways = [kubernetes_gateway(name, name) for name in ("istio", "controlplane", "edge", "foo")]

    without = implied(*gateways)
    with_classes = implied(
        *gateways, classes=(gateway_class("edge", mine), gateway_class("istio", other))
    )
    own = implied(*gateways, classes=(gateway_class("foo", "controlplane/gateway"),))

    assert names_implied(without) == ["controlplane-controlplane.shop", "istio-istio.shop"]
    assert names_implied(with_classes) == ["controlplane-controlplane.shop", "edge-edge.shop"]
    assert "foo-foo.shop" in names_implied(own)


def test_a_gateway_with_the_address_of_a_service_is_served_by_what_the_service_selects() -> None:
    edge = service("edge", INGRESS, "istio-system")
    front = kubernetes_gateway("front", "istio", hostname("edge.istio-system.svc.cluster.local"))

    both = implied(front, selecting=(gateway("shop", INGRESS),), services=(edge,))
    alone = implied(front, services=(edge,))

    assert names_implied(both) == ["edge.istio-system"]
    assert names_implied(alone) == ["edge.istio-system"]
    assert (both.unserved, alone.unserved) == ((), ())


def test_a_service_of_one_label_alone_is_a_service_of_the_gateways_namespace() -> None:
    front = kubernetes_gateway("front", "istio", hostname("edge"))

    assert names_implied(implied(front, services=(service("edge", INGRESS, "shop"),))) == [
        "edge.shop"
    ]


def test_a_gateway_whose_service_selects_nothing_is_not_served() -> None:
    front = kubernetes_gateway("front", "istio", hostname("edge"))

    found = implied(front, services=(service("edge", {}, "shop"), service("edge", INGRESS)))

    assert (names_implied(found), found.unserved) == ([], (front.key,))


def test_an_address_that_a_gateway_asks_for_is_its_proxys() -> None:
    front = kubernetes_gateway("front", "istio", GatewayAddress(value="127.0.9.1"))

    (own,) = implied(front).gateways

    assert own.proxy.address == "127.0.9.1"


def test_other_listeners_leave_the_proxy_as_it_is() -> None:
    (before,) = implied(kubernetes_gateway("front", port=8080)).gateways
    (after,) = implied(kubernetes_gateway("front", port=8081)).gateways

    assert before.proxy == after.proxy
    assert before.ports != after.ports


def test_the_ports_of_a_gateway_are_those_of_its_listener_sets_too() -> None:
    added = Object(
        key=ObjectKey(LISTENER_SET, Namespace("shop"), "more"),
        spec=ListenerSet(
            parent_ref=ParentGatewayReference(name="front"),
            listeners=(Listener(name="dns", port=53, protocol="UDP"),),
        ),
    )
    declared = Declared(kubernetes_gateways=(kubernetes_gateway("front"),), listener_sets=(added,))

    (own,) = implied_gateways(declared).gateways

    assert {(port.number, port.is_udp) for port in own.ports} == {(8080, False), (53, True)}


def test_two_gateways_of_one_name_have_two_proxies() -> None:
    override = {"gateway.istio.io/name-override": "edge"}
    found = implied(
        kubernetes_gateway("a", annotations=override), kubernetes_gateway("b", annotations=override)
    )

    assert names_implied(found) == ["edge.shop", "edge-2.shop"]


def test_a_port_that_a_service_maps_is_listened_on_where_it_arrives() -> None:
    front = Object(
        key=ObjectKey(SERVICE, Namespace("shop"), "front-istio"),
        spec=Service(selector={"a": "b"}, ports=(ServicePort(port=80, target_port=8080),)),
    )

    (own,) = implied(kubernetes_gateway("front", port=80), services=(front,)).gateways

    assert {port.number for port in own.ports} == {8080}


def test_a_gateway_with_several_addresses_has_no_proxy() -> None:
    addresses = (GatewayAddress(value="127.0.9.1"), GatewayAddress(value="127.0.9.2"))
    front = kubernetes_gateway("front", "istio", *addresses)

    assert (implied(front).gateways, implied(front).unserved) == ((), (front.key,))
