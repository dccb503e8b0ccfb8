"""Who hears which proxies connect, so that workloads are registered by it."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from controlplane.model.proxy import Proxy
from controlplane.model.registration import Claim, WorkloadId
from controlplane.xds.node import Bearer
from controlplane.xds.peer import peer_address


class Registrar(Protocol):
    """Registers workloads by the streams of their proxies. ``None`` for a claim: the proxy's token
    names no WorkloadGroup.
    """

    def recognised(self, proxy: Proxy, claim: Claim | None) -> Proxy:
        """The proxy as it is served: without what only its node says, where its token says more."""
        ...

    def stream(self, proxy: Proxy, claim: Claim | None) -> AbstractContextManager[None]:
        """While the block runs, a stream of the proxy is open."""
        ...


class NoRegistrar:
    """Registers nothing and believes every node."""

    def recognised(self, proxy: Proxy, claim: Claim | None) -> Proxy:  # noqa: ARG002  # the protocol's form
        return proxy

    def stream(self, proxy: Proxy, claim: Claim | None) -> AbstractContextManager[None]:  # noqa: ARG002  # the protocol's form
        return nullcontext()


def claim_of(proxy: Proxy, bearer: Bearer | None, peer: str) -> Claim | None:
    """What a proxy of a WorkloadGroup says that it is; ``peer`` is gRPC's. Of several addresses of
    its node the one that it connects from is used, else the first.
    """
    if bearer is None or bearer.group is None:
        return None
    origin = peer_address(peer)
    came_from = str(origin) if origin is not None else ""
    address = came_from if came_from in proxy.addresses else proxy.addresses[0]
    return Claim(
        id=WorkloadId(
            namespace=proxy.namespace,
            group=bearer.group,
            address=address,
            is_proven=address == came_from,
        ),
        service_account=proxy.service_account,
        role=proxy.role,
        peer=came_from,
        locality=proxy.locality,
    )
