"""References to other namespaces: each needs a ReferenceGrant there, for its own kind and namespace
and for what it names; without one nothing of the other namespace is served.
"""

from datetime import UTC, datetime
from typing import Final

import pytest

from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.envoy.resource import packed
from controlplane.kinds.core.configuration import SECRET
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.queries.gateway_api.grants import granted
from tests.support.declared import Declared
from tests.support.http_routes import request_route
from tests.support.kubernetes_gateways import EDGE, document
from tests.support.pki import Authority

NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
ROOT: Final = Authority(now=NOW)
GROUP: Final = "gateway.networking.k8s.io"
LINES: Final = "".join(f"    {line}\n" for line in ROOT.pem.splitlines())


def grant(
    *kinds: str,
    group: str = GROUP,
    of: str = "default",
    to: str = "Secret",
    to_group: str = "''",
    name: str = "",
    namespace: str = "other",
) -> str:
    froms = "".join(f"  - {{group: {group}, kind: {kind}, namespace: {of}}}\n" for kind in kinds)
    named = f", name: {name}" if name else ""
    return (
        f"apiVersion: {GROUP}/v1\nkind: ReferenceGrant\n"
        f"metadata: {{name: {to.lower()}, namespace: {namespace}}}\n"
        f"spec:\n  from:\n{froms}  to: [{{group: {to_group}, kind: {to}{named}}}]\n---\n"
    )


@pytest.mark.parametrize(
    ("text", "permitted"),
    [
        (grant("Gateway"), True),
        (grant("Gateway", name="shop"), True),
        (grant("ListenerSet", "Gateway"), True),
        (grant("ListenerSet"), False),
        (grant("gateway"), False),
        (grant("Gateway", group="networking.istio.io"), False),
        (grant("Gateway", of="elsewhere"), False),
        (grant("Gateway", of="other"), False),
        (grant("Gateway", to="ConfigMap"), False),
        (grant("Gateway", to_group="apps"), False),
        (grant("Gateway", name="shop-2"), False),
        (grant("Gateway", namespace="default"), False),
        (grant("Gateway", namespace="elsewhere"), False),
    ],
)
def test_a_grant_is_for_what_it_says_alone(text: str, *, permitted: bool) -> None:
    edge: ObjectKey = ObjectKey(KUBERNETES_GATEWAY, Namespace("default"), "edge")
    shop: ObjectKey = ObjectKey(SECRET, Namespace("other"), "shop")

    assert granted(Declared(text).graph, edge, shop) is permitted


def test_a_gateway_of_istio_with_the_same_name_is_granted_nothing() -> None:
    of_istio: ObjectKey = ObjectKey(
        Kind("networking.istio.io", "Gateway"), Namespace("default"), "edge"
    )
    shop: ObjectKey = ObjectKey(SECRET, Namespace("other"), "shop")

    assert not granted(Declared(grant("Gateway")).graph, of_istio, shop)


REF: Final = "{name: there, namespace: other}"
BACKEND: Final = "{name: there, namespace: other, port: 80}"
OWN: Final = "backendRefs: [{name: here, port: 80}]"
HERE: Final = "filters: [{type: %s}], " + OWN
MIRROR: Final = f"requestMirror: {{backendRef: {BACKEND}}}"
AUTH: Final = f"externalAuth: {{protocol: HTTP, http: {{path: /check}}, backendRef: {BACKEND}}}"
FRONTEND: Final = (
    "{caCertificateRefs: [{group: '', kind: ConfigMap, name: there, namespace: other}]}"
)


def https(name: str, port: int) -> str:
    tls = f"tls: {{certificateRefs: [{REF}]}}"
    return f"{{name: {name}, port: {port}, protocol: HTTPS, hostname: {name}.test, {tls}}}"


def own_https(name: str, port: int) -> str:
    return https(name, port).replace(REF, "{name: here}")


def stream(kind: str, section: str) -> str:
    hosts = "[a.test]" if kind == "TLSRoute" else "[]"
    text = request_route(
        f"{{backendRefs: [{BACKEND}]}}",
        kind=kind,
        name=section,
        hosts=hosts,
        parents=f"[{{name: edge, sectionName: {section}}}]",
    )
    return text if kind == "TLSRoute" else text.replace("  hostnames: []\n", "")


