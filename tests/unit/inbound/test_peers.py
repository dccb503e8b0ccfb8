"""What PeerAuthentications make of the listener for what calls a workload."""

from controlplane.envoy.resource import TypeUrl
from controlplane.model.proxy import Target
from controlplane.queries.snapshot.origins import origins_by_name
from tests.support.declared import Declared
from tests.unit.inbound.given import (
    SERVICE,
    TARGETS,
    chains,
    peer_authentication,
    sidecar,
    skipped_ports,
    virtual_inbound,
)

HTTP = "istio-http/1.0,istio-http/1.1,istio-h2"
STRICT_AUTO = [f"tls {HTTP} mTLS HTTP", "tls mTLS TCP"]
SELECTED = "{app: app}"


def filters(text: str) -> str:
    """The listener filters, a change of which makes every connection drain."""
    return str(virtual_inbound(text)["listener_filters"])


def test_a_strict_workload_takes_nothing_but_mutual_tls() -> None:
    listener = virtual_inbound(SERVICE + peer_authentication("STRICT"))

    assert chains(listener, None) == STRICT_AUTO
    assert chains(listener, 8001) == ["tls mTLS HTTP"]
    assert chains(listener, 8003) == ["tls mTLS TCP"]
    assert chains(listener, 8004) == STRICT_AUTO


def test_a_workload_of_plaintext_gets_tls_as_it_is() -> None:
    listener = virtual_inbound(SERVICE + peer_authentication("DISABLE"))

    assert chains(listener, None) == ["raw_buffer http/1.1,h2c HTTP", "raw_buffer TCP"]
    assert chains(listener, 8001) == ["raw_buffer HTTP"]
    assert chains(listener, 8003) == ["raw_buffer TCP"]
    names = [each["name"].rsplit(".", 1)[-1] for each in listener["listener_filters"]]
    assert names == ["original_dst", "http_inspector"]


def test_a_port_of_the_workload_has_a_mode_of_its_own_also_where_no_service_has_it() -> None:
    policy = peer_authentication(
        "STRICT", selector=SELECTED, ports="{8001: {mode: DISABLE}, 9090: {mode: PERMISSIVE}}"
    )

    listener = virtual_inbound(SERVICE + policy)

    assert chains(listener, 8001) == ["raw_buffer HTTP"]
    assert chains(listener, 8003) == ["tls mTLS TCP"]
    assert len(chains(listener, 9090)) == 5
    (first, *_) = [
        chain
        for chain in listener["filter_chains"]
        if chain["filter_chain_match"].get("destination_port") == 9090
    ]
    assert first["name"] == "virtualInbound-catchall-http"
    assert skipped_ports(listener, "tls_inspector") == [8001, 15006]


def test_where_all_is_plaintext_only_ports_with_mutual_tls_are_looked_at() -> None:
    policy = peer_authentication("DISABLE", selector=SELECTED, ports="{8003: {mode: STRICT}}")

    listener = virtual_inbound(SERVICE + policy)

    (tls,) = (f for f in listener["listener_filters"] if f["name"].endswith("tls_inspector"))
    assert tls["filter_disabled"] == {
        "not_match": {"destination_port_range": {"start": 8003, "end": 8004}}
    }


def test_becoming_strict_drains_no_connection() -> None:
    strict = peer_authentication(
        "STRICT", selector=SELECTED, ports="{8001: {mode: PERMISSIVE}, 9090: {mode: STRICT}}"
    )

    assert filters(SERVICE) == filters(SERVICE + strict)


def test_another_service_with_http_drains_no_connection() -> None:
    more = """
apiVersion: v1
kind: Service
metadata: {name: more, namespace: default}
spec: {clusterIP: 10.96.0.3, ports: [{name: http, port: 80, targetPort: 8080}]}
"""
    targets = (*TARGETS, Target("more.default.svc.cluster.local", 80, 8080))

    listener = virtual_inbound(SERVICE + more, sidecar(targets))

    assert len(chains(listener, 8080)) == 2
    assert filters(SERVICE) == str(listener["listener_filters"])


def test_a_chain_comes_from_its_service_and_the_field_that_decides_what_it_takes() -> None:
    declared = Declared(
        SERVICE
        + peer_authentication("STRICT", namespace="istio-system", name="mesh")
        + peer_authentication(
            selector=SELECTED, ports="{8001: {mode: DISABLE}, 8003: {mode: UNSET}}", name="app"
        )
    )

    found = origins_by_name(declared.graph, declared.view(sidecar()), TypeUrl.LISTENER)

    by_name = {part.name: list(map(str, part.origins)) for part in found["virtualInbound"].parts}
    mesh = "PeerAuthentication/istio-system/mesh.spec.mtls.mode"
    assert by_name["0.0.0.0_8001"] == [
        "Service/default/app.spec.ports[0]",
        "PeerAuthentication/default/app.spec.portLevelMtls.8001.mode",
    ]
    assert by_name["0.0.0.0_8003"] == ["Service/default/app.spec.ports[2]", mesh]
    assert by_name["virtualInbound"] == [mesh]


def test_a_policy_that_selects_others_changes_no_view() -> None:
    declared = Declared(SERVICE)
    before = declared.view(sidecar())

    declared.edit(peer_authentication("STRICT", selector="{app: other}"))

    assert declared.view(sidecar()) == before


def test_an_edit_of_a_policy_changes_listeners_and_no_view() -> None:
    declared = Declared(SERVICE + peer_authentication("PERMISSIVE"))
    view, old = declared.view(sidecar()), declared.listeners(sidecar())

    declared.edit(peer_authentication("STRICT"))

    assert declared.view(sidecar()) == view
    assert declared.listeners(sidecar()) != old
