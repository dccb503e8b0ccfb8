"""A WorkloadGroup, and a workload of it that is connected, become a WorkloadEntry.

Labels are the group's, never the node's; what the group's ``metadata`` says wins over its
``template``. The locality is the node's where it says one.
Source: Istio ``pilot/pkg/autoregistration`` (``workloadEntryFromGroup``, ``mergeLabels``).
"""

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, Final

from controlplane.base.hosts import is_loopback, is_reachable
from controlplane.base.names import ObjectKey
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY, WorkloadEntry
from controlplane.kinds.istio.workload_group import WORKLOAD_GROUP, WorkloadGroup
from controlplane.kinds.object import Object
from controlplane.model.proxy import NOWHERE, Role
from controlplane.model.registration import Claim, Reason, Registered, WorkloadId
from controlplane.translate.istio.workload_probe import probe_of
from controlplane.translate.workload import (
    HEALTH_CHECKS,
    NO_MUTUAL,
    OF_GROUP,
    REGISTERED,
    TLS_MODE_LABEL,
)

ANY_ADDRESS: Final = "controlplane/any-address"
"""An annotation of a WorkloadGroup, ``"true"``: its workloads may have another address than the one
their connections come from, as behind NAT.
"""
DEFAULT_SERVICE_ACCOUNT: Final = "default"  # of a template that names none
_NAME_LIMIT: Final = 253  # characters; Kubernetes, names of objects
_DIGITS: Final = 10


def group_of(id_: WorkloadId) -> ObjectKey[WorkloadGroup]:
    return ObjectKey(WORKLOAD_GROUP, id_.namespace, id_.group)


def entry_of(id_: WorkloadId) -> ObjectKey[WorkloadEntry]:
    """``reviews-v1-172-18-0-7``; a name that would be too long ends with a hash of it."""
    name = f"{id_.group}-{id_.address.replace('.', '-').replace(':', '-')}"
    if name.endswith("-"):
        name += "0"  # fd00:: is fd00::0
    if len(name) > _NAME_LIMIT:
        name = f"{name[: _NAME_LIMIT - _DIGITS - 1]}-{sha256(name.encode()).hexdigest()[:_DIGITS]}"
    return ObjectKey(WORKLOAD_ENTRY, id_.namespace, name)


def account_of(group: Object[WorkloadGroup]) -> str:
    """The service account of the group's workloads."""
    template = group.spec.template
    return (template.service_account if template is not None else "") or DEFAULT_SERVICE_ACCOUNT


def labels_of_group(group: Object[WorkloadGroup]) -> dict[str, str]:
    """The labels of the group's workloads."""
    template, metadata = group.spec.template, group.spec.metadata
    return {
        **(template.labels if template is not None else {}),
        **(metadata.labels if metadata is not None else {}),
    }


def takes_any_address(group: Object[WorkloadGroup]) -> bool:
    return group.annotations.get(ANY_ADDRESS) == "true"


def refusal(
    claim: Claim, group: Object[WorkloadGroup] | None, *, on_loopback: bool
) -> Reason | None:
    """Why a workload may not register, if it may not. ``on_loopback``: the control plane is reached
    on loopback alone, so that everybody who reaches it shares that.
    """
    if group is None or group.spec.template is None:
        return Reason.NO_GROUP
    if claim.service_account != account_of(group):
        return Reason.OTHER_ACCOUNT
    address = claim.id.address
    if not is_reachable(address) and not (on_loopback and is_loopback(address)):
        return Reason.NOT_AN_ADDRESS
    if not claim.id.is_proven and not takes_any_address(group):
        return Reason.OTHER_ADDRESS
    return None


def is_ready(one: Registered, group: Object[WorkloadGroup]) -> bool:
    """Whether callers may choose the workload: it is there and, where its group has a probe that
    proxies can make, was found healthy.
    """
    return one.is_present and (one.is_healthy is True or probe_of(group.spec) is None)


def rightful(admitted: Iterable[Registered]) -> Iterator[WorkloadId]:
    """Of the workloads at one address those that have it: the one that connected last. Loopback is
    everybody's, and an address that the connection does not prove is disputed within its namespace
    alone.
    """
    last: dict[object, Registered] = {}
    for one in admitted:
        id_ = one.claim.id
        if is_loopback(id_.address):
            yield id_
            continue
        dispute = None if one.claim.id.is_proven else id_.namespace
        if dispute not in last or last[dispute].order < one.order:
            last[dispute] = one
    for one in last.values():
        yield one.claim.id


def entry_text(claim: Claim, group: Object[WorkloadGroup], *, is_ready: bool) -> str:
    """The WorkloadEntry of a workload, as the text of a file that nobody wrote."""
    key = entry_of(claim.id)
    metadata = group.spec.metadata
    annotations = dict(metadata.annotations) if metadata is not None else {}
    body: dict[str, Any] = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "WorkloadEntry",
        "metadata": {
            "name": key.name,
            "namespace": str(key.namespace),
            "labels": _labels(claim, group),
            "annotations": {
                **annotations,
                OF_GROUP: claim.id.group,
                REGISTERED: "true",
                HEALTH_CHECKS: "true",
            },
        },
        "spec": _spec(claim, group),
        "status": {"conditions": [{"type": "Healthy", "status": str(is_ready)}]},
    }
    return json.dumps(body, indent=1) + "\n"


def _labels(claim: Claim, group: Object[WorkloadGroup]) -> dict[str, str]:
    """A gateway says that it takes no mutual TLS: what it does follows from its Gateways."""
    labels = labels_of_group(group)
    if claim.role is Role.GATEWAY:
        labels.setdefault(TLS_MODE_LABEL, NO_MUTUAL)
    return labels


def _spec(claim: Claim, group: Object[WorkloadGroup]) -> dict[str, Any]:
    template = group.spec.template or WorkloadEntry()
    locality = str(claim.locality) if claim.locality != NOWHERE else template.locality
    spec: dict[str, Any] = {
        "address": claim.id.address,
        "ports": dict(template.ports),
        "network": template.network,
        "locality": locality,
        "weight": template.weight,
        "serviceAccount": claim.service_account,
    }
    return {name: value for name, value in spec.items() if value}
