"""What a connection to a workload may be, and which chain of filters takes it.

The sidecar learns three things before it chooses: the port, whether the first bytes are a
ClientHello and what it offers (ALPN), and else whether they are a request line. What a client of
the mesh offers says whether HTTP is inside.
Source: Istio ``pilot/pkg/networking/core/filterchain_options.go``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from controlplane.model.mtls import MtlsMode
from controlplane.model.plan.listener import Transport
from controlplane.model.service import Protocol

MESH_HTTP: Final = ("istio-http/1.0", "istio-http/1.1", "istio-h2")
MESH_STREAM: Final = ("istio-peer-exchange", "istio")
MESH_ANY: Final = ("istio", "istio-peer-exchange", *MESH_HTTP)
PLAIN_HTTP: Final = ("http/1.1", "h2c")
"""What the inspector of requests calls them."""


class Detection(Enum):
    """What is known of a port before its first byte."""

    HTTP = auto()
    STREAM = auto()
    NOTHING = auto()


def detection(protocol: Protocol) -> Detection:
    if protocol.is_http:
        return Detection.HTTP
    return Detection.NOTHING if protocol is Protocol.AUTO else Detection.STREAM


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Connections that look alike, and what is done with them. ``ends_tls``: by the mesh's mutual
    TLS. ``protocols`` are what they offer, or what was seen; empty for anything.
    """

    transport: Transport
    is_http: bool
    protocols: tuple[str, ...] = ()
    ends_tls: bool = False


_MUTUAL_HTTP: Final = Branch(transport=Transport.TLS, is_http=True, ends_tls=True)
_MUTUAL_STREAM: Final = Branch(transport=Transport.TLS, is_http=False, ends_tls=True)
_PLAIN_HTTP: Final = Branch(transport=Transport.RAW, is_http=True)
_PLAIN_STREAM: Final = Branch(transport=Transport.RAW, is_http=False)
_FOREIGN_TLS: Final = Branch(transport=Transport.TLS, is_http=False)
"""TLS that is the workload's own affair."""
_OFFERING_HTTP: Final = Branch(
    transport=Transport.TLS, is_http=True, protocols=MESH_HTTP, ends_tls=True
)
_SEEN_HTTP: Final = Branch(transport=Transport.RAW, is_http=True, protocols=PLAIN_HTTP)

BRANCHES: Final[Mapping[tuple[Detection, MtlsMode], tuple[Branch, ...]]] = {
    (Detection.HTTP, MtlsMode.STRICT): (_MUTUAL_HTTP,),
    (Detection.HTTP, MtlsMode.PERMISSIVE): (
        Branch(transport=Transport.TLS, is_http=True, protocols=MESH_ANY, ends_tls=True),
        _PLAIN_HTTP,
    ),
    (Detection.HTTP, MtlsMode.DISABLE): (_PLAIN_HTTP,),
    (Detection.STREAM, MtlsMode.STRICT): (_MUTUAL_STREAM,),
    (Detection.STREAM, MtlsMode.PERMISSIVE): (
        Branch(transport=Transport.TLS, is_http=False, protocols=MESH_ANY, ends_tls=True),
        _FOREIGN_TLS,
        _PLAIN_STREAM,
    ),
    (Detection.STREAM, MtlsMode.DISABLE): (_PLAIN_STREAM,),
    (Detection.NOTHING, MtlsMode.STRICT): (_OFFERING_HTTP, _MUTUAL_STREAM),
    (Detection.NOTHING, MtlsMode.PERMISSIVE): (
        _OFFERING_HTTP,
        _SEEN_HTTP,
        Branch(transport=Transport.TLS, is_http=False, protocols=MESH_STREAM, ends_tls=True),
        _PLAIN_STREAM,
        _FOREIGN_TLS,
    ),
    (Detection.NOTHING, MtlsMode.DISABLE): (_SEEN_HTTP, _PLAIN_STREAM),
}
"""In istiod's order, although no two branches of a port take the same connection."""
