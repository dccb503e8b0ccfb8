"""The conditions of listeners, Gateways and ListenerSets, for both classes that are served."""

import pytest

from controlplane.base.names import Namespace, ObjectKey
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.gateway_class import GATEWAY_CLASS
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET
from controlplane.kinds.gateway_api.mesh import X_MESH
from controlplane.model.gateway_api import Condition
from controlplane.queries.gateway_api.status import (
    gateway_class_status,
    gateway_status,
    listener_set_status,
    mesh_status,
)
from controlplane.translate.gateway_api.status import GatewayStatus, ListenerSetStatus
from tests.support.declared import Declared
from tests.support.kubernetes_gateways import gateway, listener_set

ISTIO = "gatewayClassName: istio"
STRICT = "gatewayClassName: controlplane"
HTTP = "{name: http, port: 80, protocol: HTTP}"
FINE = ["Accepted: True Accepted", "Conflicted: False NoConflicts", "Programmed: True Programmed"]
OPEN = "\n  allowedListeners: {namespaces: {from: All}}"


def of_gateway(text: str) -> GatewayStatus:
    key = ObjectKey(KUBERNETES_GATEWAY, Namespace("default"), "edge")
    found = gateway_status(Declared(text).graph, key)
    assert found is not None, "its class is served"
    return found


def of_set(text: str, namespace: str = "default") -> ListenerSetStatus:
    key = ObjectKey(LISTENER_SET, Namespace(namespace), "more")
    found = listener_set_status(Declared(text).graph, key)
    assert found is not None, "the class of its Gateway is served"
    return found


def lines(conditions: tuple[Condition, ...]) -> list[str]:
    return [str(condition) for condition in conditions]


def of_listener(status: GatewayStatus | ListenerSetStatus, name: str) -> list[str]:
    return lines(next(each for each in status.listeners if each.name == name).conditions)


@pytest.mark.parametrize("spec", [ISTIO, STRICT])
def test_what_is_right_is_accepted_and_programmed(spec: str) -> None:
    status = of_gateway(gateway(HTTP, more=spec))

    assert lines(status.conditions) == [
        "Accepted: True Accepted",
        "Programmed: True Programmed",
        "ResolvedRefs: True ResolvedRefs",
    ]
    assert of_listener(status, "http") == [*FINE, "ResolvedRefs: True ResolvedRefs"]
    assert [kind.name for kind in status.listeners[0].kinds] == ["HTTPRoute", "GRPCRoute"]


CONFLICTS = [
    (
        "{name: b, port: 80, protocol: HTTPS, tls: {certificateRefs: [{name: c}]}}",
        "ProtocolConflict",
    ),
    ("{name: b, port: 80, protocol: TCP}", "ProtocolConflict"),
]


@pytest.mark.parametrize(("second", "reason"), CONFLICTS)
def test_of_two_listeners_that_conflict_istio_serves_the_first(second: str, reason: str) -> None:
    status = of_gateway(gateway(HTTP, second))

    assert of_listener(status, "http") == [*FINE, "ResolvedRefs: True ResolvedRefs"]
    assert of_listener(status, "b") == [
        f"Accepted: False {reason}",
        f"Conflicted: True {reason}",
        f"Programmed: False {reason}",
    ]


@pytest.mark.parametrize(
    "second",
    [
        "{name: b, port: 80, protocol: UDP}",
        "{name: b, port: 81, protocol: HTTP}",
        "{name: b, port: 80, protocol: HTTP, hostname: a.example}",
    ],
)
@pytest.mark.parametrize("spec", [ISTIO, STRICT])
def test_listeners_that_differ_do_not_conflict(second: str, spec: str) -> None:
    status = of_gateway(gateway(HTTP, second, more=spec))

    assert of_listener(status, "http")[:3] == FINE
    assert of_listener(status, "b")[:3] == FINE


@pytest.mark.parametrize(("second", "reason"), CONFLICTS)
def test_by_the_specification_both_lose(second: str, reason: str) -> None:
    declared = gateway(HTTP, second, more=STRICT)
    status = of_gateway(declared)

    for name in ("http", "b"):
        assert f"Conflicted: True {reason}" in of_listener(status, name)
    assert lines(status.conditions)[:2] == [
        "Accepted: False ListenersNotValid",
        "Programmed: False Invalid",
    ]


def test_plaintext_and_tls_do_not_share_a_port_by_the_specification() -> None:
    https = (
        "{name: b, port: 80, protocol: HTTPS, hostname: a.example, "
        "tls: {options: {gateway.istio.io/tls-terminate-mode: ISTIO_SIMPLE}}}"
    )
    strict, istio = (of_gateway(gateway(HTTP, https, more=spec)) for spec in (STRICT, ISTIO))

    for name in ("http", "b"):
        assert "Conflicted: True ProtocolConflict" in of_listener(strict, name)
        assert of_listener(istio, name)[:3] == FINE


