"""What ``ca`` shows and asks of the control plane that has the state directory."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from controlplane.base.errors import KeyUnusable
from controlplane.base.wording import first_of
from controlplane.cli.inputs import opened_state
from controlplane.cli.options import StatePlace
from controlplane.cli.output import complain, printable, say
from controlplane.identity.rotation import Rotation, Step
from controlplane.identity.rotation_file import COMMAND, Command, kept_rotation

_MEANING: Final = {
    Step.STEADY: "no change of roots is under way",
    Step.ANNOUNCED: "step 1 of 2: the roots of both are trusted, the current authority signs",
    Step.SWITCHED: "step 2 of 2: the roots of both are trusted, the coming authority signs",
}
_NAMED: Final = 4


def show_status(place: StatePlace) -> None:
    """Print what signs, what is trusted, and what is waited for."""
    for line in status_lines(_rotation(place)):
        say(line)


def status_lines(rotation: Rotation) -> Iterator[str]:
    """One a line, in columns."""
    yield f"signs    {_certificate(rotation.signer.certificate)}"
    for root in rotation.trusted.roots:
        yield f"trusts   {_certificate(root)}"
    since = "" if rotation.step is Step.STEADY else f", since {_moment(rotation.since)}"
    yield f"rotation {_MEANING[rotation.step]}{since}"
    if rotation.until is not None and rotation.step is Step.SWITCHED:
        yield f"lasts    until {_moment(rotation.until)} at least: certificates of before live on"
    if rotation.waits_for:
        named = first_of([printable(name) for name in sorted(rotation.waits_for)], _NAMED)
        away = rotation.until is not None and rotation.step is Step.ANNOUNCED
        end = f"; if away, until {_moment(rotation.until)}" if away and rotation.until else ""
        yield f"waits    for {named}{end}"
    if rotation.declined:
        yield "aborted  a change to other roots; controlplane ca rotate takes it up again"


def command(place: StatePlace, *, aborts: bool) -> None:
    """Leave the command for the control plane, which takes it within seconds."""
    rotation, area = _rotation(place), opened_state(place).authority
    if aborts and rotation.step is Step.STEADY:
        raise KeyUnusable("no change of roots is under way")
    if not aborts and rotation.step is not Step.STEADY:
        raise KeyUnusable("a change of roots is under way", hint="controlplane ca status shows it")
    area.replace(COMMAND, (Command.ABORT if aborts else Command.ROTATE).value.encode())
    what = "goes back to the root before" if aborts else "begins to rotate its root"
    complain(f"the control plane of {area.path.parent} {what} within seconds, or when it runs")


def _rotation(place: StatePlace) -> Rotation:
    area = opened_state(place).authority
    rotation = kept_rotation(area)
    if rotation is None:
        raise KeyUnusable(
            f"no control plane has served with {area.path.parent} yet",
            hint="name its state directory with --state, or its files with --config",
        )
    return rotation


def _certificate(certificate: x509.Certificate) -> str:
    name = printable(certificate.subject.rfc4514_string())
    fingerprint = certificate.fingerprint(SHA256()).hex()[:16]
    return f"{name}, {fingerprint}…, until {certificate.not_valid_after_utc:%Y-%m-%d}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
