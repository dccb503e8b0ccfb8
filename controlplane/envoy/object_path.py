"""How metadata names an object of the user's: its path in Kubernetes' API, as istiod writes it."""

import re
from functools import lru_cache
from typing import Final

from controlplane.base.names import ObjectKey

_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def object_path(key: ObjectKey) -> str:
    """``/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews``."""
    kind = _spelled(key.kind.name)
    return f"/apis/{key.kind.group}/v1/namespaces/{key.namespace}/{kind}/{key.name}"


@lru_cache(maxsize=64)
def _spelled(kind: str) -> str:
    """``virtual-service`` of ``VirtualService``."""
    return _WORD.sub("-", kind).lower()
