"""Parts that several kinds of the Gateway API share: references, selectors, sessions."""

from collections.abc import Mapping
from enum import Enum
from typing import Annotated

from msgspec import Meta

from controlplane.kinds.gateway_api.text import (
    Group,
    HeaderName,
    KindName,
    NamespaceName,
    ObjectName,
    PathText,
    Port,
    SectionName,
    SessionName,
    Weight,
)
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.spec import Duration, Spec


class ParentReference(Spec, frozen=True):
    """What a route attaches to: a Gateway, a ListenerSet or a Service.

    ``namespace`` is the route's where it is ``""``; ``section_name`` is a listener.
    """

    group: Group = GATEWAY_API
    kind: KindName = "Gateway"
    namespace: NamespaceName = ""
    name: ObjectName = ""
    section_name: SectionName = ""
    port: Port | None = None


class BackendObjectReference(Spec, frozen=True):
    """Where requests go: a Service by default; ``port`` is the Service's own."""

    group: Group = ""
    kind: KindName = "Service"
    name: ObjectName = ""
    namespace: NamespaceName = ""
    port: Port | None = None


class BackendRef(BackendObjectReference, frozen=True):
    """A backend and its share of the requests."""

    weight: Weight = 1


class SecretObjectReference(Spec, frozen=True):
    group: Group = ""
    kind: KindName = "Secret"
    name: ObjectName = ""
    namespace: NamespaceName = ""


class ObjectReference(Spec, frozen=True):
    """An object of a group and kind that must both be written."""

    group: Group = ""
    kind: KindName = ""
    name: ObjectName = ""
    namespace: NamespaceName = ""


class LocalObjectReference(Spec, frozen=True):
    """An object in the namespace of the object that refers to it."""

    group: Group = ""
    kind: KindName = ""
    name: ObjectName = ""


class ParametersReference(Spec, frozen=True):
    """Parameters of a GatewayClass or XMesh; ``namespace`` is ``""`` for cluster-wide ones."""

    group: Group = ""
    kind: KindName = ""
    name: ObjectName = ""
    namespace: NamespaceName = ""


class LabelSelectorRequirement(Spec, frozen=True):
    """``operator`` is free text to the schema; In, NotIn, Exists, DoesNotExist mean something."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class LabelSelector(Spec, frozen=True):
    """Kubernetes' ``LabelSelector``: every label and every expression must match."""

    match_labels: Mapping[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()


class GatewayDefaultScope(Enum):
    ALL = "All"
    NONE = "None"


class SessionPersistenceType(Enum):
    COOKIE = "Cookie"
    HEADER = "Header"


class CookieLifetimeType(Enum):
    PERMANENT = "Permanent"
    SESSION = "Session"


class CookieConfig(Spec, frozen=True):
    lifetime_type: CookieLifetimeType = CookieLifetimeType.SESSION


class SessionCookie(Spec, frozen=True):
    """``cookie`` in the shape that follows v1.6."""

    name: HeaderName = ""
    path: PathText = "/"
    lifetime_type: CookieLifetimeType = CookieLifetimeType.SESSION


class SessionHeader(Spec, frozen=True):
    """``header`` in the shape that follows v1.6."""

    name: HeaderName = ""


class SessionPersistence(Spec, frozen=True):
    """Both shapes: v1.6 has ``session_name`` and ``cookie_config``, its successor ``cookie`` and
    ``header``. At most one of the shapes is used.
    """

    session_name: SessionName = ""
    absolute_timeout: Duration | None = None
    type: SessionPersistenceType = SessionPersistenceType.COOKIE
    cookie_config: CookieConfig | None = None
    cookie: SessionCookie | None = None
    header: SessionHeader | None = None


ParentReferences = Annotated[tuple[ParentReference, ...], Meta(max_length=32)]
