"""Under which names a sidecar finds a service."""

import pytest

from tests.support.declared import Declared
from tests.support.mesh_routes import (
    clusters,
    domains,
    entry,
    routed,
    service,
    sidecar,
)

CART = service("cart", ip="10.96.0.1")


def test_a_service_has_its_bare_name_in_its_own_namespace() -> None:
    declared = Declared(CART)

    assert domains(declared, "80")["cart.shop.svc.cluster.local:80"] == [
        "cart.shop.svc.cluster.local",
        "cart.shop.svc.cluster.local.",
        "cart",
        "cart.shop.svc",
        "cart.shop",
        "10.96.0.1",
    ]


def test_a_service_of_another_namespace_has_no_bare_name() -> None:
    found = domains(Declared(CART), "80", sidecar("bank"))["cart.shop.svc.cluster.local:80"]

    assert "cart" not in found
    assert "cart.shop" in found


def test_a_host_outside_the_cluster_is_only_itself() -> None:
    declared = Declared(entry("www.example.com", spec="addresses: [10.0.0.7, 10.0.0.8]"))

    assert domains(declared, "80")["www.example.com:80"] == [
        "www.example.com",
        "www.example.com.",
        "10.0.0.7",
    ]


def test_any_name_may_precede_a_headless_service() -> None:
    declared = Declared(service("peers", ip="None"))

    found = domains(declared, "80")["peers.shop.svc.cluster.local:80"]

    assert set(found) >= {"*.peers.shop.svc.cluster.local", "*.peers.shop", "*.peers", "peers"}


def test_an_alias_is_another_name_of_its_target() -> None:
    alias = service(
        "old", "bank", spec="type: ExternalName, externalName: cart.shop.svc.cluster.local"
    )
    declared = Declared(CART + alias)

    found = domains(declared, "80")["cart.shop.svc.cluster.local:80"]

    assert {"old.bank.svc.cluster.local", "old.bank", "old.bank.svc"} <= set(found)
    assert "old" not in found
    assert "old" in domains(declared, "80", sidecar("bank"))["cart.shop.svc.cluster.local:80"]


def test_an_alias_of_an_alias_is_one_too() -> None:
    first = service("a", spec="type: ExternalName, externalName: cart.shop.svc.cluster.local")
    second = service("b", spec="type: ExternalName, externalName: a.shop.svc.cluster.local")

    found = domains(Declared(CART + first + second), "80")["cart.shop.svc.cluster.local:80"]

    assert {"a", "b"} <= set(found)


def test_an_ipv6_address_is_in_brackets_and_only_for_those_who_use_it() -> None:
    dual = service("dual", spec="clusterIPs: [10.96.0.1, 'fd00::1']")
    six = entry("six.example.com", spec="addresses: ['fd00::2']")
    declared = Declared(dual + six)

    found = domains(declared, "80")

    assert "[fd00::1]" not in found["dual.shop.svc.cluster.local:80"]
    assert "[fd00::2]" in found["six.example.com:80"]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_a_name_is_its_hosts_own_before_it_is_a_spelling_of_another(order: tuple[str, str]) -> None:
    texts = {"a": CART, "b": entry("cart.shop", "bank")}
    declared = Declared("".join(texts[each] for each in order))

    assert "cart.shop" not in domains(declared, "80")["cart.shop.svc.cluster.local:80"]
    assert clusters(declared, "80", "cart.shop") == ["outbound|80||cart.shop"]


def test_a_spelling_goes_to_the_virtualservice_that_names_it() -> None:
    declared = Declared(CART + routed("v", '["cart.shop"]', "other.example.com"))

    assert clusters(declared, "80", "cart.shop") == ["outbound|80||other.example.com"]
    assert clusters(declared, "80", "cart") == ["outbound|80||cart.shop.svc.cluster.local"]


def test_a_spelling_stays_with_the_service_whose_virtualservice_is_earlier() -> None:
    text = CART + routed("a", "[cart]", "a.example.com")
    declared = Declared(text + routed("b", '["cart.shop"]', "b.example.com"))

    assert clusters(declared, "80", "cart.shop") == ["outbound|80||a.example.com"]
    assert "cart.shop:80" not in domains(declared, "80")


def test_one_address_is_the_oldest_services() -> None:
    declared = Declared(
        entry("b.example.com", spec="addresses: [10.0.0.1]")
        + entry("a.example.com", spec="addresses: [10.0.0.1]")
    )

    assert clusters(declared, "80", "10.0.0.1") == ["outbound|80||a.example.com"]


def test_an_address_goes_to_the_virtualservice_that_names_it() -> None:
    declared = Declared(CART + routed("v", '["10.96.0.1"]', "other.example.com"))

    assert clusters(declared, "80", "10.96.0.1") == ["outbound|80||other.example.com"]


def test_a_host_in_capitals_is_the_one_without_to_envoy() -> None:
    capital = entry("A.example.com", "bank")
    literal = routed("v", '["a.example.com"]', "other.example.com", match="[{port: 80}]")

    assert clusters(Declared(capital + literal), "80", "a.example.com") == [
        "outbound|80||other.example.com"
    ]
    assert clusters(Declared(capital + entry("a.example.com")), "80", "a.example.com") == [
        "outbound|80||a.example.com"
    ]


def test_an_address_is_that_of_the_namespace_that_alone_sees_it() -> None:
    private = entry("a.example.com", "bank", spec='addresses: [10.0.0.1], exportTo: ["."]')
    declared = Declared(private + entry("b.example.com", "bank", spec="addresses: [10.0.0.1]"))

    assert clusters(declared, "80", "10.0.0.1") == ["outbound|80||b.example.com"]
    assert clusters(declared, "80", "10.0.0.1", sidecar("bank")) == ["outbound|80||a.example.com"]
