"""Names of Envoy clusters, which routes and clusters must agree on. They are Istio's, where it has
any.
"""

from typing import Final

from controlplane.base.names import Host, Namespace, PortNumber, SubsetName

BLACK_HOLE: Final = "BlackHoleCluster"
PASSTHROUGH: Final = "PassthroughCluster"
ANY_DYNAMIC_DNS: Final = "AllowAnyDynamicDNSCluster"
INBOUND_PASSTHROUGH: Final = "InboundPassthroughCluster"
"""To the workload, on ports that no service has."""
_SNI_DNAT: Final = "outbound_."


def inbound(target: PortNumber) -> str:
    """``inbound|8080||``: to the workload beside the proxy, by its own port."""
    return f"inbound|{target}||"


def outbound(port: PortNumber, subset: SubsetName | str | None, host: Host) -> str:
    """``outbound|80|v1|reviews.default.svc.cluster.local``."""
    return f"outbound|{port}|{subset or ''}|{host}"


def datagrams(namespace: Namespace, name: str) -> str:
    """``datagrams|default|dns``: the backends of a UDPRoute that has several."""
    return f"datagrams|{namespace}|{name}"


def sni_dnat_name(port: PortNumber, subset: SubsetName | str | None, host: Host) -> str:
    """``outbound_.80_.v1_.reviews.default.svc.cluster.local``: the server name of mutual TLS in the
    mesh.
    """
    return f"{_SNI_DNAT}{port}_.{subset or ''}_.{host}"


def is_sni_dnat(name: str) -> bool:
    return name.startswith(_SNI_DNAT)
