"""An endpoint: where one port of one workload is reached, and which properties of its workload
matter for choosing it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from controlplane.base.hosts import is_unscoped_ip
from controlplane.model.proxy import NOWHERE, Labels, Locality, labels_of

UNIX: Final = "unix://"
LONGEST_PATH: Final = 107  # bytes; Linux, sockaddr_un.sun_path with its closing zero

REGION_LABEL: Final = "topology.kubernetes.io/region"
ZONE_LABEL: Final = "topology.kubernetes.io/zone"
SUBZONE_LABEL: Final = "topology.istio.io/subzone"
NETWORK_LABEL: Final = "topology.istio.io/network"
HOSTNAME_LABEL: Final = "kubernetes.io/hostname"
REGION_LABEL_BETA: Final = "failure-domain.beta.kubernetes.io/region"
ZONE_LABEL_BETA: Final = "failure-domain.beta.kubernetes.io/zone"
LOCALITY_PARTS: Final = (REGION_LABEL, ZONE_LABEL, SUBZONE_LABEL)
TOPOLOGY_LABELS: Final = (*LOCALITY_PARTS, NETWORK_LABEL)
"""Labels of few values each, which Istio ranks endpoints by."""
LOCALITY_LABELS: Final = ("topology.istio.io/locality", "istio-locality")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """``address`` is an IP address, a name (for DNS alone), or ``unix://`` and a path (then
    ``port`` is 0).

    ``account`` is ``namespace/service account`` where the workload has one: which identity it must
    prove.
    """

    address: str
    port: int
    labels: Labels = ()
    locality: Locality = NOWHERE
    network: str = ""
    node: str = ""
    weight: int = 1
    is_ready: bool = True
    takes_mutual_tls: bool = False
    account: str | None = None
    workload: str = ""
    """``namespace/name`` of its workload, for metrics; only the namespace of one without a name;
    empty where an address is only listed.
    """

    @property
    def is_pipe(self) -> bool:
        return self.address.startswith(UNIX)

    @property
    def described(self) -> Labels:
        """Its labels, and those that Istio adds to say where it is."""
        added = dict(self.labels) | topology(self.locality)
        if self.network:
            added.setdefault(NETWORK_LABEL, self.network)
        if self.node:
            added[HOSTNAME_LABEL] = self.node
        return labels_of(added)

    @property
    def is_numeric(self) -> bool:
        """Whether Envoy can use the address without a DNS lookup."""
        return is_unscoped_ip(self.address) or (self.is_pipe and is_path(self.address))


def is_path(address: str) -> bool:
    """Whether the path behind ``unix://`` is one that a socket can have."""
    return 0 < len(address.removeprefix(UNIX).encode()) <= LONGEST_PATH


def selects(selector: Labels, labels: Labels) -> bool:
    """Whether ``labels`` has every pair of ``selector``; an empty selector selects everything."""
    return set(selector) <= set(labels)


def topology(locality: Locality) -> dict[str, str]:
    """The labels that Istio derives from a locality."""
    parts = zip(LOCALITY_PARTS, (locality.region, locality.zone, locality.sub_zone), strict=True)
    return {name: value for name, value in parts if value}


def locality_of_text(text: str) -> Locality:
    """``region/zone/subzone``; missing parts are empty, and a fourth is ignored."""
    region, zone, sub_zone = (*text.split("/"), "", "")[:3]
    return Locality(region, zone, sub_zone)


def locality_of_labels(labels: Labels) -> Locality:
    """The locality that a workload's labels say; dots are read as slashes where there are none."""
    values = dict(labels)
    for name in LOCALITY_LABELS:
        if name in values:
            text = values[name]
            return locality_of_text(text if "/" in text else text.replace(".", "/"))
    return Locality()


def locality_of_node(labels: Mapping[str, str]) -> Locality:
    """Where a node of these labels is. Source: Istio ``serviceregistry/kube/controller``
    (``getPodLocality``).
    """
    region = labels.get(REGION_LABEL) or labels.get(REGION_LABEL_BETA, "")
    zone = labels.get(ZONE_LABEL) or labels.get(ZONE_LABEL_BETA, "")
    return Locality(region, zone, labels.get(SUBZONE_LABEL, ""))
