"""Calls that a service of the mesh decides: which it is asked about, and how.

Source: https://istio.io/latest/docs/tasks/security/authorization/authz-custom/;
envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import Final

from controlplane.base.hashing import hashed_once
from controlplane.base.names import Host, PortNumber
from controlplane.model.authorization import Rule, Rules, Transport
from controlplane.model.cluster_name import outbound
from controlplane.model.text import Exact, Prefix, Suffix

HeaderName = Exact | Prefix | Suffix
"""Names of headers, in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBody:
    """The provider sees up to ``limit`` bytes of a request's body. A longer one is cut where that
    ``may_be_partial``, else refused with 413. ``is_bytes``: gRPC has it as bytes, not as text.
    """

    limit: int
    may_be_partial: bool = False
    is_bytes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck:
    """The provider gets a request with the method and, after ``path_prefix``, the path of the one
    that it decides; 200 admits.

    ``sent`` are the headers that it sees besides Envoy's own choice, ``added`` those that it gets
    on top. Of its answer the upstream sees ``to_upstream`` where it admits, the client
    ``to_admitted`` or, where it refuses, ``to_refused`` (all, if none are named).
    """

    path_prefix: str = ""
    sent: tuple[HeaderName, ...] = ()
    added: tuple[tuple[str, str], ...] = ()
    to_upstream: tuple[HeaderName, ...] = ()
    to_refused: tuple[HeaderName, ...] = ()
    to_admitted: tuple[HeaderName, ...] = ()


@dataclass(frozen=True, slots=True)
class GrpcCheck:
    """The provider has Envoy's service ``envoy.service.auth.v3.Authorization``. ``sent`` are the
    headers that it sees; all of them where none are named.
    """

    sent: tuple[HeaderName, ...] = ()


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A service that decides. Where it does not answer in time, or by an error of its own, calls
    pass if ``fails_open``, else they get ``status_on_error`` (403, if it is unset).
    """

    name: str
    host: Host
    port: PortNumber
    check: HttpCheck | GrpcCheck
    timeout: timedelta
    fails_open: bool = False
    status_on_error: int | None = None
    body: CheckedBody | None = None
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    @property
    def cluster(self) -> str:
        return outbound(self.port, None, self.host)


class Why(Enum):
    """Why nobody can be asked."""

    NOT_DECLARED = auto()
    FAULTY = auto()
    OF_OTHER_KIND = auto()
    """It is for telemetry or certificates."""
    SERVICE_UNKNOWN = auto()
    SERVICE_AMBIGUOUS = auto()
    """Several namespaces declare the host, and the provider names none of them."""
    INTERNAL_ERROR = auto()


BECAUSE: Final = {
    Why.NOT_DECLARED: "is not among the extensionProviders of MeshConfig",
    Why.FAULTY: "has a fault in MeshConfig",
    Why.OF_OTHER_KIND: "is not for external authorization",
    Why.SERVICE_UNKNOWN: "names a service that does not exist (it needs the whole host name)",
    Why.SERVICE_AMBIGUOUS: "names a service that several namespaces declare (NAMESPACE/HOST)",
    Why.INTERNAL_ERROR: "cannot be read because of an internal error",
}
"""Of a provider."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """Nobody can be asked, so what a rule matches is refused."""

    why: Why


@dataclass(frozen=True, slots=True)
class TooMany:
    """A workload may have one provider; with several, what a rule matches is refused."""

    names: tuple[str, ...]


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRules:
    """The calls that policies of action CUSTOM are about: those that one of ``rules`` matches.

    ``provider`` is the name that policies have for it. They are marked for the provider, which is
    asked next, or with ``refused`` go no further.
    """

    provider: str
    transport: Transport
    rules: Rules
    refused: Unusable | TooMany | None = None
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def name(self, rule: Rule) -> str:
        """The name of a rule in the proxy; the filter that asks looks for how it begins."""
        end = "-deny-due-to-bad-CUSTOM-action" if self.refused is not None else ""
        return f"{mark(self.provider)}-{rule.name}{end}"


def mark(provider: str) -> str:
    """How names of rules begin that ask a provider. They are Istio's."""
    return f"istio-ext-authz-{provider}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalCheck:
    """Calls that are marked for a provider are decided by it."""

    provider: Provider
    transport: Transport
