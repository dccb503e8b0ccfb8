"""What part of a sidecar decides what it does with connections to its workload: the part that may
be a key. Replicas of a workload have equal views.
"""

from dataclasses import dataclass, field

from controlplane.base.hashing import hashed_once
from controlplane.base.names import Namespace, ObjectKey
from controlplane.model.inbound_port import InboundPort
from controlplane.model.outbound_view import Interception
from controlplane.model.proxy import IpFamily, Labels


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class InboundView:
    """``ports`` are those of the workload that services lead to, by number. ``peers`` are the
    PeerAuthentications that say what it accepts, the widest first. ``settings`` is the node
    metadata that listeners honour.
    """

    namespace: Namespace
    ports: tuple[InboundPort, ...] = ()
    peers: tuple[ObjectKey, ...] = ()
    families: tuple[IpFamily, ...] = (IpFamily.IPV4,)
    interception: Interception = Interception.REDIRECT
    settings: Labels = ()
    _hash: int = field(default=0, init=False, repr=False, compare=False)
