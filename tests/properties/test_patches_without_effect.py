"""Patches that find nothing leave every byte of every resource, whatever the mesh."""

from dataclasses import replace

import yaml
from hypothesis import given, settings, strategies as st

from controlplane.base.names import Namespace, ObjectKey
from controlplane.kinds.istio.envoy_filter import ENVOY_FILTER
from controlplane.model.patch import PatchReference
from controlplane.model.proxy import ResolvedProxy
from controlplane.queries.snapshot.snapshot import Resources, resources
from tests.support.broad_mesh import broad_mesh
from tests.support.declared import INGRESS, Declared
from tests.support.properties import examples
from tests.support.service_meshes import Document
from tests.support.sidecar_meshes import SIDECARS, documents
from tests.unit.patches.test_the_slow_path import WITHOUT_EFFECT

KEY = ObjectKey(ENVOY_FILTER, Namespace("istio-system"), "patch")
PATCHES = tuple(PatchReference(KEY, number) for number in range(3))
GATEWAYS = [broad_mesh()[name] for name in broad_mesh() if broad_mesh()[name]["kind"] == "Gateway"]


def versions(found: Resources) -> dict[str, dict[str, object]]:
    return {of.name: {name: r.version for name, r in shelf.items()} for of, shelf in found}


@settings(max_examples=examples(15))
@given(
    mesh=st.lists(documents, max_size=8),
    gateway=st.sampled_from(GATEWAYS),
    proxy=st.sampled_from((INGRESS, *SIDECARS)),
)
def test_patches_that_find_nothing_change_no_byte(
    mesh: list[Document], gateway: Document, proxy: ResolvedProxy
) -> None:
    texts = [*map(yaml.safe_dump, [*mesh, gateway]), WITHOUT_EFFECT]
    declared = Declared("---\n".join(texts))
    view = replace(declared.view(proxy), patches=PATCHES)

    plain, patched = resources(declared.graph, view.unpatched), resources(declared.graph, view)

    assert plain is not None
    assert patched is not None
    assert versions(patched) == versions(plain)
