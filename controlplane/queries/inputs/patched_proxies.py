"""What connected proxies that patches are attached to are configured for: diagnostics may depend on
it, to say of a patch that it finds nothing at any of them.
"""

from typing import Final

from controlplane.graph import Graph, Input
from controlplane.model.proxy_view import ProxyView

PATCHED: Final[Input[str, tuple[ProxyView, ...]]] = Input("patched_proxies", ())
"""Set under ``views`` by ``Connected``; each once."""


def patched_views(graph: Graph) -> tuple[ProxyView, ...]:
    """None where no proxy connects, as for ``check``."""
    return PATCHED(graph, "views")
