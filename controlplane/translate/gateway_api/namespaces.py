"""Which namespaces a listener admits routes from, or a Gateway admits ListenerSets from.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ (selectors);
Istio ``pilot/pkg/config/kube/gateway/conversion.go`` (``namespacesFromSelector``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from controlplane.base.names import Namespace
from controlplane.kinds.gateway_api.common import LabelSelector, LabelSelectorRequirement
from controlplane.kinds.gateway_api.gateway import KubernetesGateway
from controlplane.kinds.gateway_api.listener import (
    AllowedRoutes,
    FromNamespaces,
    RouteFromNamespaces,
)
from controlplane.model.gateway_api import Conformance

NAMESPACE_NAME_LABEL: Final = "kubernetes.io/metadata.name"
"""A label that every namespace has."""


class Operator(Enum):
    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True)
class Requirement:
    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def is_met_by(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case Operator.IN:
                return self.key in labels and labels[self.key] in self.values
            case Operator.NOT_IN:
                return self.key not in labels or labels[self.key] not in self.values
            case Operator.EXISTS:
                return self.key in labels
            case Operator.DOES_NOT_EXIST:
                return self.key not in labels


@dataclass(frozen=True, slots=True)
class EveryNamespace:
    pass


@dataclass(frozen=True, slots=True)
class OneNamespace:
    name: Namespace


@dataclass(frozen=True, slots=True)
class LabelledNamespaces:
    """Those whose labels meet every requirement."""

    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class NoNamespace:
    pass


AllowedNamespaces = EveryNamespace | OneNamespace | LabelledNamespaces | NoNamespace


def admits(allowed: AllowedNamespaces, namespace: Namespace, labels: Mapping[str, str]) -> bool:
    """Whether ``namespace`` is admitted; ``labels`` are those that are declared for it."""
    match allowed:
        case EveryNamespace():
            return True
        case OneNamespace(name=name):
            return name == namespace
        case LabelledNamespaces(requirements=requirements):
            every = {**labels, NAMESPACE_NAME_LABEL: namespace}
            return all(requirement.is_met_by(every) for requirement in requirements)
        case NoNamespace():
            return False


def namespaces_of_routes(
    allowed: AllowedRoutes, own: Namespace, conformance: Conformance
) -> AllowedNamespaces:
    """From where routes may attach to a listener of an object in ``own``.

    The schema lets ``from: Selector`` pass without a selector: Istio then admits every namespace.
    """
    match allowed.namespaces.from_:
        case RouteFromNamespaces.ALL:
            return EveryNamespace()
        case RouteFromNamespaces.SAME:
            return OneNamespace(own)
        case RouteFromNamespaces.SELECTOR:
            selector = allowed.namespaces.selector
            if selector is None and conformance is Conformance.ISTIO:
                return EveryNamespace()
            return _labelled(selector)


def namespaces_of_listener_sets(gateway: KubernetesGateway, own: Namespace) -> AllowedNamespaces:
    """From where ListenerSets may attach to a Gateway in ``own``; from nowhere unless it says."""
    allowed = gateway.allowed_listeners
    if allowed is None:
        return NoNamespace()
    match allowed.namespaces.from_:
        case FromNamespaces.ALL:
            return EveryNamespace()
        case FromNamespaces.SAME:
            return OneNamespace(own)
        case FromNamespaces.SELECTOR:
            return _labelled(allowed.namespaces.selector)
        case FromNamespaces.NONE:
            return NoNamespace()


def _labelled(selector: LabelSelector | None) -> AllowedNamespaces:
    """The namespaces of a selector; none where it is absent or cannot be evaluated."""
    if selector is None:
        return NoNamespace()
    found = [Requirement(k, Operator.IN, (v,)) for k, v in sorted(selector.match_labels.items())]
    for expression in selector.match_expressions:
        requirement = _requirement(expression)
        if requirement is None:
            return NoNamespace()
        found.append(requirement)
    return LabelledNamespaces(tuple(found))


def _requirement(written: LabelSelectorRequirement) -> Requirement | None:
    """``None`` for an operator that does not exist, and for values where there must be none or
    some.
    """
    operator = next((each for each in Operator if each.value == written.operator), None)
    if operator is None or bool(written.values) != (operator in (Operator.IN, Operator.NOT_IN)):
        return None
    return Requirement(written.key, operator, written.values)
