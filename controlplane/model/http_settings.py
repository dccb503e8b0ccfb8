"""How a proxy reads requests, and what it passes on about them."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto

from controlplane.base.hashing import hashed_once
from controlplane.model.tracing import SAMPLING_ONLY, Tracing


class ListenerContext(Enum):
    """For what a listener reads requests: some settings, and their defaults, depend on it."""

    GATEWAY = auto()
    OUTBOUND = auto()
    """A sidecar's, for what its workload calls."""
    INBOUND = auto()
    """A sidecar's, for what calls its workload."""


class ForwardedCertificate(Enum):
    """What happens to ``x-forwarded-client-cert``. Source:
    HttpConnectionManager.ForwardClientCertDetails.
    """

    SANITIZE = 0
    FORWARD_ONLY = 1
    APPEND_FORWARD = 2
    SANITIZE_SET = 3
    ALWAYS_FORWARD_ONLY = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateDetails:
    """Which parts of a client's certificate the upstream sees."""

    subject: bool = True
    certificate: bool = True
    chain: bool = False
    dns: bool = True
    uri: bool = True


class UnderscoreHeaders(Enum):
    """What happens to headers with an underscore in their name."""

    ALLOW = 0
    REJECT_REQUEST = 1
    DROP_HEADER = 2


class EscapedSlashes(Enum):
    """What happens to ``%2F`` and ``%5C`` in a path."""

    KEEP_UNCHANGED = 1
    REJECT_REQUEST = 2
    UNESCAPE_AND_REDIRECT = 3
    UNESCAPE_AND_FORWARD = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    normalized: bool = True
    merges_slashes: bool = False
    escaped_slashes: EscapedSlashes = EscapedSlashes.KEEP_UNCHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long connections and requests may last; zero is never, unset is Envoy's own default."""

    idle: timedelta | None = None
    connection: timedelta | None = None
    stream: timedelta | None = None
    stream_idle: timedelta = timedelta(0)
    request: timedelta | None = None
    request_headers: timedelta | None = None
    drain: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Http2Limits:
    concurrent_streams: int | None = None
    stream_window: int | None = None
    connection_window: int | None = None


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """How requests are read and passed on by every HTTP listener of a proxy.

    ``uses_remote_address``: the proxy is the edge: it trusts no client and starts
    ``x-forwarded-for``. ``server_name`` of ``None`` leaves the upstream's own ``server`` header.
    ``tracing`` of ``None``: no request is traced.
    """

    uses_remote_address: bool
    server_name: str | None = "istio-envoy"
    trusted_hops: int = 0
    forwarded_certificate: ForwardedCertificate = ForwardedCertificate.SANITIZE_SET
    certificate_details: CertificateDetails = CertificateDetails()
    paths: Paths = Paths()
    timeouts: Timeouts = Timeouts()
    http2: Http2Limits = Http2Limits()
    underscore_headers: UnderscoreHeaders | None = None
    accepts_http_10: bool = False
    keeps_header_case: bool = False
    generates_request_id: bool = True
    appends_forwarded_port: bool = False
    tracing: Tracing | None = SAMPLING_ONLY
    _hash: int = field(default=0, init=False, repr=False, compare=False)
