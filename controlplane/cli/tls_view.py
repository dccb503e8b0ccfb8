"""What ``status --tls`` shows: each upstream that is reached by TLS, and each Secret in use."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from controlplane.admin.tls import (
    Certificate,
    ProbedEndpoint,
    ProbeResult,
    SecretInUse,
    TlsDestination,
    TlsExpectation,
    TlsState,
)
from controlplane.admin.view import DeclaredObject
from controlplane.base.wording import counted, first_of
from controlplane.cli.output import Segment, Style, printable
from controlplane.cli.status_view import display_name

Line = list[Segment]
_NAMES_SHOWN: Final = 4
_PLAIN: Final = Style.PLAIN


def lines(state: TlsState, now: datetime) -> Iterator[Line]:
    """The upstreams, each endpoint with its verdict, then the Secrets."""
    if not state.destinations:
        yield [("no DestinationRule asks for TLS to an upstream", _PLAIN)]
    for destination in state.destinations:
        yield from _destination(destination, now)
        yield []
    for secret in state.secrets:
        yield from _secret(secret, now)
        yield []
    for found in state.problems:
        yield [(_declared(found.declared), Style.NAME)]
        yield _problem(found.problem)
        yield []
    bad = sum(not d.good for d in state.destinations)
    troubled = sum(not s.is_good for s in state.secrets)
    yield [
        (_count(len(state.destinations), "upstream", bad, "fails", "fail"), _PLAIN),
        (", ", _PLAIN),
        (_count(len(state.secrets), "Secret", troubled, "has problems", "have problems"), _PLAIN),
    ]


def _destination(destination: TlsDestination, now: datetime) -> Iterator[Line]:
    subset = destination.cluster.split("|")
    port = f":{subset[1]}" if len(subset) == 4 else ""
    of = f" subset {subset[2]}" if len(subset) == 4 and subset[2] else ""
    name = printable(f"{destination.host}{port}{of}")
    yield [(name, Style.NAME), (f"  {destination.mode}", _PLAIN)]
    for rule in destination.rules:
        yield [(f"   from {_declared(rule)}", Style.QUIET)]
    yield [("   expected   ", Style.QUIET), (_expected(destination.expected), _PLAIN)]
    if not destination.endpoints:
        yield [("   fails      ", Style.ERROR), (printable(destination.message), Style.NAME)]
    for endpoint in destination.endpoints:
        yield from _endpoint(endpoint, now)
    if destination.unprobed:
        yield [(f"   {destination.unprobed} more endpoints were not probed", Style.QUIET)]


def _endpoint(endpoint: ProbedEndpoint, now: datetime) -> Iterator[Line]:
    yield [
        ("   good       " if endpoint.good else "   fails      ", _style(good=endpoint.good)),
        (f"{endpoint.address}  ", _PLAIN),
        (printable(endpoint.message), _PLAIN if endpoint.good else Style.NAME),
    ]
    for i, certificate in enumerate(endpoint.presented):
        label = "   presented  " if i == 0 else "              "
        yield [(label, Style.QUIET), (_certificate(certificate, now), _PLAIN)]


def _declared(one: DeclaredObject) -> str:
    """``Secret default/web (mesh/web.yaml:3)``."""
    at = f" ({one.path}:{one.line})" if one.line else f" ({one.path})" if one.path else ""
    return printable(f"{display_name(one.object)}{at}")


def _style(*, good: bool) -> Style:
    return Style.GOOD if good else Style.ERROR


def _expected(wanted: TlsExpectation) -> str:
    parts = [f"SNI {wanted.sni}" if wanted.sni else "no SNI"]
    if wanted.trust is None:
        parts.append("any certificate")
    else:
        names = first_of(wanted.names, _NAMES_SHOWN) or "any name"
        parts.append(f"a certificate for {names}")
        by = f" ({first_of(wanted.authorities, _NAMES_SHOWN)})" if wanted.authorities else ""
        parts.append(f"by an authority of {wanted.trust}{by}")
    if wanted.certificate is not None:
        parts.append(f"presents {wanted.certificate}")
    return printable(", ".join(parts))


def _secret(secret: SecretInUse, now: datetime) -> Iterator[Line]:
    yield [(_declared(secret.declared), Style.NAME)]
    if secret.certificate is not None:
        yield [("   holds      ", Style.QUIET), (_certificate(secret.certificate, now), _PLAIN)]
    for authority in secret.authorities:
        yield [("   authority  ", Style.QUIET), (_certificate(authority, now), _PLAIN)]
    for user in secret.users:
        yield [("   used by    ", Style.QUIET), (_declared(user), _PLAIN)]
    for seen in secret.seen:
        yield _seen(seen)
    for problem in secret.problems:
        yield _problem(problem)


def _seen(seen: ProbeResult) -> Line:
    """``not seen`` says nothing about the gateway: its node may report an unreachable address."""
    label, style = {
        True: ("   seen       ", Style.GOOD),
        False: ("   fails      ", Style.ERROR),
        None: ("   not seen   ", Style.QUIET),
    }[seen.good]
    name = f" as {seen.server_name}" if seen.server_name else ""
    what = f"{seen.proxy} at {seen.address}{name} {seen.message}"
    return [(label, style), (printable(what), Style.NAME if seen.good is False else _PLAIN)]


def _problem(problem: str) -> Line:
    return [("   problem    ", Style.ERROR), (printable(problem), Style.NAME)]


def _certificate(certificate: Certificate, now: datetime) -> str:
    names = f" for {first_of(certificate.names, _NAMES_SHOWN)}" if certificate.names else ""
    own = certificate.issuer == certificate.subject
    by = "by itself" if own else f"by {certificate.issuer}"
    ends = f"until {certificate.ends:%Y-%m-%d %H:%M} UTC ({_left(certificate.ends - now)})"
    return printable(f"{certificate.subject or 'no subject'}{names}, {by}, {ends}")


def _left(time: timedelta) -> str:
    if time < timedelta(0):
        return "expired"
    if time.days:
        return "1 day left" if time.days == 1 else f"{time.days} days left"
    return f"{int(time.total_seconds()) // 3600} hours left"


def _count(count: int, noun: str, bad: int, one: str, many: str) -> str:
    whole = counted(count, noun)
    return whole if not bad else f"{whole} ({bad} {one if bad == 1 else many})"
