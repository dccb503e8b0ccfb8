"""MeshConfig ``extensionProviders``: each is read on its own, so that a fault in one concerns only
what names it.
"""

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import inspect

from controlplane.base.codes import CANNOT_WORK, UNKNOWN_SETTING, WRONG_TYPE
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.nearest import nearest
from controlplane.base.wording import described
from controlplane.kinds.duration import value_of
from controlplane.kinds.istio.extension_providers import ExtensionProvider
from controlplane.kinds.spec import struct_type
from controlplane.kinds.support import structs_in
from controlplane.kinds.validation.extension_providers import check_extension_provider
from controlplane.kinds.walk import DROPPED, Null, Walk


def extension_providers(
    report: Report, at: FieldRef, written: object
) -> tuple[ExtensionProvider, ...]:
    """One for each item of the list, in its order. One with a fault keeps its name and no type."""
    if written is None:
        return ()
    if not isinstance(written, list | tuple):
        report.add(WRONG_TYPE, at, f"expected a list, found {described(written)}")
        return ()
    found = tuple(_provider(report, at / i, item) for i, item in enumerate(written))
    for i, provider in enumerate(found):
        if provider.name and any(later.name == provider.name for later in found[i + 1 :]):
            message = f'a later provider has the name "{provider.name}" too, and is used'
            report.add(CANNOT_WORK, at / i / "name", message)
    return found


def _provider(report: Report, at: FieldRef, written: object) -> ExtensionProvider:
    found = Report()
    for each, place, near in _unknown(struct_type(ExtensionProvider), written, at):
        hint = f'rename it to "{near}"' if near else None
        report.add(UNKNOWN_SETTING, place.key, f'unknown setting "{each}"', hint=hint)
    fitting = Walk(found, Null.FAULT).struct(at, ExtensionProvider, written)
    provider = ExtensionProvider()
    if fitting is not DROPPED:
        provider = msgspec.convert(fitting, ExtensionProvider, dec_hook=value_of)
        check_extension_provider(found, at, provider)
    report.diagnostics.extend(found)
    if found.refused:
        return ExtensionProvider(name=provider.name)
    return provider


def _unknown(
    info: inspect.Type, written: object, at: FieldRef
) -> Iterator[tuple[str, FieldRef, str | None]]:
    """The names of no setting in ``written`` and all within it, with the name that is meant."""
    if isinstance(written, list | tuple):
        for i, item in enumerate(written):
            yield from _unknown(info, item, at / i)
    elif isinstance(written, Mapping):
        for struct in structs_in(info):
            fields = {field.encode_name: field.type for field in struct.fields}
            for name, value in written.items():
                if name in fields:
                    yield from _unknown(fields[name], value, at / name)
                else:
                    yield name, at / name, nearest(name, fields)
