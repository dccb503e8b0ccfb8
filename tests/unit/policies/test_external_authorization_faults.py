"""Policies of action CUSTOM of which calls are decided by nobody, as ``check`` reports them."""

import pytest

from controlplane.kinds.istio.extension_providers import (
    ExtensionProvider,
    GrpcAuthorization,
    HttpAuthorization,
)
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.traffic_policy import H2UpgradePolicy
from tests.support.checked import checked

AUTHZ = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: authz, namespace: infra}
spec:
  hosts: [authz.example.com]
  ports: [{number: 8000, name: port, protocol: PROTOCOL}]
  resolution: STATIC
  endpoints: [{address: 192.0.2.1}]
---
"""
WEB = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}, {name: tcp-db, port: 5432}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web, namespace: shop}
spec: {address: 192.0.2.2, labels: {app: web, tier: front}}
---
"""
GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec:
  selector: {app: web}
  servers:
  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ["*"]}
  - {port: {number: 9443, name: tls, protocol: TLS}, hosts: ["*"], tls: {mode: PASSTHROUGH}}
---
"""
RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: authz, namespace: infra}
spec:
  host: authz.example.com
  trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}
---
"""


def authz(protocol: str) -> str:
    return AUTHZ.replace("PROTOCOL", protocol)


def custom(
    name: str, provider: str, spec: str = "", namespace: str = "shop", rules: str = "[{}]"
) -> str:
    return f"""\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{{spec}action: CUSTOM, provider: {{name: {provider}}}, rules: {rules}}}
---
"""


def of(labels: str) -> str:
    return f"selector: {{matchLabels: {{{labels}}}}}, "


def http(port: int = 8000, *, fail_open: bool = False) -> ExtensionProvider:
    found = HttpAuthorization(service="authz.example.com", port=port, fail_open=fail_open)
    return ExtensionProvider(name="http", envoy_ext_authz_http=found)


def grpc(port: int = 8000) -> ExtensionProvider:
    found = GrpcAuthorization(service="authz.example.com", port=port)
    return ExtensionProvider(name="grpc", envoy_ext_authz_grpc=found)


def found(
    code: str, text: str, upgrade: H2UpgradePolicy = H2UpgradePolicy.DEFAULT, port: int = 8000
) -> list[str]:
    mesh = MeshConfig(extension_providers=(http(port), grpc(port)), h2_upgrade_policy=upgrade)
    lines = [line for line in checked(text, mesh=mesh) if code in line]
    return [line.partition(f"{code}: ")[2] for line in lines]


def differ(*policies: str) -> int:
    return len(found("CP0531", "".join(policies)))


def test_two_providers_at_one_workload_are_reported_at_both() -> None:
    first, second = found("CP0531", custom("a", "http") + custom("b", "grpc", of("app: web")))

    assert first == (
        'AuthorizationPolicy shop/b asks the provider "grpc" at a workload of this policy, and a '
        "workload has one, so what the rules of either match is refused -> name one provider in "
        "both, or let the selectors exclude each other"
    )
    assert 'AuthorizationPolicy shop/a asks the provider "http"' in second


def test_providers_differ_only_where_a_workload_has_both() -> None:
    front, web = custom("a", "http", of("tier: front")), custom("b", "grpc", of("app: web"))

    assert differ(front, web) == 0
    assert differ(WEB, front, web) == 2
    assert differ(custom("a", "http"), custom("b", "http")) == 0
    assert differ(custom("a", "http"), custom("b", "grpc", namespace="other")) == 0
    assert differ(custom("a", "http"), custom("b", "grpc", namespace="istio-system")) == 1


def test_providers_of_two_policies_of_the_root_namespace_differ_at_any_workload() -> None:
    root = "istio-system"
    front, web = (
        custom("a", "http", of("tier: front"), root),
        custom("b", "grpc", of("app: web"), root),
    )

    assert differ(front, web) == 0
    assert differ(WEB, front, web) == 2
    assert differ(WEB, front, custom("b", "grpc", of("app: other"), root)) == 0
    assert differ(front, custom("b", "grpc", "", root)) == 2


def test_providers_differ_at_one_gateway() -> None:
    def gateway(name: str) -> str:
        return f"targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: {name}}}], "

    assert differ(custom("a", "http", gateway("x")), custom("b", "grpc", gateway("x"))) == 2
    assert differ(custom("a", "http", gateway("x")), custom("b", "grpc", gateway("y"))) == 0
    assert differ(custom("a", "http", gateway("x")), custom("b", "grpc")) == 2


