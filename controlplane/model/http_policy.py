"""What is done to a request or its answer besides routing it: header changes, faults, CORS."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from controlplane.model.http_match import TextMatch


@dataclass(frozen=True, slots=True)
class Overwrite:
    """Afterwards the header has this value alone. An empty value changes nothing."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Append:
    """Afterwards the header has this value too."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderChanges:
    """Removals come first, then what is put, in order.

    Values may hold Envoy's ``%COMMANDS%``; a literal percent sign is ``%%``.
    """

    removed: tuple[str, ...] = ()
    put: tuple[Overwrite | Append, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.removed or self.put)

    def then(self, later: "HeaderChanges") -> "HeaderChanges":
        """Both, as one step: what ``later`` puts is put after what this puts."""
        return HeaderChanges(removed=self.removed + later.removed, put=self.put + later.put)


NO_CHANGES: Final = HeaderChanges()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """``parts_per_million`` of the requests wait for ``length`` before they are routed."""

    length: timedelta
    parts_per_million: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortHttp:
    status: int
    parts_per_million: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortGrpc:
    """``status`` is the number of a gRPC status."""

    status: int
    parts_per_million: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Delay and abort are drawn independently."""

    delay: Delay | None = None
    abort: AbortHttp | AbortGrpc | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """The proxy answers preflights of ``origins``; those of others go upstream or are answered
    bare.

    An exact origin ``*`` is every origin. Empty lists add no header to the answer. ``credentials``
    of ``None`` is unset.
    """

    origins: tuple[TextMatch, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed_headers: tuple[str, ...] = ()
    max_age: timedelta | None = None
    credentials: bool | None = None
    forwards_unmatched_preflights: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCookie:
    """Requests with the cookie go to the endpoint that it names; others are answered with one.
    ``ttl`` of ``None``: it lives as long as the client.
    """

    name: str
    path: str = "/"
    ttl: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionHeader:
    """The same by a header, which clients repeat."""

    name: str


Session = SessionCookie | SessionHeader
