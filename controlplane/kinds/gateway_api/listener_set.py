"""ListenerSet: listeners that are added to a Gateway.

Source: https://gateway-api.sigs.k8s.io/api-types/listenerset/
"""

from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.gateway_api.listener import Listeners
from controlplane.kinds.gateway_api.text import Group, KindName, NamespaceName, ObjectName
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.spec import Spec


class ParentGatewayReference(Spec, frozen=True):
    """``namespace`` is the ListenerSet's where it is ``""``."""

    group: Group = GATEWAY_API
    kind: KindName = "Gateway"
    name: ObjectName = ""
    namespace: NamespaceName = ""


class ListenerSet(Spec, frozen=True):
    parent_ref: ParentGatewayReference = ParentGatewayReference()
    listeners: Listeners = ()


LISTENER_SET: Final[Kind[ListenerSet]] = Kind(GATEWAY_API, "ListenerSet")
ListenerSetKey = ObjectKey[ListenerSet]
