"""The responses that a client has not answered, of which not many are kept."""

from dataclasses import dataclass
from typing import Final

from controlplane.xds.events import Nonce
from controlplane.xds.response import Response

UNANSWERED_LIMIT: Final = 128  # responses that are still distinguished when the client is slow
UNANSWERED_SIZE: Final = 1 << 20  # bytes of those that nothing waits for any longer


@dataclass(slots=True, kw_only=True)
class PendingResponse:
    """A response that the client has not answered. While it is ``awaited``, the next generation of
    its type is not sent; while it ``warms``, nothing that leads to its clusters.
    """

    response: Response
    is_awaited: bool
    is_bisection: bool
    warms: bool


def make_room(unanswered: dict[Nonce, PendingResponse]) -> None:
    """Forget what is beyond the limits, the oldest first, but not the last one.

    A late answer to what is forgotten is ignored; what was bisected is awaited, and so kept.
    """
    if len(unanswered) >= UNANSWERED_LIMIT:
        unanswered.pop(next(iter(unanswered)))
    late = [nonce for nonce, pending in unanswered.items() if not pending.is_awaited]
    size = sum(unanswered[nonce].response.size for nonce in late)
    for nonce in late[:-1]:
        if size <= UNANSWERED_SIZE:
            break
        size -= unanswered.pop(nonce).response.size
