"""Node of Kubernetes, whose labels alone have an effect."""

from typing import Final

from controlplane.kinds.core.node import NODE, NodeBody
from controlplane.kinds.served import ServedKind
from controlplane.kinds.validation.kubernetes import anything

KIND: Final = ServedKind(
    kind=NODE,
    api_versions=("v1",),
    spec=NodeBody,
    validate=anything,
    fields={},
    whole=True,
)
