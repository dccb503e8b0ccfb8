"""The line about what is in the files and not for a mesh."""

from pathlib import Path

from controlplane.documents.content import file_objects
from controlplane.kinds.foreign import foreign_line


def line_of(**files: str) -> str | None:
    named = {name.replace("__", "/").replace("_yaml", ".yaml"): t for name, t in files.items()}
    return foreign_line([file_objects(Path(name), text) for name, text in named.items()])


def objects(*kinds: str, version: str = "rbac.authorization.k8s.io/v1") -> str:
    return "---\n".join(
        f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a{i}}}\n"
        for i, kind in enumerate(kinds)
    )


def test_kinds_that_no_mesh_reads_are_counted() -> None:
    said = line_of(a_yaml=objects("Role", "RoleBinding", "RoleBinding"))

    assert said == "3 objects are of kinds that no mesh reads: RoleBinding 2, Role 1"


def test_one_object_is_counted_in_the_singular() -> None:
    said = line_of(a_yaml=objects("Mesh", version="appmesh.k8s.aws/v1beta2"))

    assert said == "1 object is of a kind that no mesh reads: Mesh 1"


def test_files_of_other_tools_are_named_in_the_same_line() -> None:
    said = line_of(
        a_yaml=objects("Role"),
        Chart_yaml="apiVersion: v2\nname: a\n",
        values_yaml="a: 1\n",
        templates__gw_yaml="a: {{ .b }}\n",
    )

    assert said == (
        "1 object is of a kind that no mesh reads: Role 1; "
        "2 files hold no objects: Chart.yaml, values.yaml; "
        '1 file is a Helm template, serve what "helm template" prints: gw.yaml'
    )


def test_of_what_is_for_a_mesh_nothing_is_said() -> None:
    assert line_of(a_yaml=objects("Ingress", version="networking.k8s.io/v1")) is None
