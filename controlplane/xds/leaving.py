"""A workload announces that it ends, so that nobody sends it anything more: the unary method
``controlplane.v1.Registration/Leave``.

The token in its metadata says of which group it is. The request, a
``google.protobuf.StringValue``, is the workload's address, empty where the connection comes from
it; the answer is empty.
"""

from ipaddress import ip_address
from typing import Final, Protocol

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import StringValue

from controlplane.model.registration import Claim, WorkloadId
from controlplane.xds.fault_log import FaultLog
from controlplane.xds.greeting import Authenticate, bearer_of
from controlplane.xds.node import Bearer
from controlplane.xds.peer import peer_address
from controlplane.xds.wire import StreamFault

SERVICE: Final = "controlplane.v1.Registration"
Context = grpc.aio.ServicerContext[bytes, bytes]


class Leavers(Protocol):
    """Who may leave."""

    def announce_leave(self, claim: Claim) -> bool:
        """A workload is about to end; whether it was registered, and the claim is its own."""
        ...


class LeaveService:
    """Serves ``Leave``."""

    def __init__(self, leavers: Leavers) -> None:
        self._leavers = leavers

    def handler(self, authenticate: Authenticate, faults: FaultLog) -> grpc.GenericRpcHandler:
        async def serve(body: bytes, context: Context) -> bytes:
            await faults.guard(context, self._leave(body, context, authenticate))
            return b""

        leave: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(serve)
        return grpc.method_handlers_generic_handler(SERVICE, {"Leave": leave})

    async def _leave(self, body: bytes, context: Context, authenticate: Authenticate) -> None:
        bearer = bearer_of(context, authenticate)
        claim = _claim(bearer, body, context.peer())
        if not self._leavers.announce_leave(claim):
            text = f"no workload of the token is registered at {claim.id.address}"
            raise StreamFault(grpc.StatusCode.NOT_FOUND, text)


def _claim(bearer: Bearer | None, body: bytes, peer: str) -> Claim:
    if bearer is None or bearer.group is None:
        text = "the token names no WorkloadGroup"
        raise StreamFault(grpc.StatusCode.FAILED_PRECONDITION, text)
    origin = peer_address(peer)
    came_from = str(origin) if origin is not None else ""
    try:
        address = str(ip_address(StringValue.FromString(body).value or came_from))
    except (DecodeError, ValueError):
        text = "the request does not say an IP address"
        raise StreamFault(grpc.StatusCode.INVALID_ARGUMENT, text) from None
    identity = bearer.identity
    return Claim(
        id=WorkloadId(
            namespace=identity.namespace,
            group=bearer.group,
            address=address,
            is_proven=address == came_from,
        ),
        service_account=identity.service_account,
        role=identity.role,
        peer=came_from,
    )
