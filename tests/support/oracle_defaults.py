"""Compare the spec that we keep of an object with the one that the API server stores.

``admission/gateway-api-defaults.yaml`` of the recordings has them, defaults filled in.
A text, list or mapping without anything in it is the same as none.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final

import yaml

from controlplane.base.diagnostics import Report
from controlplane.documents.document import Origin, RawObject, identity
from controlplane.kinds.decode import decode
from controlplane.kinds.duration import duration
from controlplane.kinds.spec import Duration, Spec

_FILE: Final = "admission/gateway-api-defaults"


def defaulted(folder: Path, prefixes: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """Each object whose stored spec is recorded, and where ours differs."""
    file = folder / f"{_FILE}.yaml"
    recorded = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
    for name, case in recorded.items():
        if f"{_FILE}/{name}".startswith(prefixes):
            yield f"{_FILE}/{name}", differences(case["object"], case["spec"])


def differences(body: Mapping[str, Any], stored: Mapping[str, object]) -> list[str]:
    """Any: an object as YAML reads it."""
    key = identity(body)
    assert key is not None, "a recorded object has a name"
    origin = Origin(path=Path("defaults.yaml"), document=0)
    report = Report()
    raw = RawObject(key=key, api_version=body["apiVersion"], body=body, origin=origin)
    found = decode(raw, report)
    if found is None:
        return [f"refused: {one.message}" for one in report]
    return list(_differs("spec", found.spec, stored))


def _differs(path: str, ours: object, stored: object) -> Iterator[str]:
    match ours, stored:
        case Spec(), Mapping():
            fields = dict(zip(ours.__struct_encode_fields__, ours.__struct_fields__, strict=True))
            for name in {**fields, **stored}:
                value = getattr(ours, fields[name]) if name in fields else None
                yield from _differs(f"{path}.{name}", value, stored.get(name))
        case tuple(), list() if len(ours) == len(stored):
            for i, (one, other) in enumerate(zip(ours, stored, strict=True)):
                yield from _differs(f"{path}[{i}]", one, other)
        case Enum(), _:
            yield from _differs(path, ours.value, stored)
        case Duration(), str():
            yield from _differs(path, ours.nanoseconds, _nanoseconds(stored))
        case _ if ours != stored and (ours or stored):
            yield f"{path} is {ours!r}, the API server stores {stored!r}"


def _nanoseconds(text: str) -> int | None:
    found = duration(text)
    return found.nanoseconds if found is not None else None
