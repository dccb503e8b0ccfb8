"""Where a Gateway is to be reached: at the Service that Istio would make for it, or at those whose
hostnames its addresses are.

Source: Istio ``pilot/pkg/config/kube/gatewaycommon/gateway_utils.go`` (``IsManaged``),
``pilot/pkg/config/kube/gateway/conversion.go`` (``extractGatewayServices``).
"""

from typing import Final

from controlplane.base.hosts import fqdn, is_unscoped_ip
from controlplane.base.names import CLUSTER_DOMAIN, Host
from controlplane.kinds.gateway_api.gateway import NAME_OVERRIDE, KubernetesGateway
from controlplane.kinds.object import Object
from controlplane.kinds.validation.names import is_object_name

HOSTNAME: Final = "Hostname"
IP_ADDRESS: Final = "IPAddress"


def is_managed(spec: KubernetesGateway) -> bool:
    """Whether the Gateway has proxies of its own: it says nothing of its address, or one IP."""
    match spec.addresses:
        case ():
            return True
        case (address,):
            return address.type == IP_ADDRESS
        case _:
            return False


def own_address(gateway: Object[KubernetesGateway]) -> str | None:
    """The IP address that the Gateway's own proxy is to listen on, where it asks for one."""
    asked = (a.value for a in gateway.spec.addresses if a.type == IP_ADDRESS and a.value)
    return next((value for value in asked if is_unscoped_ip(value)), None)


def own_name(gateway: Object[KubernetesGateway], annotation: str) -> str:
    """The name that an annotation gives to the Gateway's proxy or its service account. Text that is
    no name of Kubernetes counts as absent: it becomes part of paths and identities.
    """
    said = gateway.annotations.get(annotation, "")
    usual = f"{gateway.name}-{gateway.spec.gateway_class_name}"
    return said if is_object_name(said) else usual


def gateway_services(gateway: Object[KubernetesGateway]) -> tuple[Host, ...]:
    """The hosts of the Services in front of a Gateway's proxies. An address without dots is a
    Service of the Gateway's namespace.
    """
    if is_managed(gateway.spec):
        name = own_name(gateway, NAME_OVERRIDE)
        return (Host(f"{name}.{gateway.namespace}.svc.{CLUSTER_DOMAIN}"),)
    return tuple(
        fqdn(address.value or "", gateway.namespace)
        for address in gateway.spec.addresses
        if address.type == HOSTNAME
    )
