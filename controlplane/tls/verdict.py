"""The verdict on a handshake: whether a proxy would send requests, and if not, why.

A verdict names both sides: what was presented, and what was expected.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from controlplane.base.addresses import Address
from controlplane.base.wording import first_of
from controlplane.tls.certificate import certificates, proves
from controlplane.tls.expectation import Expectation, Trusted
from controlplane.tls.handshake import Distrust, Failed, Fault, Presented

_NAMES_SHOWN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``good``: a proxy would send requests; ``message`` says why not, or what was agreed."""

    good: bool
    message: str


def verdict(expected: Expectation, at: Address, found: Presented | Failed) -> Verdict:
    match found:
        case Failed():
            return Verdict(good=False, message=_of_failure(expected, at, found))
        case Presented():
            fault = _fault(expected, found)
            if fault is not None:
                return Verdict(good=False, message=fault)
            agreed = f"{found.version}, {found.protocol or 'no ALPN'}"
            return Verdict(good=True, message=f"{agreed}, {_what_was_verified(expected)}")


def unsent(expected: Expectation) -> Verdict:
    """The verdict on a cluster whose secrets the proxy was not sent."""
    names = ", ".join(f'"{name}"' for name in expected.missing)
    return Verdict(good=False, message=f"the proxy has no secret {names}, so it does not connect")


def _what_was_verified(expected: Expectation) -> str:
    if expected.trusted is None:
        return "nothing is verified"
    if not expected.names:
        return "the authority is verified, but no name"
    return "the authority and the name are verified"


def _of_failure(expected: Expectation, at: Address, failed: Failed) -> str:
    match failed.fault:
        case Fault.UNKNOWN_NAME:
            return f'no address is known for "{at.host}": {failed.words}'
        case Fault.UNREACHABLE:
            return f"{at} cannot be reached: {failed.words}"
        case Fault.SILENT:
            return f"{at} does not respond: {failed.words}"
        case Fault.PLAINTEXT:
            return f"{at} answers, but not with TLS: is it a plaintext port?"
        case Fault.CLOSED:
            return f"{at} closes the connection in the handshake, {_offer(expected)}"
        case Fault.REFUSED:
            return f"{at} refuses the handshake, {_offer(expected)}: {failed.words}"
        case Fault.UNREADABLE:
            return f"not probed: {failed.words}"


def _offer(expected: Expectation) -> str:
    """What the server may object to."""
    name = f'with SNI "{expected.sni}"' if expected.sni else "without SNI"
    shown = expected.shown
    return f"{name} and {f'the certificate of {shown.name}' if shown else 'no client certificate'}"


def _fault(expected: Expectation, found: Presented) -> str | None:
    if found.refusal is not None:
        return _of_refusal(expected, found.refusal)
    if expected.trusted is None:
        return None
    if not found.chain:
        return "no certificate was presented"
    leaf = found.chain[0]
    if found.distrust is not None:
        return _of_distrust(expected.trusted, found, found.distrust)
    if expected.names and not any(proves(leaf.names, name) for name in expected.names):
        presented = first_of(leaf.names, _NAMES_SHOWN) or leaf.subject
        wanted = first_of(expected.names, _NAMES_SHOWN)
        return f"certificate of {expected.host} is for {presented}, expected {wanted}"
    return None


def _of_refusal(expected: Expectation, words: str) -> str:
    if expected.shown is None:
        return f"{expected.host} refuses a client without a certificate: {words}"
    return f"{expected.host} refuses the client certificate of {expected.shown.name}: {words}"


def _of_distrust(trusted: Trusted, found: Presented, distrust: Distrust) -> str:
    leaf, last = found.chain[0], found.chain[-1]
    match distrust:
        case Distrust.EXPIRED:
            ended = min((c for c in found.chain), key=lambda c: c.ends)
            return f"certificate {ended.subject} expired on {_date(ended.ends)}"
        case Distrust.NOT_YET_VALID:
            begins = max((c for c in found.chain), key=lambda c: c.begins)
            return f"certificate {begins.subject} is not valid before {_date(begins.begins)}"
        case Distrust.REVOKED:
            return f"certificate {leaf.subject} is revoked by the CRL of {trusted.name}"
        case Distrust.UNTRUSTED:
            return (
                f"certificate {leaf.subject} comes from {last.issuer}, "
                f"expected {_authorities(trusted)} ({trusted.name})"
            )
        case Distrust.OTHER:
            return f"certificate {leaf.subject} cannot be verified: {found.words}"


def _authorities(trusted: Trusted) -> str:
    if not isinstance(trusted.authorities, bytes):
        return f"an authority in {trusted.authorities.path}"
    subjects = [c.subject for c in certificates(trusted.authorities)]
    return first_of(subjects, _NAMES_SHOWN) or "an authority"


def _date(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
