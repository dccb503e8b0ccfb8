"""Which provider of MeshConfig ``extensionProviders`` a Telemetry, or ``defaultProviders``, names.

Source: Istio ``pilot/pkg/model/telemetry.go`` (``fetchProvider``)
"""

from controlplane.kinds.istio.extension_providers import ExtensionProvider
from controlplane.kinds.istio.mesh_config import MeshConfig


def telemetry_provider(mesh: MeshConfig, name: str) -> tuple[int, ExtensionProvider] | None:
    """The provider and its place in the list: the first whose name is ``name`` in any case; of
    several with that very name the last.
    """
    providers = mesh.extension_providers
    wanted = name.lower()
    first = next((each.name for each in providers if each.name.lower() == wanted), None)
    if first is None:
        return None
    index = max(i for i, each in enumerate(providers) if each.name == first)
    return index, providers[index]
