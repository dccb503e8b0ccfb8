"""What part of a proxy decides which services it reaches, and how: the part that may be a key.

Proxies with equal views share every cluster, endpoint and route, whatever else tells them apart.
"""

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from controlplane.base.hashing import hashed_once
from controlplane.base.names import Host, Namespace, ObjectKey, PortNumber
from controlplane.model.proxy import (
    HEADER_CASE,
    NOWHERE,
    ROUTE_HEADERS,
    IpFamily,
    Labels,
    Locality,
    Role,
)
from controlplane.model.tls import SecretName
from controlplane.model.tracing import ANONYMOUS, TracedProxy
from controlplane.model.visibility import PUBLIC


class Interception(Enum):
    """How the connections of a workload get to its sidecar. Source: Istio, node metadata
    ``INTERCEPTION_MODE``.
    """

    REDIRECT = "REDIRECT"
    """Rules of the kernel redirect them; the workload sees the sidecar as the client."""
    TPROXY = "TPROXY"
    """As above, but both sides see each other's addresses."""
    NONE = "NONE"
    """The workload is told where the sidecar listens; it is so for gateways too."""

    @property
    def captures(self) -> bool:
        return self is not Interception.NONE


RuleKeys = tuple[ObjectKey, ...]
"""DestinationRules; where they are merged into one, the deciding one is first."""


@hashed_once
@dataclass(frozen=True, slots=True)
class RuleScope:
    """For whom a DestinationRule is looked up.

    ``selected`` are the rules with a workloadSelector that select the proxy.
    """

    namespace: Namespace
    selected: RuleKeys = ()
    _hash: int = field(default=0, init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class SidecarScope:
    """The Sidecar that says what is imported, and the namespace that ``.`` is in it: the proxy's,
    where that matters.

    ``asked`` are hosts and ports of the services that decide calls to the workload: the proxy
    reaches them whatever the Sidecar imports.
    """

    sidecar: ObjectKey
    namespace: Namespace
    asked: tuple[tuple[Host, PortNumber], ...] = ()


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundView:
    """The properties of a proxy that affect its clusters, endpoints, routes and listeners.

    ``role`` is here because gateways and sidecars choose differently among declarations of a host,
    and only a sidecar knows where a connection was going.
    """

    role: Role
    namespace: Namespace
    """The namespace whose own rules and bare names come first."""
    selected: RuleKeys = ()
    """The DestinationRules with a workloadSelector that select the proxy."""
    source_labels: Labels = ()
    """Those of its labels that the ``sourceLabels`` of some ``http`` rule ask for, as pairs."""
    stream_labels: Labels = ()
    """The same of ``tcp`` and ``tls`` rules for the mesh."""
    families: tuple[IpFamily, ...] = (IpFamily.IPV4,)
    has_sni_dnat: bool = False
    """Whether it has a cluster by SNI for each of the mesh's services (AUTO_PASSTHROUGH)."""
    settings: Labels = ()
    """The node metadata that is honoured (``IDLE_TIMEOUT``, ``HTTP10``, …), and what the proxy's
    ProxyConfig says otherwise than the mesh's.
    """
    scope: SidecarScope | None = None
    """The Sidecar that says what is imported; ``None`` for everything that is visible."""
    interception: Interception = Interception.NONE
    client_certificate: SecretName | None = None
    """What its Gateway shows to backends that a BackendTLSPolicy speaks TLS to."""
    telemetries: tuple[ObjectKey, ...] = ()
    """What says how its calls are observed; of two that say the same, the later is used."""
    extensions: tuple[ObjectKey, ...] = ()
    """What adds filters of the user's for what the workload calls, in order."""
    traced: TracedProxy = ANONYMOUS
    """What the spans of its calls say of it, if it has any."""
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    @property
    def rule_scope(self) -> RuleScope:
        return RuleScope(self.namespace, self.selected)

    @property
    def public(self) -> "OutboundView":
        """This view for hosts that its namespace sees like every other one."""
        return replace(self, namespace=PUBLIC, selected=())

    @property
    def unobserved(self) -> "OutboundView":
        """This view without what says how its calls are observed."""
        if not self.telemetries and self.traced == ANONYMOUS:
            return self
        return replace(self, telemetries=(), traced=ANONYMOUS)

    @property
    def is_public(self) -> bool:
        return self.namespace == PUBLIC

    @property
    def for_clusters(self) -> "OutboundView":
        """The part that affects clusters and endpoints."""
        settings = self._only(HEADER_CASE)
        if (
            not self.source_labels
            and not self.stream_labels
            and settings == self.settings
            and not self.interception.captures
            and not self.telemetries
            and not self.extensions
            and self.traced == ANONYMOUS
        ):
            return self
        return replace(
            self,
            source_labels=(),
            stream_labels=(),
            settings=settings,
            interception=Interception.NONE,
            telemetries=(),
            extensions=(),
            traced=ANONYMOUS,
        )

    @property
    def without_extensions(self) -> "OutboundView":
        """The part that decides what is listened for."""
        return replace(self, extensions=()) if self.extensions else self

    @property
    def for_listeners(self) -> "OutboundView":
        """The part that affects listeners."""
        settings = tuple(pair for pair in self.settings if pair[0] != ROUTE_HEADERS)
        if not self.source_labels and settings == self.settings and self.client_certificate is None:
            return self
        return replace(self, source_labels=(), settings=settings, client_certificate=None)

    @property
    def for_routes(self) -> "OutboundView":
        """The part that affects routes."""
        captured = Interception.REDIRECT if self.interception.captures else Interception.NONE
        settings = self._only("HTTP_PROXY_PORT", ROUTE_HEADERS)
        return replace(
            self,
            has_sni_dnat=False,
            settings=settings,
            interception=captured,
            client_certificate=None,
            telemetries=(),
            extensions=(),
            traced=ANONYMOUS,
        )

    @property
    def route_settings(self) -> Labels:
        """The part of ``settings`` that the routes themselves depend on."""
        return self._only(ROUTE_HEADERS)

    @property
    def keeps_header_case(self) -> bool | None:
        """Whether clusters keep the case of HTTP/1.1 headers; ``None``: as the mesh says."""
        return keeps_header_case(self.settings)

    def _only(self, *names: str) -> Labels:
        return tuple(pair for pair in self.settings if pair[0] in names)


def keeps_header_case(settings: Labels) -> bool | None:
    """What the settings of a view say of the case of headers; ``None``: as the mesh says."""
    said = (value == "1" for name, value in settings if name == HEADER_CASE)
    return next(said, None)


@dataclass(frozen=True, slots=True)
class LocalityUse:
    """What destinations use of a client's place: its locality, and its labels of these names."""

    locality: bool = False
    labels: frozenset[str] = frozenset()

    def __or__(self, other: "LocalityUse") -> "LocalityUse":
        return LocalityUse(self.locality or other.locality, self.labels | other.labels)


@hashed_once
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLocality:
    """Where a proxy is, for those destinations that rank endpoints by it."""

    locality: Locality = NOWHERE
    labels: Labels = ()
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def only(self, use: LocalityUse) -> "ClientLocality":
        """What of it is used; proxies that differ in the rest share what is made of it."""
        if not use.locality and not use.labels:
            return ANYWHERE
        return ClientLocality(
            locality=self.locality if use.locality else NOWHERE,
            labels=tuple(pair for pair in self.labels if pair[0] in use.labels),
        )


ANYWHERE: Final = ClientLocality()
"""For what does not depend on where the client is."""
