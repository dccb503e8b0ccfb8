"""ListenerSet of the Gateway API."""

from typing import Final

from controlplane.kinds.gateway_api.common import (
    LabelSelector,
    LabelSelectorRequirement,
    SecretObjectReference,
)
from controlplane.kinds.gateway_api.listener import (
    AllowedRoutes,
    Listener,
    ListenerTls,
    RouteGroupKind,
    RouteNamespaces,
)
from controlplane.kinds.gateway_api.listener_set import (
    LISTENER_SET,
    ListenerSet,
    ParentGatewayReference,
)
from controlplane.kinds.gateway_api.status import LISTENER_SET_STATUS
from controlplane.kinds.gateway_api.versions import V1
from controlplane.kinds.served import Fields, ServedKind, by
from controlplane.kinds.validation.gateway_api.admission import gateway_api

LISTENER_FIELDS: Final[Fields] = {
    Listener: (
        by("translate.gateway_api.entries:listener_entries", "name"),
        by("translate.gateway_api.listener:attached_listener", "hostname", "port", "protocol"),
        by("queries.gateway_api.listeners:attached", "tls", "allowed_routes"),
    ),
    ListenerTls: (
        by("translate.gateway_api.listener:is_auto_passthrough", "mode"),
        by("queries.gateway_api.listeners:attached", "certificate_refs"),
        by("translate.gateway_api.listener_tls:ended_tls", "options"),
    ),
    AllowedRoutes: (
        by("translate.gateway_api.namespaces:namespaces_of_routes", "namespaces"),
        by("translate.gateway_api.entries:supported_kinds", "kinds"),
    ),
    RouteNamespaces: (
        by("translate.gateway_api.namespaces:namespaces_of_routes", "from_", "selector"),
    ),
    RouteGroupKind: (by("translate.gateway_api.entries:supported_kinds", "group", "kind"),),
    LabelSelector: (
        by(
            "translate.gateway_api.namespaces:namespaces_of_routes",
            "match_labels",
            "match_expressions",
        ),
    ),
    LabelSelectorRequirement: (
        by("translate.gateway_api.namespaces:namespaces_of_routes", "key", "operator", "values"),
    ),
    SecretObjectReference: (
        by("queries.gateway_api.references:certificate", "group", "kind", "name", "namespace"),
    ),
}
"""What Gateways and ListenerSets have in common."""

FIELDS: Final[Fields] = {
    **LISTENER_FIELDS,
    ListenerSet: (
        by("queries.gateway_api.listeners:named_gateway", "parent_ref"),
        by("translate.gateway_api.entries:listener_entries", "listeners"),
    ),
    ParentGatewayReference: (
        by("queries.gateway_api.listeners:named_gateway", "group", "kind", "name", "namespace"),
    ),
}

KIND: Final = ServedKind(
    kind=LISTENER_SET,
    api_versions=V1,
    spec=ListenerSet,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
    status=LISTENER_SET_STATUS,
)
