"""MeshConfig's ``serviceEntryVisibility``: who sees the ServiceEntries of a namespace at most.

Source: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/ and Istio
``model/serviceentry_visibility.go``.
"""

from collections.abc import Mapping

from controlplane.base.names import Namespace
from controlplane.kinds.istio.mesh_config import (
    EntryVisibility,
    NamespaceSelector,
    Operator,
    Requirement,
    ServiceEntryVisibility,
)
from controlplane.model.visibility import Visibility


def capped(
    said: Visibility,
    settings: ServiceEntryVisibility | None,
    namespace: Namespace,
    labels: Mapping[str, str],
) -> Visibility:
    """Which of those that ``exportTo`` admits see a ServiceEntry in a namespace with ``labels``.

    The first policy whose rules all match decides, else the default. Ambient meshes aside, it holds
    only where ``applyToSidecars`` says so.
    """
    if settings is None or not settings.apply_to_sidecars:
        return said
    widest = next(
        (
            policy.visibility
            for policy in settings.policies
            if all(_selects(rule.namespace_selector, labels) for rule in policy.matching_rules)
        ),
        settings.default_visibility,
    )
    match widest:
        case EntryVisibility.NAMESPACE:
            own = {namespace} if said.admits(namespace) else set()
            return Visibility(frozenset(own))
        case EntryVisibility.NONE:
            return Visibility()
        case EntryVisibility.PUBLIC | EntryVisibility.UNSPECIFIED:
            return said


def _selects(selector: NamespaceSelector | None, labels: Mapping[str, str]) -> bool:
    """A selector that is missing selects nothing, an empty one everything."""
    return selector is not None and (
        selector.match_labels.items() <= labels.items()
        and all(_holds(requirement, labels) for requirement in selector.match_expressions)
    )


def _holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case Operator.IN:
            return value in requirement.values
        case Operator.NOT_IN:
            return value not in requirement.values
        case Operator.EXISTS:
            return value is not None
        case Operator.DOES_NOT_EXIST:
            return value is None
