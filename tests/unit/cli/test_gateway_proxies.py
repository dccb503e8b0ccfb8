"""Which gateways ``up`` runs, from the selectors of Gateways and the Services before them."""

from controlplane.base.names import Namespace, ObjectKey
from controlplane.cli.gateway_proxies import gateway_proxies
from controlplane.kinds.core.service import SERVICE, Service
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
