"""What part of a sidecar decides what it does with connections to its workload: the part that may
be a key. Replicas of a workload have equal views.
"""

from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from controlplane.base.hashing import hashed_once
from controlplane.base.names import Namespace, ObjectKey
from controlplane.model.inbound_port import InboundPort
from controlplane.model.outbound_view import Interception
from controlplane.model.policy_keys import NO_POLICIES, PolicyKeys
from controlplane.model.proxy import IpFamily, Labels
from controlplane.model.tracing import ANONYMOUS, TracedProxy


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class InboundView:
    """``ports`` are those of the workload that services lead to, or that a Sidecar declares in
    their place, by number. ``peers`` are the PeerAuthentications that say what it accepts, the
    widest first; ``scope`` is the Sidecar, if it says anything of this. ``settings`` is the node
    metadata that listeners honour. ``addresses`` are the workload's, where a port needs them.
    ``policies`` say who may call, ``telemetries`` how calls are observed: of two that say the same,
    the later is used. ``traced`` is what the spans of calls say of the workload.
    """

    namespace: Namespace
    ports: tuple[InboundPort, ...] = ()
    peers: tuple[ObjectKey, ...] = ()
    scope: ObjectKey | None = None
    families: tuple[IpFamily, ...] = (IpFamily.IPV4,)
    interception: Interception = Interception.REDIRECT
    settings: Labels = ()
    addresses: tuple[str, ...] = ()
    policies: PolicyKeys = NO_POLICIES
    telemetries: tuple[ObjectKey, ...] = ()
    extensions: tuple[ObjectKey, ...] = ()
    """What adds filters of the user's for what calls the workload, in order."""
    traced: TracedProxy = ANONYMOUS
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def at(self, addresses: tuple[str, ...]) -> "InboundView":
        """The view of the workload that has these addresses."""
        if not any(port.needs_own_address for port in self.ports):
            return self
        return replace(self, addresses=addresses)

    def own_address(self, family: IpFamily) -> str | None:
        """The first address of a family."""
        found = (a for a in self.addresses if ip_address(a).version == family.value)
        return next(found, None)
