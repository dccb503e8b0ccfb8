"""A list of filters, changed by the patches that put filters in, take them out or replace them.

Without a filter to go by, an insertion before is one at the front and one after is one at the end;
REMOVE and REPLACE do nothing then, and nothing happens where no filter has the name.
Source: Istio ``pilot/pkg/networking/core/envoyfilter/listener_patch.go``
"""

from typing import Any

from controlplane.envoy.patches.merging import merge_packed
from controlplane.envoy.patches.values import Patching, value_of
from controlplane.model.patch import Operation, Patch

Filters = Any
"""A repeated field of listener, network or HTTP filters, which all have a name."""


def change_order(patching: Patching, filters: Filters, patch: Patch, wanted: str | None) -> None:
    """What one patch does, but for MERGE; ``wanted`` is the name that it goes by."""
    first = _first(filters, wanted)
    match patch.operation:
        case Operation.ADD:
            at: int | None = len(filters)
        case Operation.INSERT_FIRST:
            at = 0
        case Operation.INSERT_BEFORE:
            at = 0 if wanted is None else first
        case Operation.INSERT_AFTER:
            after = first + 1 if first is not None else None
            at = len(filters) if wanted is None else after
        case Operation.REPLACE:
            if wanted is not None and first is not None:
                filters[first].CopyFrom(value_of(patch))
                patching.note(patch)
            return
        case Operation.REMOVE:
            if wanted is not None and first is not None:
                for i in reversed([i for i, each in enumerate(filters) if each.name == wanted]):
                    del filters[i]
                patching.note(patch)
            return
        case _:
            return
    if at is not None:
        filters.insert(at, value_of(patch))
        patching.note(patch)


def _first(filters: Filters, wanted: str | None) -> int | None:
    return next((i for i, each in enumerate(filters) if each.name == wanted), None)


def merge_filter(patching: Patching, filter_: Any, patch: Patch) -> None:
    """Merge a patch into one filter that has a configuration, unless the value is of another type.

    istiod panics then and gives up all patches of the listeners. Any: a network or HTTP filter.
    """
    if not filter_.HasField("typed_config"):
        return
    value: Any = value_of(patch)
    if value.HasField("typed_config") and not merge_packed(
        filter_.typed_config, value.typed_config
    ):
        return
    if value.name:
        filter_.name = value.name
    patching.note(patch)
