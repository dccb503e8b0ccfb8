"""Which Telemetries apply to a proxy.

Source: Istio ``pilot/pkg/model/telemetry.go`` (``applicableTelemetries``)
"""

from collections.abc import Iterator

from controlplane.base.names import Namespace, ObjectKey, key_is_of
from controlplane.graph import Graph
from controlplane.kinds.istio.telemetry import TELEMETRY, Telemetry, TelemetryKey
from controlplane.kinds.object import Object
from controlplane.model.proxy import Labels
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.attachment import policies_of_namespace, reaching_namespaces
from controlplane.translate.istio.policy_attachment import BySelector, is_attached

_FOR_ALL = BySelector(())


def telemetry_keys(graph: Graph, namespace: Namespace, labels: Labels) -> tuple[TelemetryKey, ...]:
    """The Telemetries of a proxy of ``namespace`` with these labels, in the order in which they
    are merged: a later one wins.

    That is the oldest one for all workloads of the root namespace and of the proxy's own, then
    those of its own namespace that select it or refer to its Gateway, the oldest first. What asks
    runs again when a Telemetry of either namespace comes, goes or is attached otherwise.
    """
    found = [next(_for_all(graph, of), None) for of in reaching_namespaces(graph, namespace)]
    return (
        *(key for key in found if key is not None),
        *_selecting(graph, namespace, labels),
    )


def telemetries_of(graph: Graph, keys: tuple[ObjectKey, ...]) -> tuple[Object[Telemetry], ...]:
    """The Telemetries of a view, in the order of ``keys``."""
    found = (object_of(graph, key) for key in keys if key_is_of(key, TELEMETRY))
    return tuple(each for each in found if each is not None)


def wider_telemetries(graph: Graph, declared: Object[Telemetry]) -> list[Object[Telemetry]]:
    """The Telemetries for all workloads of the mesh and of the namespace, whose providers
    ``declared`` inherits.
    """
    keys = telemetry_keys(graph, declared.namespace, ())
    return [each for each in telemetries_of(graph, keys) if each.key != declared.key]


def _for_all(graph: Graph, namespace: Namespace) -> Iterator[TelemetryKey]:
    for _, attachment, key in policies_of_namespace(graph, (TELEMETRY, namespace)):
        if attachment == _FOR_ALL and key_is_of(key, TELEMETRY):
            yield key


def _selecting(graph: Graph, namespace: Namespace, labels: Labels) -> Iterator[TelemetryKey]:
    for _, attachment, key in policies_of_namespace(graph, (TELEMETRY, namespace)):
        if attachment == _FOR_ALL or not key_is_of(key, TELEMETRY):
            continue
        if is_attached(attachment, namespace, namespace, labels):
            yield key
