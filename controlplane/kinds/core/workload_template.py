"""Deployment, StatefulSet and DaemonSet, apps/v1: which labels and annotations the Pods have
that they make.

They make no endpoint, as in Kubernetes; they say which workloads there are to be, so that a
service can be connected to a process with the labels of its subset.
Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/deployment-v1/
"""

from collections.abc import Mapping
from typing import Final

from controlplane.base.names import Kind
from controlplane.kinds.core.pod import LenientSpec


class TemplateMetadata(LenientSpec, frozen=True):
    labels: Mapping[str, object] = {}
    """As they are written: the API server would refuse one that is no text, and here it only has
    no effect.
    """
    annotations: Mapping[str, object] = {}


class PodTemplate(LenientSpec, frozen=True):
    metadata: TemplateMetadata = TemplateMetadata()


class WorkloadTemplate(LenientSpec, frozen=True):
    """What is common to the kinds that make Pods."""

    template: PodTemplate = PodTemplate()


class Deployment(WorkloadTemplate, frozen=True):
    pass


class StatefulSet(WorkloadTemplate, frozen=True):
    pass


class DaemonSet(WorkloadTemplate, frozen=True):
    pass


DEPLOYMENT: Final[Kind[Deployment]] = Kind("apps", "Deployment")
STATEFUL_SET: Final[Kind[StatefulSet]] = Kind("apps", "StatefulSet")
DAEMON_SET: Final[Kind[DaemonSet]] = Kind("apps", "DaemonSet")
