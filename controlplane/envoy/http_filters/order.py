"""The order of HTTP filters, as Istio has it.

Filters are not ordered by name: a manager may have several of one name (``envoy.filters.http.rbac``
once for each verdict), and each is kept.
Source: istio ``pilot/pkg/networking/core/listener.go``, ``buildHTTPConnectionManager``.
"""

from enum import Enum, auto
from typing import Final


class Slot(Enum):
    """Where a filter acts on a request."""

    EXTERNAL_AUTHORIZATION = auto()
    EXTENSION_AUTHN = auto()
    JWT = auto()
    EXTENSION_AUTHZ = auto()
    AUDIT = auto()
    DENY = auto()
    ALLOW = auto()
    EXTENSION_STATS = auto()
    EXTENSION = auto()
    GRPC_WEB = auto()
    GRPC_STATS = auto()
    OFFERED_PROTOCOLS = auto()
    FAULT = auto()
    CORS = auto()
    ROUTE_CHECK = auto()
    SESSIONS = auto()
    DYNAMIC_FORWARD_PROXY = auto()
    ROUTER = auto()


ORDER: Final = (
    Slot.EXTERNAL_AUTHORIZATION,  # the provider of CUSTOM policies is asked before all else
    Slot.EXTENSION_AUTHN,  # the user's own way to tell who calls, before tokens
    Slot.JWT,  # verifies tokens, whose claims the policies after it refer to
    Slot.EXTENSION_AUTHZ,  # the user's own decisions, which know of the tokens
    Slot.AUDIT,  # only notes, so it also sees what the next two refuse
    Slot.DENY,  # what a policy denies is refused, whatever another allows
    Slot.ALLOW,  # the last policies: what passes them is admitted
    Slot.EXTENSION_STATS,  # sees what was admitted
    Slot.EXTENSION,  # the user's other filters
    Slot.GRPC_WEB,  # what comes after sees plain gRPC
    Slot.GRPC_STATS,  # counts calls as the client made them, before faults
    Slot.OFFERED_PROTOCOLS,  # where istio.alpn is in Istio's own Envoy
    Slot.FAULT,  # before cors: a preflight can be aborted or delayed too
    Slot.CORS,  # answers preflights, which are never routed
    Slot.ROUTE_CHECK,  # what a route asks for, after preflights are answered
    Slot.SESSIONS,  # chooses the endpoint, which only the router looks at
    Slot.DYNAMIC_FORWARD_PROXY,  # knows the route, and looks up what the router connects to
    Slot.ROUTER,  # forwards the request, and so ends the chain
)
