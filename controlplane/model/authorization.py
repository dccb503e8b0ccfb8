"""Who may call what: the rules that a proxy decides by, as they are encoded.

Nothing is added when they are encoded, so whoever asks these values gets the proxy's answer. What
they ask of a call is written at each condition.
Source: https://istio.io/latest/docs/reference/config/security/authorization-policy/;
envoy/config/rbac/v3/rbac.proto.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Generic, TypeVar

from controlplane.base.hashing import hashed_once
from controlplane.base.names import ObjectKey, PortNumber
from controlplane.model.text import Text


class Verdict(Enum):
    """What becomes of a call that a rule matches."""

    AUDIT = auto()
    """It is marked, and decided by others."""
    DENY = auto()
    """It is refused, whatever is allowed."""
    ALLOW = auto()
    """It is admitted, and calls that no rule allows are refused."""


class Transport(Enum):
    """What a chain of filters knows of a call: a request, or no more than a connection."""

    HTTP = auto()
    TCP = auto()


@dataclass(frozen=True, slots=True)
class PeerIs:
    """A name of the certificate that the caller showed and that was verified: its URIs, or where it
    has none its DNS names, or else its subject. Without a certificate nothing is meant.
    """

    name: Text


@dataclass(frozen=True, slots=True)
class PeerAddressIn:
    """Where the connection comes from. ``network`` is in CIDR notation."""

    network: str


@dataclass(frozen=True, slots=True)
class ClientAddressIn:
    """Where the call comes from as far as it is known (x-forwarded-for, PROXY protocol)."""

    network: str


@dataclass(frozen=True, slots=True)
class Present:
    """A header is there, even if it is empty."""


HeaderText = Text | Present
PRESENT = Present()


@dataclass(frozen=True, slots=True)
class HeaderIs:
    """A header of the request; of several with the name any. ``name`` may be a pseudo header."""

    name: str
    value: HeaderText


@dataclass(frozen=True, slots=True)
class TokenIs:
    """The issuer and the subject of the request's verified token, both of them texts."""

    issuer: Text
    subject: Text


@dataclass(frozen=True, slots=True)
class ClaimIs:
    """A claim of the request's verified token, reached by ``path``: it is one of ``values``, or a
    list with one of them in it.
    """

    path: tuple[str, ...]
    values: tuple[Text, ...]


Principal = PeerIs | PeerAddressIn | ClientAddressIn | HeaderIs | TokenIs | ClaimIs
"""A condition on who calls."""


@dataclass(frozen=True, slots=True)
class HostIs:
    """The request's authority in any case, with the port that the client wrote."""

    value: HeaderText


@dataclass(frozen=True, slots=True)
class MethodIs:
    value: HeaderText


@dataclass(frozen=True, slots=True)
class PathIs:
    """The path as it is normalized, without query and fragment."""

    value: Text


@dataclass(frozen=True, slots=True)
class PathLike:
    """The path as ``PathIs`` has it, by Envoy's template: ``*`` is one segment, ``**`` any number
    of them; it begins with a slash.
    """

    template: str


@dataclass(frozen=True, slots=True)
class PortIs:
    """The port that the connection came to: the workload's own, not its Service's."""

    port: PortNumber


@dataclass(frozen=True, slots=True)
class AddressIn:
    """The address that the connection came to. ``network`` is in CIDR notation."""

    network: str


@dataclass(frozen=True, slots=True)
class ServerNameIs:
    """The SNI; empty where there is none."""

    name: Text


@dataclass(frozen=True, slots=True)
class ElementIs:
    """A list has such an element."""

    value: Text


@dataclass(frozen=True, slots=True)
class MetadataIs:
    """What a filter of Envoy noted about the call under ``key``: a text that one of ``values``
    means, or a list that one of them finds an element of.
    """

    filter: str
    key: str
    values: tuple[Text | ElementIs, ...]


Permission = HostIs | MethodIs | PathIs | PathLike | PortIs | AddressIn | ServerNameIs | MetadataIs
"""A condition on what is called."""

C = TypeVar("C", bound=Principal | Permission)


@dataclass(frozen=True, slots=True)
class OneOf(Generic[C]):
    """One of ``conditions`` holds; of none none does."""

    conditions: tuple[C, ...]


@dataclass(frozen=True, slots=True)
class NoneOf(Generic[C]):
    """No one of ``conditions`` holds; of none none does, so that is true."""

    conditions: tuple[C, ...]


@dataclass(frozen=True, slots=True)
class AllOf(Generic[C]):
    """All of ``clauses`` are true; of none that is true."""

    clauses: tuple[OneOf[C] | NoneOf[C], ...]


EVERY_CALLER: Final[tuple[AllOf[Principal], ...]] = (AllOf(()),)
EVERY_CALL: Final[tuple[AllOf[Permission], ...]] = (AllOf(()),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The ``index``-th rule of a policy: it matches where one of ``who`` and one of ``what`` does.

    With an empty ``who`` or ``what`` it never matches.
    """

    policy: ObjectKey
    index: int
    who: tuple[AllOf[Principal], ...]
    what: tuple[AllOf[Permission], ...]

    @property
    def name(self) -> str:
        """As it is in logs and statistics of the proxy, and as EnvoyFilters find it."""
        policy = self.policy
        return f"ns[{policy.namespace}]-policy[{policy.name}]-rule[{self.index}]"


Rules = tuple[Rule, ...]


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """All rules of one verdict that a proxy decides by, for calls of one transport.

    ``enforced`` of ``None`` decides nothing; without rules ALLOW refuses every call. ``tried`` are
    rules of dry runs: what they would decide is counted, nothing more.
    """

    verdict: Verdict
    transport: Transport
    enforced: Rules | None
    tried: Rules | None = None
    _hash: int = field(default=0, init=False, repr=False, compare=False)