def test_providers_differ_at_gateways_and_from_the_root_namespace() -> None:
    edge = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}], "
    label = of("gateway.networking.k8s.io/gateway-name: edge")
    root = "istio-system"

    assert differ(custom("a", "http", edge), custom("b", "grpc", label)) == 2
    assert differ(custom("a", "http", edge), custom("b", "grpc", of("app: web"))) == 0
    assert differ(custom("a", "http", edge), custom("b", "grpc", namespace=root)) == 1
    assert differ(custom("a", "http", edge), custom("b", "grpc", edge, namespace=root)) == 0
    assert differ(custom("a", "http"), custom("b", "grpc", edge, namespace=root)) == 0


def test_connections_of_a_provider_over_http_are_reported_once() -> None:
    rules = "[{to: [{operation: {methods: [GET]}}]}]"
    text = authz("HTTP") + WEB + custom("a", "http", of("app: web"), rules=rules)

    assert len(found("CP0532", text)) == 1
    assert found("CP0506", text) == []


def test_a_provider_over_http_at_tcp_ports_is_reported() -> None:
    assert found("CP0532", authz("HTTP") + WEB + custom("a", "http", of("app: web"))) == [
        'the provider "http" is asked over HTTP, so nobody is asked about connections to port 5432 '
        "(TCP) of these workloads: they pass -> name a provider over gRPC (envoyExtAuthzGrpc), or "
        "refuse them with a policy of action DENY"
    ]


def test_a_provider_over_http_at_tcp_servers_of_a_gateway_is_reported() -> None:
    (line,) = found("CP0532", authz("HTTP") + GATEWAY + custom("a", "http", of("app: web")))

    assert "connections to port 9000 (TCP) and 9443 (TLS) of these" in line


def test_connections_that_are_asked_about_or_not_meant_are_not_reported() -> None:
    ports = '[{to: [{operation: {ports: ["80"]}}]}]'

    assert found("CP0532", authz("GRPC") + WEB + custom("a", "grpc", of("app: web"))) == []
    assert found("CP0532", authz("HTTP") + custom("a", "http", of("app: web"))) == []
    text = authz("HTTP") + WEB + custom("a", "http", of("app: web"), rules=ports)
    assert found("CP0532", text) == []


def test_a_port_that_the_service_lacks_is_reported() -> None:
    assert found("CP0533", authz("HTTP") + custom("a", "http"), port=8001) == [
        'the provider "http" is asked at port 8001 of authz.example.com, which has no such port, '
        "so what the rules match is refused (it has 8000)"
    ]
    assert found("CP0533", authz("HTTP") + custom("a", "http")) == []


def test_what_fails_open_is_said_to_be_let_through() -> None:
    mesh = MeshConfig(extension_providers=(http(8001, fail_open=True),))

    (line,) = (
        line for line in checked(authz("HTTP") + custom("a", "http"), mesh=mesh) if "CP0533" in line
    )

    assert "so what the rules match is let through, by failOpen" in line


@pytest.mark.parametrize(
    ("provider", "protocol", "is_reported"),
    [
        ("grpc", "HTTP", True),
        ("grpc", "TCP", True),
        ("grpc", "TLS", True),
        ("grpc", "GRPC", False),
        ("grpc", "HTTP2", False),
        ("http", "GRPC", True),
        ("http", "HTTP2", False),
        ("http", "HTTP", False),
    ],
)
def test_a_port_that_is_declared_for_another_protocol_is_reported(
    provider: str, protocol: str, is_reported: bool
) -> None:
    assert bool(found("CP0534", authz(protocol) + custom("a", provider))) is is_reported


def test_what_is_said_of_another_protocol() -> None:
    assert found("CP0534", authz("HTTP") + custom("a", "grpc")) == [
        'the provider "grpc" is asked over gRPC, and port 8000 of authz.example.com is declared as '
        "HTTP: if it does not answer, what the rules match is refused -> declare it as GRPC (the "
        "port's name, or its appProtocol or protocol)"
    ]


def test_http_that_is_upgraded_is_what_grpc_needs() -> None:
    text = authz("HTTP") + custom("a", "grpc")

    assert found("CP0534", text + RULE) == []
    assert found("CP0534", text, H2UpgradePolicy.UPGRADE) == []
