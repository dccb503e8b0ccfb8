"""``headers`` of a rule or a destination: what is set, added and removed, and the authority that
they name.

Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#Headers
"""

from collections.abc import Mapping

from controlplane.kinds.istio.virtual_service import HeaderOperations
from controlplane.model.format_string import escaped
from controlplane.model.http_policy import NO_CHANGES, Append, HeaderChanges, Overwrite


def header_changes(operations: HeaderOperations | None) -> HeaderChanges:
    """The changes in the order they are made; the authority is not among them."""
    if operations is None:
        return NO_CHANGES
    return HeaderChanges(
        removed=tuple(name for name in operations.remove if name and not _is_internal(name)),
        put=(
            *(Overwrite(name, escaped(value)) for name, value in _plain(operations.set)),
            *(Append(name, escaped(value)) for name, value in _plain(operations.add)),
        ),
    )


def authority(operations: HeaderOperations | None) -> str | None:
    """The authority that ``set`` names, or else ``add``."""
    if operations is None:
        return None
    for values in (operations.set, operations.add):
        for name, value in sorted(values.items()):
            if name.lower() in ("host", ":authority"):
                return value
    return None


def _plain(values: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in sorted(values.items()) if not _is_internal(name)]


def _is_internal(name: str) -> bool:
    return name.startswith(":") or name.lower() == "host"
