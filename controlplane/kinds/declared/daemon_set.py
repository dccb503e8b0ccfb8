"""DaemonSet of Kubernetes, of which only the labels of its Pods are read."""

from typing import Final

from controlplane.kinds.core.workload_template import (
    DAEMON_SET,
    DaemonSet,
    PodTemplate,
    TemplateMetadata,
)
from controlplane.kinds.served import Fields, ServedKind, by
from controlplane.kinds.validation.kubernetes import anything

_LABELS: Final = "translate.workload:template_labels"

FIELDS: Final[Fields] = {
    DaemonSet: (by(_LABELS, "template"),),
    PodTemplate: (by(_LABELS, "metadata"),),
    TemplateMetadata: (by(_LABELS, "labels"),),
}

KIND: Final = ServedKind(
    kind=DAEMON_SET,
    api_versions=("apps/v1",),
    spec=DaemonSet,
    validate=anything,
    fields=FIELDS,
)
