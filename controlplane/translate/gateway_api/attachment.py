"""Which listeners a route attaches to by one of its parentRefs, and why not to others.

Source: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#parentreference; Istio
``pilot/pkg/config/kube/gateway/conversion.go`` (``referenceAllowed``, ``createRouteStatus``).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from controlplane.base.hosts import overlap
from controlplane.base.names import Host, Kind
from controlplane.kinds.gateway_api.common import ParentReference
from controlplane.model.gateway_api import Conformance, ListenerId
from controlplane.translate.gateway_api.listener import AttachedListener

NO_MATCHING_PARENT: Final = "NoMatchingParent"
NOT_ALLOWED: Final = "NotAllowedByListeners"
NO_MATCHING_HOSTNAME: Final = "NoMatchingListenerHostname"
EVERY_HOST: Final = (Host("*"),)
_MOST_TELLING: Final = (NOT_ALLOWED, NO_MATCHING_HOSTNAME, NO_MATCHING_PARENT)
"""Of several listeners that a route does not attach to, whose reason is reported."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a route does not attach to a listener. ``reason`` is the API's word."""

    reason: str
    message: str
    is_by_namespace: bool = False


@dataclass(frozen=True, slots=True)
class Attachment:
    """What a parentRef comes to: the listeners, or why there is none."""

    listeners: tuple[ListenerId, ...]
    refusal: Refusal | None = None


def attachment(
    parent: ParentReference,
    kind: Kind,
    hosts: tuple[Host, ...],
    listeners: Iterable[AttachedListener],
    *,
    is_admitted: Callable[[AttachedListener], bool],
) -> Attachment:
    """``listeners`` are all those of what ``parent`` names; ``hosts`` are the route's."""
    refusals: list[Refusal] = []
    found: list[ListenerId] = []
    for listener in listeners:
        if not listener.is_attachable:
            continue
        refusal = _refusal(parent, kind, hosts, listener, is_admitted)
        if refusal is None:
            found.append(listener.id)
        else:
            refusals.append(refusal)
    if found:
        return Attachment(tuple(found))
    return Attachment((), _most_telling(refusals, parent))


def _refusal(
    parent: ParentReference,
    kind: Kind,
    hosts: tuple[Host, ...],
    listener: AttachedListener,
    is_admitted: Callable[[AttachedListener], bool],
) -> Refusal | None:
    if parent.port is not None and parent.port != listener.port:
        return Refusal(NO_MATCHING_PARENT, f"no listener is on port {parent.port}")
    if parent.section_name and parent.section_name != listener.id.name:
        return Refusal(NO_MATCHING_PARENT, f'no listener is named "{parent.section_name}"')
    refused = [
        found
        for found in (
            _by_kind(kind, listener),
            _by_namespace(listener, is_admitted),
            _by_hostname(hosts, listener),
        )
        if found is not None
    ]
    if listener.conformance is Conformance.ISTIO:
        refused.sort(key=lambda found: found.reason != NO_MATCHING_HOSTNAME)
    return refused[0] if refused else None


def _by_kind(kind: Kind, listener: AttachedListener) -> Refusal | None:
    if kind in listener.kinds:
        return None
    return Refusal(NOT_ALLOWED, f"{listener.id.display_name} takes no {kind.name}")


def _by_namespace(
    listener: AttachedListener, is_admitted: Callable[[AttachedListener], bool]
) -> Refusal | None:
    if is_admitted(listener):
        return None
    message = f"{listener.id.display_name} takes no routes of this namespace"
    return Refusal(NOT_ALLOWED, message, is_by_namespace=True)


def _by_hostname(hosts: tuple[Host, ...], listener: AttachedListener) -> Refusal | None:
    if any(overlap(host, listener.hostname) for host in hosts):
        return None
    message = f'no hostname of the route is within "{listener.hostname}"'
    return Refusal(NO_MATCHING_HOSTNAME, f"{listener.id.display_name}: {message}")


def _most_telling(refusals: list[Refusal], parent: ParentReference) -> Refusal:
    for reason in _MOST_TELLING:
        for refusal in refusals:
            if refusal.reason == reason:
                return refusal
    return Refusal(NO_MATCHING_PARENT, f"{parent.kind} {parent.name} has no listener to attach to")
