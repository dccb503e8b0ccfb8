"""Node, core/v1: its labels say in which region and zone its Pods run; nothing else is read."""

from typing import Final

from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.kinds.spec import Spec


class NodeBody(Spec, frozen=True, forbid_unknown_fields=False):
    """Only labels of a Node bear on routing."""


NODE: Final[Kind[NodeBody]] = Kind("", "Node")


def node_key(name: str) -> ObjectKey[NodeBody]:
    """The key of a Node, which is in no namespace."""
    return ObjectKey(NODE, Namespace(""), name)
