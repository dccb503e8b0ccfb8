"""What is set, added and removed in headers, as both APIs write it, becomes header changes.

The authority is not among them: it is rewritten, not put.
"""

from collections.abc import Iterable, Mapping

from controlplane.model.format_string import escaped
from controlplane.model.http_policy import Append, HeaderChanges, Overwrite


def header_changes(
    *, overwritten: Mapping[str, str], appended: Mapping[str, str], removed: Iterable[str]
) -> HeaderChanges:
    """The changes in the order they are made. Values are literal, a percent sign included."""
    return HeaderChanges(
        removed=tuple(name for name in removed if name and not _is_internal(name)),
        put=(
            *(Overwrite(name, escaped(value)) for name, value in _plain(overwritten)),
            *(Append(name, escaped(value)) for name, value in _plain(appended)),
        ),
    )


def authority(*, overwritten: Mapping[str, str], appended: Mapping[str, str]) -> str | None:
    """The authority that ``overwritten`` names, or else ``appended``."""
    for values in (overwritten, appended):
        for name, value in sorted(values.items()):
            if name.lower() in ("host", ":authority"):
                return value
    return None


def _plain(values: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in sorted(values.items()) if not _is_internal(name)]


def _is_internal(name: str) -> bool:
    return name.startswith(":") or name.lower() == "host"
