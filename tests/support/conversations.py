"""Words for conversations with xDS sessions: snapshots in one line, outputs as text."""

from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.xds.delta import DeltaSession
from controlplane.xds.events import (
    Acked,
    DeltaRequest,
    Nonce,
    Output,
    Refused,
    Rejected,
    Send,
    SotwRequest,
)
from controlplane.xds.response_cache import ResponseCache
from controlplane.xds.snapshot import Snapshot, snapshot
from controlplane.xds.sotw import SotwSession

TYPES = {
    "CDS": "CLUSTER",
    "EDS": "ENDPOINT",
    "LDS": "LISTENER",
    "RDS": "ROUTE",
    "SDS": "SECRET",
    "ECDS": "EXTENSION",
}


def type_url(short: str) -> TypeUrl:
    return TypeUrl[TYPES[short]]


def form(text: str) -> Resource:
    """``a1`` is the resource ``a`` in the version ``1``; ``a0`` are no endpoints of ``a``;
    ``a1=x`` has the stand-in ``x``.
    """
    text, _, other = text.partition("=")
    name, version = text[:-1], text[-1]
    stand_in = Resource(name, other, ()) if other else None
    return Resource(name, version, (), is_empty=version == "0", stand_in=stand_in)


def world(revision: int, **types: str) -> Snapshot:
    """``world(1, CDS="a1 b1", EDS="a1")``."""
    return snapshot(
        revision,
        {type_url(short): [form(word) for word in text.split()] for short, text in types.items()},
    )


def delta(
    short: str,
    subscribe: str = "",
    unsubscribe: str = "",
    *,
    held: str = "",
    nonce: str = "",
    error: str | None = None,
) -> DeltaRequest:
    """A delta request; ``held="a1"`` says the client has ``a`` in version ``1``."""
    return DeltaRequest(
        type_url=type_url(short),
        subscribe=frozenset(subscribe.split()),
        unsubscribe=frozenset(unsubscribe.split()),
        initial={word[:-1]: word[-1] for word in held.split()},
        nonce=Nonce(nonce),
        error=error,
    )


def sotw(
    short: str,
    names: str = "",
    *,
    nonce: str = "",
    error: str | None = None,
    is_reconnect: bool = False,
) -> SotwRequest:
    return SotwRequest(
        type_url=type_url(short),
        names=frozenset(names.split()),
        nonce=Nonce(nonce),
        error=error,
        is_reconnect=is_reconnect,
    )


def said(outputs: tuple[Output, ...]) -> list[str]:
    """Each output in a line: ``1 CDS +a1 +b1 -c``, ``ack 1 CDS``, ``CDS a1 rejected: bad``."""
    return [_line(output) for output in outputs]


def _line(output: Output) -> str:
    short = next(s for s, name in TYPES.items() if name == output.type_url.name)
    match output:
        case Send(nonce=nonce, response=response):
            put = [
                f"+{r.name}{r.version if len(r.version) == 1 else '(empty)'}"
                for r in response.resources
            ]
            return " ".join((nonce, short, *put, *(f"-{name}" for name in response.removed)))
        case Acked(nonce=nonce):
            return f"ack {nonce} {short}"
        case Rejected(name=name, version=version, error=error):
            return f"{short} {name}{version} rejected: {error}"
        case Refused(nonce=nonce, error=error):
            return f"{nonce} {short} refused: {error}"


def fresh(snapshot: Snapshot) -> DeltaSession:
    """A session of a client that has had the time to ask for everything."""
    session = DeltaSession(ResponseCache(), snapshot)
    session.arrived()
    return session


def synced(snapshot: Snapshot, **subscriptions: str) -> DeltaSession:
    """A session whose client has everything it asked for, and acknowledged it."""
    session = fresh(snapshot)
    for short, names in subscriptions.items():
        wildcard = "" if names == "*" else names
        for line in said(session.receive(delta(short, wildcard))):
            session.receive(delta(short, nonce=line.split()[0]))
    session.arrived()
    assert session.settled
    return session


def fresh_sotw(snapshot: Snapshot) -> SotwSession:
    """As ``fresh``, for the other variant."""
    session = SotwSession(ResponseCache(), snapshot)
    session.arrived()
    return session


def synced_sotw(snapshot: Snapshot, **subscriptions: str) -> SotwSession:
    """As ``synced``, for the other variant."""
    session = fresh_sotw(snapshot)
    for short, names in subscriptions.items():
        names = "" if names == "*" else names
        for line in said(session.receive(sotw(short, names))):
            session.receive(sotw(short, names, nonce=line.split()[0]))
    session.arrived()
    assert session.settled
    return session
