"""Secret of Kubernetes."""

from typing import Final

from controlplane.kinds.core.configuration import SECRET, Secret
from controlplane.kinds.served import Fields, ServedKind, by, no_effect
from controlplane.kinds.validation.kubernetes import secret

FIELDS: Final[Fields] = {
    Secret: (
        by("translate.kubernetes.secret:key_pair", "data", "string_data"),
        no_effect("for the API server; its entries say what a Secret is", "type", "immutable"),
    ),
}

KIND: Final = ServedKind(
    kind=SECRET, api_versions=("v1",), spec=Secret, validate=secret, fields=FIELDS, whole=True
)
