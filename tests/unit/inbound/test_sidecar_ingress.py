"""The ports that a Sidecar declares in place of those of services."""

from typing import Any

import pytest

from controlplane.base.names import Namespace
from controlplane.envoy.resource import TypeUrl
from controlplane.model.proxy import IpFamily, Proxy, Role
from controlplane.queries.snapshot.origins import origins_by_name
from controlplane.queries.views.views import view_of
from tests.support.declared import Declared
from tests.unit.inbound.given import (
    SERVICE,
    chains,
    cluster,
    peer_authentication,
    sidecar,
    virtual_inbound,
)

ANY = "istio,istio-peer-exchange,istio-http/1.0,istio-http/1.1,istio-h2"
WITHOUT_INTERCEPTION = (("INTERCEPTION_MODE", "NONE"),)
RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: app, namespace: default}
spec: {host: app, trafficPolicy: {connectionPool: {tcp: {maxConnections: 7}}}}
---
"""


def scope(ingress: str = "", *, spec: str = "") -> str:
    """A Sidecar; ``ingress`` is a YAML list."""
    return f"""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: app, namespace: default}}
spec:
  workloadSelector: {{labels: {{app: app}}}}
  {f"ingress: {ingress}" if ingress else ""}
  {spec}
---
"""


def listening(port: int = 8001, protocol: str = "HTTP", more: str = "") -> str:
    rest = f", {more}" if more else ""
    return f"{{port: {{number: {port}, protocol: {protocol}, name: a}}{rest}}}"


def going_to(endpoint: str, **options: Any) -> dict[str, Any]:
    text = SERVICE + scope(f"[{listening(more=f'defaultEndpoint: {endpoint!r}')}]")
    return cluster("inbound|8001||", text, **options)


def address(found: dict[str, Any]) -> object:
    """Where a cluster leads: its address and port, or its path."""
    if "load_assignment" not in found:
        return "where it was going"
    endpoint = found["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
    if "pipe" in endpoint:
        return endpoint["pipe"]["path"]
    return (endpoint["socket_address"]["address"], endpoint["socket_address"]["port_value"])


def of_proxy(text: str, *addresses: str) -> tuple[Declared, Proxy]:
    proxy = Proxy(
        name="app",
        role=Role.SIDECAR,
        namespace=Namespace("default"),
        service_account="default",
        labels=(("app", "app"),),
        addresses=addresses,
    )
    return Declared(text), proxy


def test_ports_of_services_are_unknown_ones_where_a_sidecar_declares_others() -> None:
    text = SERVICE + scope(f"[{listening()}, {listening(9000, 'TCP')}]")

    listener = virtual_inbound(text)

    assert chains(listener, 8001) == [f"tls {ANY} mTLS HTTP", "raw_buffer HTTP"]
    assert chains(listener, 9000) == [f"tls {ANY} mTLS TCP", "tls TCP", "raw_buffer TCP"]
    assert chains(listener, 8003) == []
    named = set(Declared(text).clusters(sidecar())) - set(Declared(SERVICE).clusters(sidecar()))
    assert named == {"inbound|9000||"}


@pytest.mark.parametrize(
    ("endpoint", "families", "expected", "source"),
    [
        ("127.0.0.1:9080", (IpFamily.IPV4,), ("127.0.0.1", 9080), None),
        ("127.0.0.1:9080", (IpFamily.IPV6,), ("::1", 9080), None),
        ("[::1]:9080", (IpFamily.IPV4,), ("127.0.0.1", 9080), None),
        ("[::1]:9080", (IpFamily.IPV4, IpFamily.IPV6), ("::1", 9080), None),
        ("unix:///run/app.sock", (IpFamily.IPV4,), "/run/app.sock", None),
        (":9080", (IpFamily.IPV4,), "where it was going", "127.0.0.6"),
        ("0.0.0.0:9080", (IpFamily.IPV4,), ("127.0.0.1", 9080), None),
        ("[::]:9080", (IpFamily.IPV6,), ("::1", 9080), None),
    ],
)
def test_the_default_endpoint_says_where_connections_go(
    endpoint: str, families: tuple[IpFamily, ...], expected: object, source: str | None
) -> None:
    found = going_to(endpoint, proxy=sidecar(families=families))

    bound = found.get("upstream_bind_config", {}).get("source_address", {})
    assert (address(found), bound.get("address")) == (expected, source)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [("0.0.0.0:9080", ("10.0.0.1", 9080)), ("[::]:9080", ("fd00::1", 9080))],
)
def test_every_address_is_the_first_of_the_workload(
    endpoint: str, expected: tuple[str, int]
) -> None:
    text = SERVICE + scope(f"[{listening(more=f'defaultEndpoint: {endpoint!r}')}]")
    declared, proxy = of_proxy(text, "10.0.0.1", "10.0.0.2", "fd00::1")

    view = view_of(declared.graph, proxy)

    assert view is not None
    assert view.inbound is not None
    assert view.inbound.addresses == ("10.0.0.1", "10.0.0.2", "fd00::1")
    found = declared.clusters_of(view)["inbound|8001||"]
    assert address(found) == expected
    assert found["upstream_bind_config"]["source_address"]["address"] == "127.0.0.6"


def test_replicas_have_one_view_where_no_port_needs_their_address() -> None:
    text = SERVICE + scope(f"[{listening(more='defaultEndpoint: 127.0.0.1:9080')}]")

    views = {view_of(*_graph(of_proxy(text, each))) for each in ("10.0.0.1", "10.0.0.2")}

    assert len({view.inbound for view in views if view is not None}) == 1


def _graph(made: tuple[Declared, Proxy]) -> tuple[Any, Proxy]:
    return made[0].graph, made[1]


def test_a_port_without_capture_has_a_listener_of_its_own_where_policies_hold_too() -> None:
    text = (
        SERVICE
        + scope(
            f"[{listening(more='bind: 127.5.5.5, captureMode: NONE')},"
            f" {listening(8004, '', 'bind: 127.5.5.5, captureMode: NONE')}]"
        )
        + peer_authentication(
            selector="{app: app}", ports="{8001: {mode: STRICT}, 8003: {mode: DISABLE}}"
        )
    )

    found = Declared(text).listeners(sidecar())

    assert chains(found["virtualInbound"], 8001) == []
    assert chains(found["virtualInbound"], 8003) == [
        "raw_buffer http/1.1,h2c HTTP",
        "raw_buffer TCP",
    ]
    own = found["127.5.5.5_8001"]
    assert chains(own, 8001) == ["tls mTLS HTTP"]
    assert own["address"]["socket_address"] == {"address": "127.5.5.5", "port_value": 8001}
    assert own["traffic_direction"] == "INBOUND"
    assert "bind_to_port" not in own
    names = [each["name"].rsplit(".", 1)[-1] for each in own["listener_filters"]]
    assert names == ["tls_inspector"]
    names = [f["name"].rsplit(".", 1)[-1] for f in found["127.5.5.5_8004"]["listener_filters"]]
    assert names == ["tls_inspector", "http_inspector"]


def test_without_interception_every_declared_port_has_a_listener_of_its_own() -> None:
    text = SERVICE + scope(f"[{listening()}, {listening(9000, 'TCP', 'captureMode: IPTABLES')}]")

    found = Declared(text).listeners(sidecar(metadata=WITHOUT_INTERCEPTION))

    assert [name for name in found if "8001" in name] == ["0.0.0.0_8001"]
    assert "virtualInbound" not in found


def test_a_listener_of_its_own_is_at_the_address_of_the_workload() -> None:
    text = SERVICE + scope(f"[{listening(more='captureMode: NONE')}]")
    declared, proxy = of_proxy(text, "10.0.0.1")

    view = view_of(declared.graph, proxy)

    assert view is not None
    assert "10.0.0.1_8001" in declared.listeners_of(view)


def test_a_proxy_that_may_not_open_low_ports_has_no_listener_there() -> None:
    low = listening(80, more="captureMode: NONE, bind: 127.5.5.5")
    text = SERVICE + scope(f"[{low}, {listening(81)}]")
    proxy = sidecar(metadata=(("UNPRIVILEGED_POD", "true"),))

    found = Declared(text).listeners(proxy)

    assert "127.5.5.5_80" not in found
    assert len(chains(found["virtualInbound"], 81)) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(RULE, 7, id="a rule"),
        pytest.param(
            RULE + scope(spec="inboundConnectionPool: {tcp: {maxConnections: 5}}"),
            5,
            id="the Sidecar goes before a rule",
        ),
        pytest.param(
            RULE
            + scope(
                f"[{listening(more='connectionPool: {tcp: {maxConnections: 3}}')}]",
                spec="inboundConnectionPool: {tcp: {maxConnections: 5}}",
            ),
            3,
            id="the port goes before the Sidecar",
        ),
        pytest.param(
            RULE + scope(spec="inboundConnectionPool: {http: {http1MaxPendingRequests: 1}}"),
            4_294_967_295,
            id="a block replaces another whole",
        ),
    ],
)
def test_the_nearest_limits_hold(text: str, expected: int) -> None:
    found = cluster("inbound|8001||", SERVICE + text)

    assert found["circuit_breakers"]["thresholds"][0]["max_connections"] == expected


def test_a_declared_port_comes_from_the_sidecar() -> None:
    pool = "connectionPool: {tcp: {maxConnections: 3}}"
    text = SERVICE + scope(f"[{listening(more=f'defaultEndpoint: 127.0.0.1:9080, {pool}')}]")
    declared = Declared(text)
    view = declared.view(sidecar())

    of_listeners = origins_by_name(declared.graph, view, TypeUrl.LISTENER)["virtualInbound"]
    of_cluster = origins_by_name(declared.graph, view, TypeUrl.CLUSTER)["inbound|8001||"]

    at = "Sidecar/default/app.spec.ingress[0]"
    chain = next(part for part in of_listeners.parts if part.name == "0.0.0.0_8001")
    assert list(map(str, chain.origins)) == [at]
    assert list(map(str, of_cluster.origins)) == [at, f"{at}.connectionPool"]
    (part,) = of_cluster.parts
    assert list(map(str, part.origins)) == [f"{at}.defaultEndpoint"]


def test_requests_to_a_declared_port_are_named_after_the_sidecar() -> None:
    listener = virtual_inbound(SERVICE + scope(f"[{listening()}]"))

    chain = [c for c in listener["filter_chains"] if c["name"] == "0.0.0.0_8001"][-1]
    (host,) = chain["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]
    assert host["name"] == "inbound|http|8001"
    assert host["routes"][0]["decorator"] == {"operation": "app.default:8001/*"}
