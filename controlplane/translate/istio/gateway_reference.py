"""How a VirtualService names a Gateway.

Source: istio ``pilot/pkg/model/virtualservice.go``, ``resolveGatewayName``.
"""

from typing import Final

from controlplane.base.names import Namespace

MESH: Final = "mesh"


def gateway_reference(name: str, namespace: Namespace) -> str:
    """``namespace/name`` of what ``name`` means in an object of ``namespace``; ``mesh`` stays
    ``mesh``.

    ``gw`` and ``./gw`` are in the namespace itself, ``gw.other`` and ``gw.other.svc.…`` in
    another.
    """
    if name == MESH:
        return name
    scope, slash, rest = name.partition("/")
    if slash:
        return f"{namespace}/{rest}" if scope == "." else name
    gateway, dot, other = name.partition(".")
    return f"{other.partition('.')[0]}/{gateway}" if dot else f"{namespace}/{name}"
