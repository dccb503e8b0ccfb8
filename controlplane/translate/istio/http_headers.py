"""``headers`` of a rule or a destination: what is set, added and removed, and the authority that
they name.

Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#Headers
"""

from controlplane.kinds.istio.virtual_service import HeaderOperations
from controlplane.model.http_policy import NO_CHANGES, HeaderChanges
from controlplane.translate import header_changes as headers


def header_changes(operations: HeaderOperations | None) -> HeaderChanges:
    """The changes in the order they are made; the authority is not among them."""
    if operations is None:
        return NO_CHANGES
    return headers.header_changes(
        overwritten=operations.set, appended=operations.add, removed=operations.remove
    )


def authority(operations: HeaderOperations | None) -> str | None:
    """The authority that ``set`` names, or else ``add``."""
    if operations is None:
        return None
    return headers.authority(overwritten=operations.set, appended=operations.add)
