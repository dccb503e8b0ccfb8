"""The beginning of a stream: whose token it bears, and its first request."""

import asyncio
from collections.abc import Callable, Mapping

import grpc
import grpc.aio

from controlplane.base.errors import TokenRefused
from controlplane.xds.node import Bearer, check_peer
from controlplane.xds.wire import LimitExceeded, StreamFault

Context = grpc.aio.ServicerContext[bytes, bytes]

Authenticate = Callable[[Mapping[str, str]], Bearer | None]
"""Metadata of a stream to who it is; raises ``TokenRefused``. ``None`` believes the node."""


def bearer_of(context: Context, authenticate: Authenticate) -> Bearer | None:
    """Whose token the stream bears. ``StreamFault`` where it is refused, or for another network."""
    metadata = {k: v for k, v in context.invocation_metadata() or () if isinstance(v, str)}
    try:
        bearer = authenticate(metadata)
    except TokenRefused as refusal:
        raise StreamFault(grpc.StatusCode.UNAUTHENTICATED, refusal.message) from refusal
    if bearer is not None:
        check_peer(bearer, context.peer())
    return bearer


async def first_request(context: Context, seconds: float) -> bytes | None:
    """The first request; ``None`` when the client ends the stream instead, ``LimitExceeded`` when
    it does neither in time.
    """
    try:
        async with asyncio.timeout(seconds):
            first = await context.read()
    except TimeoutError:
        text = f"the stream has no request after {seconds:g} s"
        raise LimitExceeded("first_request", text, grpc.StatusCode.DEADLINE_EXCEEDED) from None
    return first if isinstance(first, bytes) else None
