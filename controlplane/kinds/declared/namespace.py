"""Namespace of Kubernetes, whose labels and annotations alone have an effect."""

from typing import Final

from controlplane.kinds.core.configuration import NAMESPACE, NamespaceBody
from controlplane.kinds.served import ServedKind
from controlplane.kinds.validation.kubernetes import namespace

KIND: Final = ServedKind(
    kind=NAMESPACE,
    api_versions=("v1",),
    spec=NamespaceBody,
    validate=namespace,
    fields={},
    whole=True,
)