@pytest.mark.parametrize("spec", [ISTIO, STRICT])
def test_a_listener_set_never_takes_what_its_gateway_or_an_older_set_has(spec: str) -> None:
    text = (
        gateway(HTTP, more=spec + OPEN)
        + listener_set(HTTP, "{name: own, port: 81, protocol: HTTP}")
        + listener_set("{name: late, port: 81, protocol: HTTP}", name="z-later")
    )
    status = of_set(text)

    assert "Conflicted: True HostnameConflict" in of_listener(status, "http")
    assert of_listener(status, "own")[:3] == FINE
    assert lines(status.conditions) == ["Accepted: True Accepted", "Programmed: True Programmed"]
    assert of_gateway(text).attached_listener_sets == 1
    assert of_listener(of_gateway(text), "http")[:3] == FINE


@pytest.mark.parametrize(
    ("allowed", "home", "reason"),
    [
        ("", "default", "NotAllowed"),
        ("{from: None}", "default", "NotAllowed"),
        ("{from: Same}", "default", "Accepted"),
        ("{from: Same}", "blue", "NotAllowed"),
        ("{from: All}", "blue", "Accepted"),
        ("{from: Selector, selector: {matchLabels: {team: web}}}", "blue", "Accepted"),
        ("{from: Selector, selector: {matchLabels: {team: web}}}", "green", "NotAllowed"),
        ("{from: Selector}", "blue", "NotAllowed"),
        (
            "{from: Selector, selector: {matchExpressions: "
            "[{key: kubernetes.io/metadata.name, operator: In, values: [green]}]}}",
            "green",
            "Accepted",
        ),
        (
            "{from: Selector, selector: {matchExpressions: [{key: team, operator: Like}]}}",
            "blue",
            "NotAllowed",
        ),
    ],
)
def test_a_gateway_says_from_where_listener_sets_may_come(
    allowed: str, home: str, reason: str
) -> None:
    more = f"{ISTIO}\n  allowedListeners: {{namespaces: {allowed}}}" if allowed else ISTIO
    text = (
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: blue, labels: {team: web}}\n---\n"
        + gateway(HTTP, more=more)
        + listener_set(
            "{name: a, port: 81, protocol: HTTP}",
            namespace=home,
            parent="{name: edge, namespace: default}",
        )
    )

    assert str(of_set(text, home).conditions[0]).endswith(reason)


REFERENCES = [
    ("[{name: missing}]", "InvalidCertificateRef"),
    ("[{name: broken}]", "InvalidCertificateRef"),
    ("[{name: broken, kind: ConfigMap}]", "InvalidCertificateRef"),
    ("[{name: there, namespace: elsewhere}]", "RefNotPermitted"),
    ("[{name: broken}, {name: broken}, {name: broken}]", "InvalidCertificateRef"),
]
BROKEN = "apiVersion: v1\nkind: Secret\nmetadata: {name: broken, namespace: default}\n---\n"


@pytest.mark.parametrize(("refs", "reason"), REFERENCES)
@pytest.mark.parametrize("spec", [ISTIO, STRICT])
def test_a_certificate_that_cannot_be_had_closes_its_listener_alone(
    refs: str, reason: str, spec: str
) -> None:
    https = f"{{name: https, port: 443, protocol: HTTPS, tls: {{certificateRefs: {refs}}}}}"
    status = of_gateway(BROKEN + gateway(HTTP, https, more=spec))

    assert of_listener(status, "https")[2:] == [
        "Programmed: False Invalid",
        f"ResolvedRefs: False {reason}",
    ]
    assert of_listener(status, "http")[:3] == FINE
    assert lines(status.conditions)[0] == "Accepted: True ListenersNotValid"


@pytest.mark.parametrize(
    ("listener", "accepted"),
    [
        ("{name: x, port: 80, protocol: example.com/quic}", "UnsupportedProtocol"),
        ("{name: x, port: 80, protocol: http}", "UnsupportedProtocol"),
    ],
)
def test_an_unknown_protocol_is_not_accepted(listener: str, accepted: str) -> None:
    status = of_gateway(gateway(listener))

    assert of_listener(status, "x")[0] == f"Accepted: False {accepted}"
    assert status.listeners[0].kinds == ()
    assert lines(status.conditions)[0] == "Accepted: False ListenersNotValid"


