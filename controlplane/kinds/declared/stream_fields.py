"""What the kinds of routes for connections and datagrams have in common."""

from typing import Final

from controlplane.kinds.gateway_api.common import BackendRef, ParentReference
from controlplane.kinds.served import Fields, by, no_effect

STREAM_RULE: Final = (
    by("translate.gateway_api.stream_route:stream_backends", "backend_refs"),
    no_effect("it only names the rule", "name"),
)
STREAM_FIELDS: Final[Fields] = {
    ParentReference: (
        by("queries.gateway_api.attachment:parent_key", "group", "kind", "namespace", "name"),
        by("translate.gateway_api.attachment:attachment", "section_name", "port"),
    ),
    BackendRef: (
        by("translate.gateway_api.backend_ref:kind_of", "group", "kind"),
        by("translate.gateway_api.backend_ref:namespace_of", "namespace"),
        by("queries.gateway_api.backends:unresolved", "name", "port"),
        by("translate.gateway_api.stream_route:stream_backends", "weight"),
    ),
}
