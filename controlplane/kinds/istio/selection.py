"""Parts that several Istio kinds share."""

from collections.abc import Mapping

from controlplane.kinds.spec import Spec, UInt32


class StringMatch(Spec, frozen=True):
    """At most one is set; none at all asks for presence."""

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None


class LabelSelector(Spec, frozen=True):
    """``workloadSelector`` of a DestinationRule, ``selector`` of a policy: every label must be
    equal.
    """

    match_labels: Mapping[str, str] = {}


class WorkloadSelector(Spec, frozen=True):
    """``workloadSelector`` of a ServiceEntry or Sidecar: every label must be equal."""

    labels: Mapping[str, str] = {}


class PortSelector(Spec, frozen=True):
    number: UInt32 = 0


class PolicyTargetReference(Spec, frozen=True):
    """``targetRefs`` of a policy: what it is attached to instead of a selector's workloads."""

    group: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