@pytest.mark.parametrize(
    ("kinds", "left", "resolved"),
    [
        ("[{kind: HTTPRoute}]", ["HTTPRoute"], "True ResolvedRefs"),
        ("[{kind: TCPRoute}]", [], "False InvalidRouteKinds"),
        ("[{kind: TCPRoute}, {kind: GRPCRoute}]", ["GRPCRoute"], "False InvalidRouteKinds"),
        ("[{kind: HTTPRoute, group: example.com}]", [], "False InvalidRouteKinds"),
    ],
)
def test_kinds_that_do_not_suit_the_protocol_are_left_out(
    kinds: str, left: list[str], resolved: str
) -> None:
    listener = f"{{name: x, port: 80, protocol: HTTP, allowedRoutes: {{kinds: {kinds}}}}}"
    status = of_gateway(gateway(listener))

    assert [kind.name for kind in status.listeners[0].kinds] == left
    assert of_listener(status, "x") == [*FINE, f"ResolvedRefs: {resolved}"]


@pytest.mark.parametrize(
    ("addresses", "accepted", "programmed"),
    [
        ("[]", "True Accepted", "True Programmed"),
        ("[{value: 192.0.2.1}]", "True Accepted", "True Programmed"),
        ("[{type: IPAddress}]", "True Accepted", "True Programmed"),
        ("[{type: Hostname, value: gone}]", "True Accepted", "False AddressNotUsable"),
        ("[{type: Hostname, value: idle}]", "True Accepted", "False AddressNotAssigned"),
        ("[{type: Hostname, value: front}]", "True Accepted", "True Programmed"),
        ("[{type: Hostname, value: other}]", "True Accepted", "False AddressNotUsable"),
        (
            "[{type: Hostname, value: front}, {value: 192.0.2.1}]",
            "False UnsupportedAddress",
            "True Programmed",
        ),
        (
            "[{value: 192.0.2.1}, {value: 192.0.2.2}]",
            "False UnsupportedAddress",
            "False UnsupportedAddress",
        ),
    ],
)
def test_an_address_is_the_hostname_of_a_service_with_proxies(
    addresses: str, accepted: str, programmed: str
) -> None:
    services = "".join(
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: default}}\n"
        f"spec: {{ports: [{{name: http, port: {port}}}]}}\n---\n"
        for name, port in (("front", 80), ("other", 8080), ("idle", 80))
    ) + "".join(
        f"apiVersion: v1\nkind: Endpoints\nmetadata: {{name: {name}, namespace: default}}\n"
        "subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{name: http, port: 80}]}]\n---\n"
        for name in ("front", "other")
    )
    more = f"{ISTIO}\n  addresses: {addresses}"

    conditions = lines(of_gateway(services + gateway(HTTP, more=more)).conditions)

    assert conditions[:2] == [f"Accepted: {accepted}", f"Programmed: {programmed}"]


def test_parameters_are_in_a_config_map() -> None:
    more = f"{ISTIO}\n  infrastructure: {{parametersRef: {{group: '', kind: ConfigMap, name: p}}}}"
    there = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: p, namespace: default}\n---\n"

    assert lines(of_gateway(gateway(HTTP, more=more)).conditions)[0] == (
        "Accepted: False InvalidParameters"
    )
    assert lines(of_gateway(there + gateway(HTTP, more=more)).conditions)[0] == (
        "Accepted: True Accepted"
    )


def test_a_client_certificate_that_cannot_be_had_is_told_of_and_costs_nothing_else() -> None:
    more = f"{ISTIO}\n  tls: {{backend: {{clientCertificateRef: {{name: missing}}}}}}"

    assert lines(of_gateway(gateway(HTTP, more=more)).conditions) == [
        "Accepted: True Accepted",
        "Programmed: True Programmed",
        "ResolvedRefs: False InvalidClientCertificateRef",
    ]


def test_a_class_is_accepted_when_its_controller_is_here() -> None:
    declared = Declared(
        "".join(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n"
            f"metadata: {{name: {name}}}\nspec: {{controllerName: {controller}}}\n---\n"
            for name, controller in (("mine", "istio.io/gateway-controller"), ("other", "a.b/c"))
        )
    )
    mine, other = (
        gateway_class_status(declared.graph, ObjectKey(GATEWAY_CLASS, Namespace(""), name))
        for name in ("mine", "other")
    )

    assert mine is not None
    assert lines(mine.conditions) == ["Accepted: True Accepted"]
    assert other is None


def test_a_mesh_is_accepted_when_its_controller_is_here() -> None:
    declared = Declared(
        "".join(
            "apiVersion: gateway.networking.x-k8s.io/v1alpha1\nkind: XMesh\n"
            f"metadata: {{name: {name}}}\nspec: {{controllerName: {controller}}}\n---\n"
            for name, controller in (("mine", "istio.io/mesh-controller"), ("other", "a.b/c"))
        )
    )
    mine, other = (
        mesh_status(declared.graph, ObjectKey(X_MESH, Namespace(""), name))
        for name in ("mine", "other")
    )

    assert mine is not None
    assert lines(mine.conditions) == ["Accepted: True Accepted"]
    assert mine.supported_features[:2] == ("Mesh", "MeshConsumerRoute")
    assert other is None
