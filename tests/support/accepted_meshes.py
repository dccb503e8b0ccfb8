"""Generated meshes of objects that are accepted, with values at the edges of what fields take.

Each begins as an object of ``broad_mesh``; then any field that its kind declares, wherever it may
be, is given a value of its type, and keeps it where admission has nothing against the object.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st
from msgspec import inspect

from controlplane.base.diagnostics import Report
from controlplane.documents.document import identity
from controlplane.kinds.decode import HEAD
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.mesh import decode_mesh_config
from controlplane.kinds.registry import SERVED
from controlplane.kinds.served import ServedKind
from controlplane.kinds.spec import Spec, struct_type
from tests.support.boundary_values import TEXTS, Place, places, scalars, values
from tests.support.broad_mesh import MESH_CONFIG, Body, broad_mesh
from tests.unit.kinds.given import decoded_body

MESH: Final = struct_type(MeshConfig)
ANNOTATIONS: Final = (
    "networking.istio.io/exportTo",
    "networking.istio.io/traffic-distribution",
    "networking.istio.io/service-type",
    "networking.istio.io/address-type",
)
_FILES: Final = ("", "/dev/null", "~")
SPARED: Final[Mapping[str, tuple[object, ...]]] = {
    "minimumRingSize": (0, 1, 2, 1_023, 65_536),
    "serverCertificate": _FILES,
    "privateKey": _FILES,
    "clientCertificate": _FILES,
    "caCertificates": _FILES,
    "caCrl": _FILES,
    "accessLogFile": ("", "/dev/null"),
}
"""The only values of fields that do harm beyond the mesh: Envoy takes seconds to build a large
ring, opens whatever file it is to log to, and keeps a descriptor for each file of TLS of which the
folder is not there, until it has no more.
"""


@dataclass(frozen=True, slots=True)
class AcceptedMesh:
    """The objects that are not as in ``broad_mesh``, by name, and MeshConfig if it is not."""

    objects: Mapping[str, Body]
    mesh_config: Body | None = None


def served_kind(body: Body) -> ServedKind[Any]:
    key = identity(body)
    assert key is not None, "every object has a name"
    return SERVED[key.kind]


def fields_of(body: Body) -> list[tuple[Place, inspect.Type]]:
    """Every place of an object that may have a value."""
    served = served_kind(body)
    struct: type[Spec] = served.spec
    info = struct_type(struct)
    if served.whole:
        spec = {name: value for name, value in body.items() if name not in HEAD}
        return list(places(info, spec))
    return list(places(info, body["spec"], ("spec",)))


def values_at(place: Place, wanted: inspect.Type) -> st.SearchStrategy[Any]:
    spared = SPARED.get(str(place[-1]), ())
    return st.sampled_from(spared) if spared else values(wanted)


def edges_at(place: Place, wanted: inspect.Type) -> tuple[object, ...]:
    """The edges of what a place takes that holds no others."""
    return SPARED.get(str(place[-1]), ()) or scalars(wanted)


def with_value(body: Any, place: Place, value: object) -> Any:
    """The body with one value changed; it shares the rest with ``body``."""
    if not place:
        return value
    step, *rest = place
    changed = body.copy()
    changed[step] = with_value(body[step] if rest else None, tuple(rest), value)
    return changed


def is_accepted(body: Body) -> bool:
    found, _ = decoded_body(body)
    return found is not None


def is_mesh_accepted(config: Body) -> bool:
    report = Report()
    decode_mesh_config(config, Path("mesh.yaml"), report)
    return not report.refused


def assorted(turn: int) -> AcceptedMesh:
    """Every place that has edges at one of them, the next with every ``turn``."""
    objects = {}
    for name, body in broad_mesh().items():
        changed = body
        for i, (place, wanted) in enumerate(fields_of(body)):
            changed = _turned(changed, place, edges_at(place, wanted), i + turn, is_accepted)
        objects[name] = changed
    config = MESH_CONFIG
    for i, (place, wanted) in enumerate(places(MESH, config)):
        config = _turned(config, place, edges_at(place, wanted), i + turn, is_mesh_accepted)
    return AcceptedMesh(objects, config)


def _turned(
    body: Body,
    place: Place,
    edges: tuple[object, ...],
    turn: int,
    is_accepted: Callable[[Body], bool],
) -> Body:
    return _with_accepted(body, place, edges[turn % len(edges)], is_accepted) if edges else body


def _with_accepted(
    body: Body, place: Place, value: object, is_accepted: Callable[[Body], bool]
) -> Body:
    changed: Body = with_value(body, place, value)
    return changed if is_accepted(changed) else body


@st.composite
def accepted_objects(draw: st.DrawFn, names: Iterable[str] = ()) -> tuple[str, Body]:
    """The name of an object, and an accepted form of it that has a few unusual values."""
    name = draw(st.sampled_from(sorted(names or broad_mesh())))
    body = broad_mesh()[name]
    for _ in range(draw(st.integers(1, 6)) if fields_of(body) else 0):
        place, wanted = draw(st.sampled_from(fields_of(body)))
        body = _with_accepted(body, place, draw(values_at(place, wanted)), is_accepted)
    if draw(st.integers(0, 9)) == 0:
        told = draw(
            st.dictionaries(st.sampled_from((*ANNOTATIONS, *TEXTS)), st.sampled_from(TEXTS))
        )
        for word in ("labels", "annotations"):
            changed = with_value(body, ("metadata", word), body["metadata"].get(word, {}) | told)
            if is_accepted(changed):
                body = changed
    return name, body


@st.composite
def accepted_mesh_configs(draw: st.DrawFn) -> Body:
    config = MESH_CONFIG
    for _ in range(draw(st.integers(1, 5))):
        place, wanted = draw(st.sampled_from(list(places(MESH, config))))
        config = _with_accepted(config, place, draw(values_at(place, wanted)), is_mesh_accepted)
    return config


accepted_meshes: Final = st.builds(
    AcceptedMesh,
    st.lists(accepted_objects(), min_size=1, max_size=8).map(dict),
    st.none() | st.none() | accepted_mesh_configs(),
)
