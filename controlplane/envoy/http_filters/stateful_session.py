"""``envoy.filters.http.stateful_session``: requests of a session go to the endpoint that had the
first of them.

The filter is installed empty, and then does nothing; the configuration of a route says how the
session is kept. Source: envoy/extensions/filters/http/stateful_session/v3/stateful_session.proto.
"""

from typing import Final, assert_never

from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.extensions.filters.http.stateful_session.v3.stateful_session_pb2 import (
    StatefulSession,
    StatefulSessionPerRoute,
)
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from envoy.extensions.http.stateful_session.cookie.v3.cookie_pb2 import CookieBasedSessionState
from envoy.extensions.http.stateful_session.header.v3.header_pb2 import HeaderBasedSessionState
from envoy.type.http.v3.cookie_pb2 import Cookie

from controlplane.envoy.packing import packed
from controlplane.model.http_policy import Session, SessionCookie, SessionHeader

NAME: Final = "envoy.filters.http.stateful_session"


def stateful_session() -> hcm.HttpFilter:
    return hcm.HttpFilter(name=NAME, typed_config=packed(StatefulSession()))


def route_session(session: Session) -> StatefulSessionPerRoute:
    """What a route says."""
    return StatefulSessionPerRoute(stateful_session=StatefulSession(session_state=_state(session)))


def _state(session: Session) -> TypedExtensionConfig:
    match session:
        case SessionCookie(name=name, path=path, ttl=ttl):
            cookie = CookieBasedSessionState(cookie=Cookie(name=name, path=path, ttl=ttl))
            return TypedExtensionConfig(
                name="envoy.http.stateful_session.cookie", typed_config=packed(cookie)
            )
        case SessionHeader(name=name):
            header = HeaderBasedSessionState(name=name)
            return TypedExtensionConfig(
                name="envoy.http.stateful_session.header", typed_config=packed(header)
            )
    assert_never(session)
