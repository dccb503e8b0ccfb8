"""The certificate that a Gateway shows to backends, which Istio accepts and does not use."""

from datetime import UTC, datetime
from typing import Any, Final

import pytest

from controlplane.envoy.resource import TypeUrl
from controlplane.queries.snapshot.origins import origins_by_name
from tests.support.declared import Declared
from tests.support.kubernetes_gateways import EDGE, gateway
from tests.support.pki import Authority

NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
ROOT: Final = Authority(now=NOW)
PEM: Final = "".join(f"    {line}\n" for line in ROOT.pem.splitlines())
HTTP: Final = "{name: http, port: 80, protocol: HTTP}"
BACKENDS: Final = f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: ca, namespace: default}}
data:
  ca.crt: |
{PEM}
---
apiVersion: v1
kind: Service
metadata: {{name: shop, namespace: default}}
spec: {{ports: [{{name: http, port: 80}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: plain, namespace: default}}
spec: {{ports: [{{name: http, port: 80}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: shop, namespace: default}}
spec:
  targetRefs: [{{group: "", kind: Service, name: shop}}]
  validation:
    hostname: shop.internal
    caCertificateRefs: [{{group: "", kind: ConfigMap, name: ca}}]
---
"""
GRANT: Final = """
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: clients, namespace: clients}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}]
  to: [{group: "", kind: Secret}]
---
"""


def shown(ref: str, *more: str, namespace: str = "default") -> Declared:
    spec = f"gatewayClassName: istio\n  tls: {{backend: {{clientCertificateRef: {ref}}}}}"
    secret = ROOT.leaf("gateway").secret("client", namespace=namespace)
    return Declared(BACKENDS + secret + gateway(HTTP, more=spec) + "".join(more), now=NOW)


def certificate(cluster: dict[str, Any]) -> str | None:
    """The name of the client certificate of a cluster."""
    socket = cluster.get("transport_socket")
    if socket is None:
        return None
    named = socket["typed_config"]["common_tls_context"].get("tls_certificate_sds_secret_configs")
    return named[0]["name"] if named else None


@pytest.mark.parametrize(
    ("ref", "namespace", "more", "name"),
    [
        ("{name: client}", "default", "", "kubernetes-gateway://default/client"),
        ("{name: missing}", "default", "", None),
        ("{name: client, namespace: clients}", "clients", "", None),
        (
            "{name: client, namespace: clients}",
            "clients",
            GRANT,
            "kubernetes-gateway://clients/client",
        ),
    ],
)
def test_it_is_shown_where_a_backend_tls_policy_asks_for_tls(
    ref: str, namespace: str, more: str, name: str | None
) -> None:
    declared = shown(ref, more, namespace=namespace)
    clusters = declared.clusters(EDGE)

    assert certificate(clusters["outbound|80||shop.default.svc.cluster.local"]) == name
    assert certificate(clusters["outbound|80||plain.default.svc.cluster.local"]) is None
    assert (name in declared.resources(EDGE).secrets) is (name is not None)


def test_tls_of_a_destination_rule_is_the_rules_own() -> None:
    rule = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop, namespace: default}
spec: {host: shop, trafficPolicy: {tls: {mode: SIMPLE, sni: other.internal}}}
---
"""
    clusters = shown("{name: client}", rule).clusters(EDGE)

    assert certificate(clusters["outbound|80||shop.default.svc.cluster.local"]) is None


def test_its_secret_comes_from_the_field_of_the_gateway() -> None:
    declared = shown("{name: client}")
    found = origins_by_name(declared.graph, declared.view(EDGE), TypeUrl.SECRET)

    origins = {str(each) for each in found["kubernetes-gateway://default/client"].origins}
    assert "Gateway/default/edge.spec.tls.backend.clientCertificateRef" in origins
    assert "Secret/default/client.metadata.name" in origins
