"""DaemonSet of Kubernetes, of which only the labels and annotations of its Pods are read."""

from typing import Final

from controlplane.kinds.core.workload_template import (
    DAEMON_SET,
    DaemonSet,
    PodTemplate,
    TemplateMetadata,
)
from controlplane.kinds.served import Fields, ServedKind, by
from controlplane.kinds.validation.kubernetes import workload_template

_LABELS: Final = "translate.workload:template_labels"

FIELDS: Final[Fields] = {
    DaemonSet: (by(_LABELS, "template"),),
    PodTemplate: (by(_LABELS, "metadata"),),
    TemplateMetadata: (
        by(_LABELS, "labels"),
        by("translate.istio.proxy_config:annotation_of", "annotations"),
    ),
}

KIND: Final = ServedKind(
    kind=DAEMON_SET,
    api_versions=("apps/v1",),
    spec=DaemonSet,
    validate=workload_template,
    fields=FIELDS,
)
