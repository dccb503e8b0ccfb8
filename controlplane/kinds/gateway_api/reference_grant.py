"""ReferenceGrant. Source: https://gateway-api.sigs.k8s.io/api-types/referencegrant/"""

from typing import Annotated, Final

from msgspec import Meta, field

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.gateway_api.text import Group, KindName, NamespaceName, ObjectName
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.spec import Spec


class ReferenceGrantFrom(Spec, frozen=True):
    """The kind and namespace of the objects that may refer."""

    group: Group = ""
    kind: KindName = ""
    namespace: NamespaceName = ""


class ReferenceGrantTo(Spec, frozen=True):
    """What may be referred to, in the grant's namespace; ``name`` without text: all of the kind."""

    group: Group = ""
    kind: KindName = ""
    name: ObjectName = ""


class ReferenceGrant(Spec, frozen=True):
    """Every ``from_`` may refer to every ``to``."""

    from_: Annotated[tuple[ReferenceGrantFrom, ...], Meta(min_length=1, max_length=16)] = field(
        default=(), name="from"
    )
    to: Annotated[tuple[ReferenceGrantTo, ...], Meta(min_length=1, max_length=16)] = ()


REFERENCE_GRANT: Final[Kind[ReferenceGrant]] = Kind(GATEWAY_API, "ReferenceGrant")
ReferenceGrantKey = ObjectKey[ReferenceGrant]
