"""What a registry is shown for the image of a module.

Source: Istio ``pilot/pkg/model/extensions.go`` (``imagePullSecret``), ``pkg/wasm/convert.go``
"""

from controlplane.base.names import ObjectKey, key_is_of
from controlplane.graph import Graph
from controlplane.kinds.core.configuration import SECRET, Secret
from controlplane.model.extension import ModuleSource
from controlplane.model.registry import Credentials, image_name
from controlplane.queries.inputs.objects import object_of
from controlplane.translate.kubernetes.pull_secret import credentials


def pull_secret_of(graph: Graph, key: ObjectKey) -> Secret | None:
    assert key_is_of(key, SECRET), "registries are shown Secrets"
    found = object_of(graph, key)
    return found.spec if found is not None else None


def pull_credentials(graph: Graph, source: ModuleSource) -> Credentials | None:
    """Those of the Secret that the source names; ``None`` where it has none for the registry."""
    secret = pull_secret_of(graph, source.secret) if source.secret is not None else None
    image = image_name(source.uri.partition("://")[2])
    if secret is None or image is None:
        return None
    return credentials(secret, image.registry)
