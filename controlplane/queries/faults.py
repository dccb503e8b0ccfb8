"""What leads nowhere in one object, whether a proxy is connected or not: the analysis that
``check`` shows.
"""

from collections.abc import Mapping
from typing import Any
from typing import Final

from controlplane.base.names import Kind
from controlplane.base.names import ObjectKey
from controlplane.graph import Derived
from controlplane.graph import Graph
from controlplane.graph import guarded
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.queries.gateway_faults import gateway_faults
from controlplane.queries.rule_faults import destination_rule_faults
from controlplane.queries.service_faults import service_entry_faults
from controlplane.queries.service_faults import service_faults
from controlplane.queries.virtual_service_faults import virtual_service_faults

_FAULTS: Final[Mapping[Kind, Derived[[ObjectKey], Any]]] = {
    DESTINATION_RULE: destination_rule_faults,
    SERVICE: service_faults,
    SERVICE_ENTRY: service_entry_faults,
    GATEWAY: gateway_faults,
    VIRTUAL_SERVICE: virtual_service_faults,
}


@guarded
def faults_of(graph: Graph, key: ObjectKey) -> None:
    """Notes the diagnostics of one object; runs again when something that the object refers to
    changes.
    """
    if key.kind in _FAULTS:
        _FAULTS[key.kind](graph, key)
