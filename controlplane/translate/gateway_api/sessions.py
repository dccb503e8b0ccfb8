"""``sessionPersistence`` of a rule, in the shape of v1.6 or in that of its successor.

Source: https://gateway-api.sigs.k8s.io/geps/gep-1619/
"""

from datetime import timedelta

from controlplane.kinds.gateway_api.common import (
    CookieLifetimeType,
    SessionPersistence,
    SessionPersistenceType,
)
from controlplane.kinds.gateway_api.http_route import HttpRouteRule
from controlplane.model.gateway_api import Conformance
from controlplane.model.http_policy import Session, SessionCookie, SessionHeader


def session(rule: HttpRouteRule, name: str, conformance: Conformance) -> Session | None:
    """How the sessions of a rule are kept; ``name`` is used where it gives none. Istio keeps none.

    A cookie lives as long as the client, unless it is permanent: then for ``absoluteTimeout``.
    """
    spec = rule.session_persistence
    if spec is None or conformance is Conformance.ISTIO:
        return None
    if spec.type is SessionPersistenceType.HEADER:
        written = spec.header.name if spec.header is not None else ""
        return SessionHeader(name=written or spec.session_name or name)
    written = spec.cookie.name if spec.cookie is not None else ""
    return SessionCookie(
        name=written or spec.session_name or name,
        path=spec.cookie.path if spec.cookie is not None else "/",
        ttl=_lifetime(spec),
    )


def _lifetime(spec: SessionPersistence) -> timedelta | None:
    if spec.cookie is not None:
        lifetime = spec.cookie.lifetime_type
    elif spec.cookie_config is not None:
        lifetime = spec.cookie_config.lifetime_type
    else:
        lifetime = CookieLifetimeType.SESSION
    permanent = lifetime is CookieLifetimeType.PERMANENT
    return spec.absolute_timeout.length if permanent and spec.absolute_timeout else None
