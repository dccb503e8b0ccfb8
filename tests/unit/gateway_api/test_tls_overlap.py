"""Listeners of HTTPS whose hostnames or certificates overlap: clients may reuse a connection to one
for requests that are another's business.
"""

from datetime import UTC, datetime
from typing import Final

import pytest

from controlplane.base.names import Namespace, ObjectKey
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET
from controlplane.model.gateway_api import Condition
from controlplane.queries.gateway_api.status import gateway_status, listener_set_status
from tests.support.declared import Declared
from tests.support.kubernetes_gateways import gateway, listener_set
from tests.support.pki import Authority, encoded

NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
AUTHORITY: Final = Authority(now=NOW)
STRICT: Final = "gatewayClassName: controlplane"
ISTIO: Final = "gatewayClassName: istio"
OPEN: Final = "\n  allowedListeners: {namespaces: {from: All}}"
GRANT: Final = (
    "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\n"
    "metadata: {name: certificates, namespace: certs}\n"
    "spec:\n  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}]\n"
    "  to: [{group: '', kind: Secret}]\n---\n"
)


def secret(*names: str, name: str = "", namespace: str = "default") -> str:
    """A certificate for ``names``, in a Secret with the first of them as its name."""
    leaf = AUTHORITY.leaf(*names)
    return (
        "apiVersion: v1\nkind: Secret\n"
        f"metadata: {{name: {name or names[0].replace('*', 'any')}, namespace: {namespace}}}\n"
        f"data: {{tls.crt: {encoded(leaf.certificate)}, tls.key: {encoded(leaf.key)}}}\n---\n"
    )


def https(hostname: str, certificate: str = "", port: int = 443, namespace: str = "") -> str:
    """A listener whose name is its hostname's; without a certificate it has one of its own name."""
    name = hostname.replace("*", "any") or "all"
    ref = f"name: {certificate or name}" + (f", namespace: {namespace}" if namespace else "")
    host = f'hostname: "{hostname}", ' if hostname else ""
    return (
        f"{{name: {name}-{port}, port: {port}, protocol: HTTPS, {host}"
        f"tls: {{certificateRefs: [{{{ref}}}]}}}}"
    )


def overlapping(text: str, spec: str = STRICT) -> dict[str, Condition]:
    """By the name of a listener of a Gateway and its ListenerSet: its condition."""
    graph = Declared(text, now=NOW).graph
    own = gateway_status(graph, ObjectKey(KUBERNETES_GATEWAY, Namespace("default"), "edge"))
    more = listener_set_status(graph, ObjectKey(LISTENER_SET, Namespace("default"), "more"))
    return {
        listener.name: condition
        for listener in (*(own.listeners if own else ()), *(more.listeners if more else ()))
        for condition in listener.conditions
        if condition.type == "OverlappingTLSConfig"
    }


@pytest.mark.parametrize(
    ("hostnames", "expected"),
    [
        (["foo.example.com", "foo.example.org"], []),
        (
            ["foo.example.com", "foo.example.org", "*.example.com"],
            ["foo.example.com", "any.example.com"],
        ),
        (["a.b.example.com", "*.example.com"], ["a.b.example.com", "any.example.com"]),
        (["*.b.example.com", "*.example.com"], ["any.b.example.com", "any.example.com"]),
        (["example.com", "*.example.com"], []),
        (["example.com", ""], ["example.com", "all"]),
        (["*.example.com", "*.example.org"], []),
    ],
)
def test_hostnames_overlap(hostnames: list[str], expected: list[str]) -> None:
    found = overlapping(gateway(*map(https, hostnames), more=STRICT))

    assert list(found) == [f"{name}-443" for name in expected]
    assert {str(each) for each in found.values()} <= {
        "OverlappingTLSConfig: True OverlappingHostnames"
    }


def test_another_port_has_connections_of_its_own() -> None:
    listeners = (https("a.example.com"), https("*.example.com", port=8443))

    assert overlapping(gateway(*listeners, more=STRICT)) == {}


@pytest.mark.parametrize(
    ("first", "second", "overlaps"),
    [
        (["a.example.com"], ["b.example.com"], False),
        (["a.example.com", "b.example.com"], ["b.example.com"], True),
        (["a.example.com"], ["b.example.com", "*.EXAMPLE.com"], True),
        (["deep.a.example.com"], ["*.example.com"], False),
        (["*.a.example.com"], ["*.example.com"], False),
    ],
)
def test_certificates_overlap(first: list[str], second: list[str], *, overlaps: bool) -> None:
    text = secret(*first, name="one") + secret(*second, name="two")

    found = overlapping(
        text + gateway(https("x.example.com", "one"), https("y.example.com", "two"), more=STRICT)
    )

    assert list(found) == (["x.example.com-443", "y.example.com-443"] if overlaps else [])
    assert {each.reason for each in found.values()} <= {"OverlappingCertificates"}


def test_certificates_are_the_reason_where_hostnames_overlap_as_well() -> None:
    text = secret("*.example.com", name="wild")
    listeners = (https("a.example.com", "wild"), https("*.example.com", "wild"))

    found = overlapping(text + gateway(*listeners, more=STRICT))

    assert found["a.example.com-443"] == Condition(
        "OverlappingTLSConfig",
        found["a.example.com-443"].status,
        "OverlappingCertificates",
        'the certificates of this and of listener "any.example.com-443" of Gateway default/edge are'
        " both for *.example.com",
    )
    assert found["any.example.com-443"].reason == "OverlappingCertificates"


def test_a_granted_certificate_of_another_namespace_is_compared_as_well() -> None:
    text = GRANT + secret("*.example.com", name="wild", namespace="certs")
    text += secret("b.example.com")
    listeners = (https("a.example.com", "wild", namespace="certs"), https("b.example.com"))

    assert {e.reason for e in overlapping(text + gateway(*listeners, more=STRICT)).values()} == {
        "OverlappingCertificates"
    }


def test_a_listener_of_a_listener_set_overlaps_with_one_of_its_gateway() -> None:
    text = gateway(https("*.example.com"), more=STRICT + OPEN)

    found = overlapping(text + listener_set(https("a.example.com")))

    assert {name: each.reason for name, each in found.items()} == {
        "any.example.com-443": "OverlappingHostnames",
        "a.example.com-443": "OverlappingHostnames",
    }


def test_istio_says_nothing_of_it() -> None:
    assert overlapping(gateway(https("a.example.com"), https("*.example.com"), more=ISTIO)) == {}


@pytest.mark.parametrize(
    ("spec", "reported"),
    [(ISTIO, {"CP0418 Gateway/default/edge.spec.listeners[1].tls"}), (STRICT, set())],
)
def test_it_is_reported_where_such_requests_are_not_found(spec: str, reported: set[str]) -> None:
    """By the specification they are answered 421, and the client tries again."""
    text = secret("*.example.com", name="wild")
    listeners = (https("a.example.com", "wild"), https("b.example.com", "wild"))

    found = Declared(text + gateway(*listeners, more=spec), now=NOW).reported()

    assert found == reported


def test_a_listener_set_that_shares_a_certificate_with_its_gateway_is_reported() -> None:
    text = secret("*.example.com", name="wild")
    text += gateway(https("a.example.com", "wild"), more=ISTIO + OPEN)

    found = Declared(text + listener_set(https("b.example.com", "wild")), now=NOW).reported()

    assert found == {"CP0418 ListenerSet/default/more.spec.listeners[0].tls"}
