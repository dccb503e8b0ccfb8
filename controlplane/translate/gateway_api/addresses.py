"""Where a Gateway is to be reached: at the Service that Istio would make for it, or at those whose
hostnames its addresses are.

Source: Istio ``pilot/pkg/config/kube/gatewaycommon/gateway_utils.go`` (``IsManaged``),
``pilot/pkg/config/kube/gateway/conversion.go`` (``extractGatewayServices``).
"""

from typing import Final

from controlplane.base.hosts import fqdn
from controlplane.base.names import CLUSTER_DOMAIN, Host
from controlplane.kinds.gateway_api.gateway import KubernetesGateway
from controlplane.kinds.object import Object

HOSTNAME: Final = "Hostname"
IP_ADDRESS: Final = "IPAddress"
NAME_OVERRIDE: Final = "gateway.istio.io/name-override"


def is_managed(spec: KubernetesGateway) -> bool:
    """Whether the Gateway has proxies of its own: it says nothing of its address, or one IP."""
    match spec.addresses:
        case ():
            return True
        case (address,):
            return address.type == IP_ADDRESS
        case _:
            return False


def gateway_services(gateway: Object[KubernetesGateway]) -> tuple[Host, ...]:
    """The hosts of the Services in front of a Gateway's proxies. An address without dots is a
    Service of the Gateway's namespace.
    """
    if is_managed(gateway.spec):
        usual = f"{gateway.name}-{gateway.spec.gateway_class_name}"
        name = gateway.annotations.get(NAME_OVERRIDE, usual)
        return (Host(f"{name}.{gateway.namespace}.svc.{CLUSTER_DOMAIN}"),)
    return tuple(
        fqdn(address.value or "", gateway.namespace)
        for address in gateway.spec.addresses
        if address.type == HOSTNAME
    )
