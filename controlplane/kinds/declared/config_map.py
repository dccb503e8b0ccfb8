"""ConfigMap of Kubernetes."""

from typing import Final

from controlplane.kinds.core.configuration import CONFIG_MAP, ConfigMap
from controlplane.kinds.served import Fields, ServedKind, by, no_effect
from controlplane.kinds.validation.kubernetes import config_map

FIELDS: Final[Fields] = {
    ConfigMap: (
        by("translate.kubernetes.secret:key_pair", "data", "binary_data"),
        no_effect("for the API server", "immutable"),
    ),
}

KIND: Final = ServedKind(
    kind=CONFIG_MAP,
    api_versions=("v1",),
    spec=ConfigMap,
    validate=config_map,
    fields=FIELDS,
    whole=True,
)
