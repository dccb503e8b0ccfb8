"""A Kubernetes Service becomes a service of the model.

Source: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/ and Istio
``pkg/kube/conversion``.
"""

from typing import Final

from controlplane.base.hosts import fqdn
from controlplane.base.names import Host, PortNumber
from controlplane.kinds.core.service import Service as Spec, ServicePort as PortSpec
from controlplane.kinds.object import Object
from controlplane.model.proxy import labels_of
from controlplane.model.service import Origin, Resolution, Service, ServicePort
from controlplane.model.visibility import visibility
from controlplane.translate.protocol import protocol_of_port
from controlplane.translate.traffic_distribution import TRAFFIC_DISTRIBUTION, traffic_distribution

EXPORT_TO: Final = "networking.istio.io/exportTo"
ACCOUNT_ANNOTATIONS: Final = (
    "alpha.istio.io/canonical-serviceaccounts",
    "alpha.istio.io/kubernetes-serviceaccounts",
)
HEADLESS: Final = "None"


def service(
    declared: Object[Spec],
    *,
    default_export_to: tuple[str, ...] = (),
    namespace_distribution: str | None = None,
    trust_domain: str = "cluster.local",
) -> Service:
    """The service that ``declared`` is; ``namespace_distribution`` is the Namespace's setting."""
    spec = declared.spec
    is_alias = spec.type == "ExternalName" and spec.external_name != ""
    export_to = _words(declared.annotations.get(EXPORT_TO, ""))
    return Service(
        host=service_host(declared),
        namespace=declared.namespace,
        name=declared.name,
        origin=Origin.KUBERNETES,
        declared_by=(declared.key,),
        ports=tuple(_port(port) for port in spec.ports),
        resolution=_resolution(spec),
        is_external=is_alias,
        visibility=visibility(export_to or default_export_to, declared.namespace),
        addresses=tuple(
            a for a in (spec.cluster_ips or (spec.cluster_ip,)) if a not in ("", HEADLESS)
        ),
        alias=Host(spec.external_name.rstrip(".")) if is_alias else None,
        selector=labels_of(dict(spec.selector)) or None,
        subject_alt_names=_accounts(declared, trust_domain),
        traffic_distribution=traffic_distribution(
            spec.traffic_distribution or None,
            declared.annotations.get(TRAFFIC_DISTRIBUTION),
            namespace_distribution,
        ),
        publishes_unready=spec.publish_not_ready_addresses,
        is_node_local=spec.internal_traffic_policy == "Local",
        created=declared.created,
    )


def service_host(declared: Object[Spec]) -> Host:
    return fqdn(declared.name, declared.namespace)


def _resolution(spec: Spec) -> Resolution:
    if spec.type == "ExternalName" and spec.external_name:
        return Resolution.ALIAS
    if spec.cluster_ip == HEADLESS or HEADLESS in spec.cluster_ips:
        return Resolution.HEADLESS
    return Resolution.ENDPOINTS


def _port(port: PortSpec) -> ServicePort:
    return ServicePort(
        number=PortNumber(port.port),
        name=port.name,
        protocol=protocol_of_port(port.port, port.name, port.app_protocol, port.protocol),
        target=port.target_port or port.port,
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for part in text.split(",") if (word := part.strip()))


def _accounts(declared: Object[Spec], trust_domain: str) -> tuple[str, ...]:
    """Identities that the user says the endpoints may have besides their own."""
    canonical, of_namespace = (declared.annotations.get(name, "") for name in ACCOUNT_ANNOTATIONS)
    prefix = f"spiffe://{trust_domain}/ns/{declared.namespace}/sa/"
    return (
        *(word if "://" in word else f"spiffe://{word}" for word in _words(canonical)),
        *(f"{prefix}{word}" for word in _words(of_namespace)),
    )