def service(name: str, namespace: str) -> str:
    return (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
        "spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}, "
        "{name: dns, port: 80, protocol: UDP}]}\n---\n"
    )


def mesh(class_name: str) -> str:
    """Everything that may refer to another namespace does, to what is called ``there``."""
    spec = (
        f"gatewayClassName: {class_name}\n"
        "  allowedListeners: {namespaces: {from: All}}\n"
        f"  tls: {{backend: {{clientCertificateRef: {REF}}}, frontend: {{default: {{}}, "
        f"perPort: [{{port: 445, tls: {{validation: {FRONTEND}}}}}]}}}}"
    )
    listeners = (
        "{name: http, port: 80, protocol: HTTP}",
        https("own", 443),
        own_https("mutual", 445),
        "{name: tls, port: 446, protocol: TLS, tls: {mode: Passthrough}}",
        "{name: tcp, port: 447, protocol: TCP}",
        "{name: udp, port: 448, protocol: UDP}",
    )
    return "".join(
        (
            document("Gateway", "edge", "default", listeners, spec),
            document(
                "ListenerSet", "more", "default", (https("added", 444),), "parentRef: {name: edge}"
            ),
            ROOT.leaf("there.test").secret("there", namespace="other"),
            ROOT.leaf("here.test").secret("here", namespace="default"),
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: there, namespace: other}\n"
            f"data:\n  ca.crt: |\n{LINES}---\n",
            service("there", "other"),
            service("here", "default"),
            request_route(
                f"{{matches: [{{path: {{value: /b}}}}], backendRefs: [{BACKEND}]}}",
                f"{{matches: [{{path: {{value: /m}}}}], {HERE % f'RequestMirror, {MIRROR}'}}}",
                f"{{matches: [{{path: {{value: /a}}}}], {HERE % f'ExternalAuth, {AUTH}'}}}",
                name="http",
                hosts="[]",
                parents="[{name: edge, sectionName: http}]",
            ),
            request_route(
                f"{{backendRefs: [{BACKEND}]}}",
                kind="GRPCRoute",
                name="grpc",
                hosts="[grpc.test]",
                parents="[{name: edge, sectionName: http}]",
            ),
            stream("TLSRoute", "tls"),
            stream("TCPRoute", "tcp"),
            stream("UDPRoute", "udp"),
        )
    )


KINDS: Final = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute")
GRANTS: Final = (
    grant("Gateway", "ListenerSet") + grant("Gateway", to="ConfigMap") + grant(*KINDS, to="Service")
)


SERVED: Final = {
    "listener 0.0.0.0_80 names there.other.svc",
    "listener 0.0.0.0_443 names ://other/",
    "listener 0.0.0.0_443 names there.other.svc",
    "listener 0.0.0.0_444 names ://other/",
    "listener 0.0.0.0_445 names ://other/",
    "listener 0.0.0.0_445 names there.other.svc",
    "listener 0.0.0.0_446 names there.other.svc",
    "listener 0.0.0.0_447 names there.other.svc",
    "listener 0.0.0.0_448_udp names there.other.svc",
    "route http.80 names there.other.svc",
    "secret configmap://other/there-cacert names ://other/",
    "secret kubernetes-gateway://other/there names ://other/",
}
"""What is served of it with every grant. The service that decides is in all filters of requests."""


def foreign(declared: Declared) -> set[str]:
    """What of namespace ``other`` a proxy's listeners, routes and secrets name."""
    found = declared.resources(EDGE)
    shelves = {"listener": found.listeners, "route": found.routes, "secret": found.secrets}
    return {
        f"{kind} {name} names {word}"
        for kind, shelf in shelves.items()
        for name in shelf
        for word in ("there.other.svc", "://other/")
        if word.encode() in packed(shelf[name]).value
    }


@pytest.mark.parametrize("class_name", ["istio", "controlplane"])
def test_without_grants_nothing_of_another_namespace_is_served(class_name: str) -> None:
    declared = Declared(mesh(class_name), now=NOW)
    assert foreign(declared) == set()

    declared.edit(GRANTS)
    assert foreign(declared) == SERVED

    declared.remove(GRANTS)
    assert foreign(declared) == set()
