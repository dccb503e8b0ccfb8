"""Services of a small mesh, and policies of the Gateway API for them."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from tests.support.declared import Declared
from tests.support.kubernetes_gateways import EDGE
from tests.support.pki import Authority

PORTS = "[{name: one, port: 80, appProtocol: http}, {name: two, port: 81, appProtocol: http}]"
SAN = "match_subject_alt_names"


@cache
def authority() -> str:
    return Authority().pem


def service(name: str = "shop", ports: str = PORTS) -> str:
    return (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: default}}\n"
        f"spec: {{clusterIP: 10.0.0.1, ports: {ports}}}\n---\n"
    )


def config_map(name: str = "root-ca", key: str = "ca.crt", text: str | None = None) -> str:
    lines = "\n".join(f"    {line}" for line in (text or authority()).splitlines())
    return (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: default}}\n"
        f"data:\n  {key}: |\n{lines}\n---\n"
    )


def tls_policy(
    name: str = "shop",
    *,
    targets: Iterable[str] = ("name: shop",),
    ca: str = 'group: "", kind: ConfigMap, name: root-ca',
    hostname: str = "shop.internal",
    names: str = "",
    created: str = "",
    annotations: str = "{}",
) -> str:
    """A BackendTLSPolicy; without ``ca``, the system's authorities."""
    refs = "".join(f"\n  - {{group: '', kind: Service, {each}}}" for each in targets)
    trust = f"caCertificateRefs: [{{{ca}}}]" if ca else "wellKnownCACertificates: System"
    age = f", creationTimestamp: '{created}'" if created else ""
    return (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\n"
        f"metadata: {{name: {name}, namespace: default, annotations: {annotations}{age}}}\n"
        f"spec:\n  targetRefs:{refs}\n  validation:\n    {trust}\n    hostname: {hostname}\n"
        + (f"    subjectAltNames: {names}\n" if names else "")
        + "---\n"
    )


def traffic_policy(
    constraint: str, name: str = "shop", *, target: str = "shop", created: str = ""
) -> str:
    """An XBackendTrafficPolicy with a ``retryConstraint``."""
    age = f", creationTimestamp: '{created}'" if created else ""
    return (
        "apiVersion: gateway.networking.x-k8s.io/v1alpha1\nkind: XBackendTrafficPolicy\n"
        f"metadata: {{name: {name}, namespace: default{age}}}\n"
        f"spec:\n  targetRefs: [{{group: '', kind: Service, name: {target}}}]\n"
        f"  retryConstraint: {constraint}\n---\n"
    )


def destination_rule(policy: str, more: str = "{}", namespace: str = "default") -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        f"metadata: {{name: rule, namespace: {namespace}}}\n"
        "spec:\n  host: shop.default.svc.cluster.local\n"
        f"  trafficPolicy: {policy}\n" + ("" if more == "{}" else f"  {more}\n") + "---\n"
    )


def cluster(declared: Declared, port: int = 80, host: str = "shop") -> dict[str, Any]:
    return declared.clusters(EDGE)[f"outbound|{port}||{host}.default.svc.cluster.local"]


def sent(found: dict[str, Any]) -> tuple[str, str, list[str]] | None:
    """The server name, the authorities and the names demanded; ``None`` where no TLS is begun."""
    socket = found.get("transport_socket")
    if socket is None:
        return None
    context = socket["typed_config"]
    combined = context["common_tls_context"]["combined_validation_context"]
    demanded = combined["default_validation_context"].get(SAN, [])
    trust = combined["validation_context_sds_secret_config"]["name"]
    return context.get("sni", ""), trust, [each["exact"] for each in demanded]
