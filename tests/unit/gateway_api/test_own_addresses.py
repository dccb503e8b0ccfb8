"""Where the gateways of one machine listen, so that none has a port of another."""

from ipaddress import ip_network

from controlplane.base.names import Namespace
from controlplane.model.gateway_proxy import GatewayProxy, ListenPort
from controlplane.translate.gateway_api.own_addresses import Listening, own_addresses

SPARE = ip_network("127.0.1.0/24")


def proxy(name: str, address: str | None = None) -> GatewayProxy:
    return GatewayProxy(
        namespace=Namespace("shop"), name=name, labels=(), service_account=name, address=address
    )


def gateway(
    name: str, *ports: int, address: str | None = None, may_move: bool = True, udp: bool = False
) -> Listening:
    found = frozenset(ListenPort(port, is_udp=udp) for port in ports)
    return Listening(proxy=proxy(name, address), ports=found, may_move=may_move)


def chosen(*gateways: Listening, held: dict[str, str] | None = None) -> dict[str, str]:
    running = {proxy(name): address for name, address in (held or {}).items()}
    found = own_addresses(gateways, bind="127.0.0.1", spare=SPARE, held=running)
    return {of.name: address for of, address in found.items()}


def test_gateways_with_ports_of_their_own_share_the_address() -> None:
    assert chosen(gateway("a", 80), gateway("b", 443)) == {"a": "127.0.0.1", "b": "127.0.0.1"}


def test_each_further_gateway_of_a_port_has_an_address_of_its_own() -> None:
    found = chosen(gateway("a", 80), gateway("b", 80, 443), gateway("c", 443), gateway("d", 443))

    assert found == {"a": "127.0.0.1", "b": "127.0.1.1", "c": "127.0.0.1", "d": "127.0.1.2"}


def test_a_gateway_that_istio_selects_keeps_the_address() -> None:
    selected = gateway("z", 80, may_move=False)

    assert chosen(gateway("a", 80), selected) == {"a": "127.0.1.1", "z": "127.0.0.1"}


def test_one_that_runs_keeps_its_address_when_an_older_one_comes() -> None:
    assert chosen(gateway("a", 80), gateway("b", 80), held={"b": "127.0.0.1"}) == {
        "a": "127.0.1.1",
        "b": "127.0.0.1",
    }
    assert chosen(gateway("b", 80), held={"b": "127.0.1.7"}) == {"b": "127.0.1.7"}


def test_one_whose_new_port_another_has_moves() -> None:
    held = {"a": "127.0.0.1", "b": "127.0.0.1"}

    assert chosen(gateway("a", 80), gateway("b", 80, 81), held=held)["b"] == "127.0.1.1"


def test_an_address_that_is_asked_for_is_used_and_given_to_no_other() -> None:
    found = chosen(gateway("a", 80), gateway("b", 80), gateway("c", 80, address="127.0.1.1"))

    assert found == {"a": "127.0.0.1", "b": "127.0.1.2", "c": "127.0.1.1"}


def test_udp_and_tcp_do_not_meet_on_a_port() -> None:
    assert chosen(gateway("a", 53), gateway("b", 53, udp=True))["b"] == "127.0.0.1"


def test_gateways_share_the_address_when_no_other_is_left() -> None:
    gateways = [gateway(name, 80) for name in ("a", "b", "c")]

    found = own_addresses(gateways, bind="127.0.0.1", spare=ip_network("127.0.1.1/32"), held={})

    assert list(found.values()) == ["127.0.0.1", "127.0.1.1", "127.0.0.1"]
