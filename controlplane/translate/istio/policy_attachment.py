"""To which proxies a policy is attached: by its selector, or by its references to Gateways.

Source: Istio ``pilot/pkg/model/policyattachment.go``
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from controlplane.base.names import Namespace
from controlplane.kinds.istio.selection import LabelSelector, PolicyTargetReference
from controlplane.model.endpoint import selects
from controlplane.model.proxy import Labels

GATEWAY_NAME_LABEL: Final = "gateway.networking.k8s.io/gateway-name"
_GATEWAY: Final = ("gateway.networking.k8s.io", "Gateway")


class Attached(Protocol):
    """What every kind of policy says of the workloads that it is for."""

    @property
    def selector(self) -> LabelSelector | None: ...
    @property
    def target_ref(self) -> PolicyTargetReference | None: ...
    @property
    def target_refs(self) -> tuple[PolicyTargetReference, ...]: ...


@dataclass(frozen=True, slots=True, order=True)
class BySelector:
    """Proxies with all of ``labels``; without any every proxy."""

    labels: Labels


@dataclass(frozen=True, slots=True, order=True)
class ByReference:
    """Proxies of these Gateways of the Gateway API. Other targets are not proxies of ours."""

    gateways: tuple[str, ...]


Attachment = BySelector | ByReference


def attachment(policy: Attached) -> Attachment:
    references = policy.target_refs
    if not references and policy.target_ref is not None:
        references = (policy.target_ref,)
    if references:
        return by_reference(references)
    labels = policy.selector.match_labels if policy.selector is not None else {}
    return BySelector(tuple(sorted(labels.items())))


def by_reference(references: Iterable[PolicyTargetReference]) -> ByReference:
    return ByReference(
        tuple(each.name for each in references if (each.group, each.kind) == _GATEWAY)
    )


def is_attached(found: Attachment, policy: Namespace, proxy: Namespace, labels: Labels) -> bool:
    """Whether a policy of namespace ``policy`` is for a proxy of namespace ``proxy``, if policies
    of the one reach the other at all.
    """
    match found:
        case BySelector(labels=selector):
            return selects(selector, labels)
        case ByReference(gateways=gateways):
            return policy == proxy and dict(labels).get(GATEWAY_NAME_LABEL) in gateways
