"""Listeners, of a Gateway or a ListenerSet: where is listened, and which routes may attach.

Source: https://gateway-api.sigs.k8s.io/api-types/gateway/
"""

from collections.abc import Mapping
from enum import Enum
from typing import Annotated

from msgspec import Meta, field

from controlplane.kinds.gateway_api.common import LabelSelector, SecretObjectReference
from controlplane.kinds.gateway_api.text import (
    AnnotationValue,
    Group,
    Hostname,
    KindName,
    Port,
    ProtocolName,
    SectionName,
)
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.spec import Spec


class TlsMode(Enum):
    TERMINATE = "Terminate"
    PASSTHROUGH = "Passthrough"


class ListenerTls(Spec, frozen=True):
    mode: TlsMode = TlsMode.TERMINATE
    certificate_refs: Annotated[tuple[SecretObjectReference, ...], Meta(max_length=64)] = ()
    options: Annotated[Mapping[str, AnnotationValue], Meta(max_length=16)] = {}


class FromNamespaces(Enum):
    """``NONE`` is for ListenerSets only."""

    ALL = "All"
    SELECTOR = "Selector"
    SAME = "Same"
    NONE = "None"


class RouteFromNamespaces(Enum):
    ALL = "All"
    SELECTOR = "Selector"
    SAME = "Same"


class RouteNamespaces(Spec, frozen=True):
    """``selector`` only counts with ``RouteFromNamespaces.SELECTOR``."""

    from_: RouteFromNamespaces = field(default=RouteFromNamespaces.SAME, name="from")
    selector: LabelSelector | None = None


class RouteGroupKind(Spec, frozen=True):
    group: Group = GATEWAY_API
    kind: KindName = ""


class AllowedRoutes(Spec, frozen=True):
    """``kinds`` without an entry: all kinds that suit the listener's protocol."""

    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: Annotated[tuple[RouteGroupKind, ...], Meta(max_length=8)] = ()


class Listener(Spec, frozen=True):
    """``hostname`` without text: all hosts. ``protocol``: HTTP, HTTPS, TLS, TCP, UDP, or a name of
    the user's.
    """

    name: SectionName = ""
    hostname: Hostname = ""
    port: Port = 0
    protocol: ProtocolName = ""
    tls: ListenerTls | None = None
    allowed_routes: AllowedRoutes = AllowedRoutes()


Listeners = Annotated[tuple[Listener, ...], Meta(min_length=1, max_length=64)]
