"""Objects for tests of what is decoded: YAML in, diagnostics out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controlplane.base.diagnostics import Diagnostic, Report
from controlplane.base.locations import FieldRef, path_text
from controlplane.base.names import Kind
from controlplane.documents.content import file_objects
from controlplane.documents.document import Origin, RawObject, identity
from controlplane.kinds.decode import decode
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.object import Object
from controlplane.kinds.registry import SERVED

Decoded = tuple[Object[Any] | None, list[Diagnostic]]


def decoded(text: str) -> Decoded:
    """The only object of a YAML text, and all that is said of it."""
    content = file_objects(Path("mesh.yaml"), text)
    assert not content.diagnostics, "the test's YAML is sound"
    report = Report()
    (raw,) = content.objects
    return decode(raw, report), list(report)


def decoded_body(body: Mapping[str, Any]) -> Decoded:
    """As ``decoded``, for an object that is parsed already."""
    key = identity(body)
    assert key is not None, "the test's object has a name"
    origin = Origin(path=Path("mesh.yaml"), document=0)
    report = Report()
    raw = RawObject(key=key, api_version=body["apiVersion"], body=body, origin=origin)
    return decode(raw, report), list(report)


def body_of(
    kind: str, spec: Mapping[str, Any], api_version: str | None = None, **metadata: Any
) -> dict[str, Any]:
    """An object named ``reviews``; ``spec`` is its body where the kind has none."""
    served = SERVED[_kind(api_version, kind) if api_version else kind_of(kind)]
    head = {
        "apiVersion": api_version or served.api_versions[0],
        "kind": kind,
        "metadata": {"name": "reviews", **metadata},
    }
    return head | (dict(spec) if served.whole else {"spec": spec})


def reported(diagnostics: list[Diagnostic], within: tuple[str | int, ...] = ()) -> list[str]:
    """``CP0205 http[0].timeout``: codes and places, a place within ``within`` without it."""
    lines = []
    for diagnostic in diagnostics:
        assert isinstance(diagnostic.place, FieldRef), "decoding reports fields"
        path = diagnostic.place.path
        if within and path[: len(within)] == within:
            path = path[len(within) :]
        lines.append(f"{diagnostic.code} {path_text(path).removeprefix('.')}".rstrip())
    return lines


def kind_of(name: str) -> Kind:
    """The kind of this name that is not the Gateway API's, where there is another."""
    found = [kind for kind in SERVED if kind.name == name]
    (kind,) = [kind for kind in found if len(found) == 1 or kind.group != GATEWAY_API]
    return kind


def _kind(api_version: str, name: str) -> Kind:
    return Kind(api_version.rpartition("/")[0], name)
