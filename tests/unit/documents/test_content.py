"""Files and the objects they declare: identity, lists, neighbours, what stays, where a fault is."""

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from controlplane.base.locations import FieldRef, SourceLocation, Step
from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.documents.content import FileContent, Sources, Unreadable, file_objects

FILE = Path("mesh/a.yaml")


def service(name: str, more: str = "") -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n{more}"


SERVICE = Kind("", "Service")


def key(name: str, namespace: str = "default", kind: Kind = SERVICE) -> ObjectKey:
    return ObjectKey(kind, Namespace(namespace), name)


def read(text: bytes | str | Unreadable, previous: FileContent | None = None) -> FileContent:
    return file_objects(FILE, text, previous)


def names(content: FileContent) -> list[str]:
    return [str(found.key) for found in content.objects]


def faults(content: FileContent) -> list[str]:
    """``line:column: code message`` of each diagnostic."""
    sources = Sources([content])
    shown = ((sources.location(d.place), d) for d in content.diagnostics)
    return [f"{s.line}:{s.column}: {d.code} {d.message}" for s, d in shown if s]


def test_documents_become_objects() -> None:
    content = read(service("a") + "---\n# nothing\n---\n" + service("b", "  namespace: shop\n"))

    assert names(content) == ["Service/default/a", "Service/shop/b"]
    assert content.objects[1].api_version == "v1"
    assert content.objects[1].body["metadata"] == {"name": "b", "namespace": "shop"}
    assert content.objects[1].origin.document == 2
    assert content.complete


@pytest.mark.parametrize(
    ("api_version", "kind", "expected"),
    [
        ("v1", "Service", key("x", "shop")),
        ("v1", "Namespace", key("x", "", Kind("", "Namespace"))),
        ("gateway.networking.k8s.io/v1", "GatewayClass", key("x", "", Kind("gateway.networking.k8s.io", "GatewayClass"))),  # noqa: E501  # a row of a table
        ("networking.istio.io/v1", "Gateway", key("x", "shop", Kind("networking.istio.io", "Gateway"))),  # noqa: E501  # a row of a table
    ],
)  # fmt: skip
def test_identity_is_group_kind_namespace_and_name(
    api_version: str, kind: str, expected: ObjectKey
) -> None:
    text = f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: x, namespace: shop}}\n"

    assert [found.key for found in read(text).objects] == [expected]


def test_a_list_becomes_its_items() -> None:
    content = read(
        "apiVersion: v1\nkind: List\nitems:\n"
        "- apiVersion: v1\n  kind: Service\n  metadata: {name: a}\n"
        "- apiVersion: v1\n  kind: Pod\n  metadata: {name: b}\n"
        "---\nkind: ServiceList\napiVersion: v1\nitems: [{metadata: {name: c}}]\n"
    )

    assert names(content) == ["Service/default/a", "Pod/default/b", "Service/default/c"]
    assert [found.origin.item for found in content.objects] == [0, 1, 0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: Service\n", "1:1: CP0106 the object has no apiVersion and no metadata.name"),
        ("apiVersion: v1\nkind: Service\nmetadata:\n  labels: {}\n", "3:1: CP0106 the object has no metadata.name"),  # noqa: E501  # a row of a table
        ("apiVersion: v1\nkind: Service\nmetadata: x\n", '3:11: CP0106 metadata is the text "x", not a mapping'),  # noqa: E501  # a row of a table
        ("apiVersion: v1\nkind: Service\nmetadata:\n  name: 5\n", "4:9: CP0106 metadata.name is the number 5, not text"),  # noqa: E501  # a row of a table
        ("apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: no}\n", "3:32: CP0106 metadata.namespace is the boolean false, not text"),  # noqa: E501  # a row of a table
        ("- kind: Service\n", "1:3: CP0106 expected an object, found a list"),
        ("a\n", '1:1: CP0106 expected an object, found the text "a"'),
        ("kind: List\nitems:\n- 4\n", "3:3: CP0106 expected an object, found the number 4"),
        ("a: [\n", "1:4: CP0101 the document ends where a value or a closing bracket is missing"),
    ],
)  # fmt: skip
def test_what_is_no_object_is_reported_where_it_is(text: str, expected: str) -> None:
    content = read(text)

    assert faults(content) == [expected]
    assert not content.complete


@pytest.mark.parametrize("name", ["n", "y", "no", "Yes", "on", "false"])
def test_a_name_that_is_a_boolean_is_taken_as_it_is_written(name: str) -> None:
    content = read(f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n")

    assert names(content) == [f"Service/default/{name}"]
    assert content.objects[0].body["metadata"] == {"name": name}
    assert faults(content) == [
        f'3:18: CP0116 the name "{name}" is a boolean in YAML 1.1, so Kubernetes refuses the object'
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("kustomization.yaml", "resources: [a.yaml]\nimages:\n- {name: a, newTag: v1}\n"),
        ("kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n"),  # noqa: E501  # a row of a table
        ("Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n"),
        ("values.yaml", "kind: Deployment\nreplicas: 2\nimage: {tag: v1}\n"),
        ("values.yaml", "a: 1\na: 2\n"),
        ("docker-compose.yml", "services:\n  web: {image: web}\n"),
        ("build.yaml", "name: build\non: [push]\njobs: {}\n"),
        ("config.yaml", "apiVersion: v1\nkind: Config\nclusters: []\n"),
        ("profile.yaml", "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec: {}\n"),
        ("playbook.yaml", "- hosts: all\n  tasks: []\n"),
        ("package.json", '{"name": "web", "version": "1.0.0"}'),
        ("tsconfig.json", '{"a": 1, // why\n}'),
        ("templates/gateway.yaml", "kind: Gateway\nmetadata:\n  name: {{ .Release.Name }}\n"),
        ("templates/gateway.yaml", "{{- if .Values.gateway }}\nkind: Gateway\n{{- end }}\n"),
    ],
)  # fmt: skip
def test_a_file_of_another_tool_is_no_error(name: str, text: str) -> None:
    content = file_objects(Path(name), text)

    assert [d.foreign for d in content.documents] == [True]
    assert (content.objects, content.diagnostics, content.complete) == ((), (), True)


def test_beside_objects_a_document_that_is_none_is_an_error() -> None:
    content = read(service("a") + "---\nhosts: [a.example]\nport: 80\n")

    assert faults(content) == [
        "6:1: CP0106 the object has no apiVersion and no kind and no metadata.name"
    ]
    assert not content.complete


def test_a_key_that_occurs_twice_refuses_its_object() -> None:
    content = read(service("a", "spec:\n  x: 1\n  z: 2\n  x: 3\n"))

    [diagnostic] = content.diagnostics
    assert faults(content) == ['8:3: CP0102 the key "x" occurs twice in one mapping']
    assert diagnostic.place == FieldRef(key("a"), ("spec", "x"), on_key=True)
    assert [related.place for related in diagnostic.related] == [SourceLocation(FILE, 6, 3, 1)]
    assert content.objects[0].body["spec"] == {"x": 3, "z": 2}
    assert content.objects[0].is_refused


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a: 1\n\xc3\xa4\xff\n", "2:2: CP0110 the byte 0xff is not UTF-8"),
        (b"\xff\xfea\x00", "0:0: CP0110 the file is UTF-16; YAML files are read as UTF-8"),
        (Unreadable("Permission denied"), "0:0: CP0110 the file cannot be read: Permission denied"),
        (b" " * (2**24 + 1), "0:0: CP0105 the file is larger than 16 MiB"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_text_is_reported(text: bytes | Unreadable, expected: str) -> None:
    content = read(text)

    assert faults(content) == [expected]
    assert not content.complete


def test_a_byte_order_mark_is_skipped() -> None:
    assert names(read(b"\xef\xbb\xbf" + service("a").encode())) == ["Service/default/a"]


def test_a_json_file_is_one_document() -> None:
    text = '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}\n'

    content = file_objects(Path("a.json"), text)

    assert names(content) == ["Service/default/a"]


def test_only_the_document_that_changed_is_read_again() -> None:
    before = read(f"{service('a')}---\n{service('b')}---\n{service('c')}")

    after = read(f"{service('a')}---\n{service('x')}---\n{service('c')}", before)

    assert names(after) == ["Service/default/a", "Service/default/x", "Service/default/c"]
    assert after.objects[0] is before.objects[0]
    assert after.objects[2] is before.objects[2]


def test_a_document_that_moves_keeps_its_data() -> None:
    before = read(f"---\n{service('a')}---\n{service('b')}")

    after = read(f"---\n{service('x')}---\n{service('a')}---\n{service('b')}", before)

    assert after.objects[1] == before.objects[0]
    assert after.objects[1].body is before.objects[0].body
    assert after.objects[1].origin.document == 1
    assert Sources([after]).location(FieldRef(key("b"), ("metadata", "name"))) == SourceLocation(
        FILE, 15, 9, 1
    )


def test_a_fault_moves_with_its_document() -> None:
    before = read(f"{service('a')}---\na: [\n")

    after = read(f"# one line more\n{service('a')}---\na: [\n", before)

    assert [fault.split(" ")[0] for fault in faults(before)] == ["6:4:"]
    assert [fault.split(" ")[0] for fault in faults(after)] == ["7:4:"]


GOOD = st.integers(0, 99).map(lambda i: service(f"s{i}"))
BAD = st.sampled_from(
    ["a: [\n", "\tx\n", "a: 'b\n", "- kind: a\n", "a: \x00\n", "[" * 2000 + "\n", "x: *y\n"]
)


@given(st.lists(GOOD | BAD, max_size=8))
def test_a_bad_document_leaves_its_neighbours(documents: list[str]) -> None:
    content = read("---\n".join(documents))

    good = [text for text in documents if text.startswith("apiVersion")]
    assert [
        f"apiVersion: v1\nkind: Service\nmetadata:\n  name: {o.key.name}\n" for o in content.objects
    ] == good
    assert len(content.diagnostics) == len(documents) - len(good)


PLACES = """\
# one
apiVersion: v1
kind: Service
metadata: &m
  name: a
  labels: {x: "1", z: w}
spec:
  common: &c
    timeout: 5s
  http:
  - match:
    - uri:
        prefix: /api
    route: []
  - <<: *c
    note: |
      two
      lines
  "quoted": 7
  ä: 漢
"""


@pytest.mark.parametrize(
    ("path", "on_key", "line", "column", "width"),
    [
        (("metadata", "name"), False, 5, 9, 1),
        (("metadata", "name"), True, 5, 3, 4),
        (("metadata", "labels", "z"), False, 6, 23, 1),
        (("metadata", "labels", "x"), False, 6, 15, 3),
        (("metadata", "labels"), False, 6, 3, 6),
        (("metadata", "absent"), False, 4, 1, 8),
        (("metadata", "name", "deeper"), False, 5, 3, 4),
        (("spec", "http", 0), False, 11, 5, 5),
        (("spec", "http", 0, "match", 0, "uri", "prefix"), False, 13, 17, 4),
        (("spec", "http", 0, "route"), False, 14, 5, 5),
        (("spec", "http", 7), False, 10, 3, 4),
        (("spec", "http", 1, "timeout"), False, 9, 14, 2),
        (("spec", "http", 1, "note"), False, 16, 11, 1),
        (("spec", "quoted"), False, 19, 13, 1),
        (("spec", "quoted"), True, 19, 3, 8),
        (("spec", "ä"), False, 20, 6, 1),
        ((), False, 2, 1, 10),
        (("absent",), True, 2, 1, 10),
    ],
)
def test_a_place_is_found_in_its_file(
    path: tuple[Step, ...], on_key: bool, line: int, column: int, width: int
) -> None:
    sources = Sources([read(service("first") + "---\n" + PLACES)])

    location = sources.location(FieldRef(key("a"), path, on_key))

    assert location == SourceLocation(FILE, line + 5, column, width)


def test_a_place_in_an_item_of_a_list_is_found() -> None:
    content = read("kind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: {name: a}\n")

    assert Sources([content]).location(FieldRef(key("a"), ("kind",))) == SourceLocation(
        FILE, 4, 9, 7
    )


def test_a_place_of_an_object_in_no_file_has_no_spot() -> None:
    assert Sources([read(service("a"))]).location(FieldRef(key("b"))) is None


def test_the_line_of_a_spot_is_the_files_line() -> None:
    sources = Sources([read("a: [\r\n---\r\nb: 漢\r\n")])

    assert sources.line(SourceLocation(FILE, 1, 1)) == "a: ["
    assert sources.line(SourceLocation(FILE, 3, 1)) == "b: 漢"
    assert sources.line(SourceLocation(FILE, 9, 1)) is None
    assert sources.line(SourceLocation(Path("other.yaml"), 1, 1)) is None


KEY = "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("kind: Secret\nKEY", f"{'*' * len(KEY)}"),
        ("kind: Secret\ndata:\n  tls.key: KEY", f"  tls.key: {'*' * len(KEY)}"),
        ("kind: Secret\nmetadata:\n  name: a\n", "  name: a"),
        ("kind: ConfigMap\ntext: KEY", f"text: {KEY}"),
        ("kind: Gateway\npassword: hunter2", "password: *******"),
    ],
)
def test_a_line_of_a_secret_shows_its_key_alone(text: str, shown: str) -> None:
    content = read(text.replace("KEY", KEY))

    assert Sources([content]).line(SourceLocation(FILE, text.strip().count("\n") + 1, 1)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "kind: 'Secret'\ndata: {a: '!!', tls.key: KEY, ",
        "kind: Secret\n  - x: [    KEY",
        '{"kind":"SecretList","items":[{"data":"KEY"}]}',
    ],
    ids=["in one line", "what is no YAML", "a list in JSON"],
)
def test_no_line_that_is_shown_holds_a_key(text: str) -> None:
    content = read(text.replace("KEY", KEY))

    line = Sources([content]).line(SourceLocation(FILE, text.count("\n") + 1, 1))

    assert line is not None
    assert KEY not in line
    assert len(line) == len(text.replace("KEY", KEY).split("\n")[-1]), "the caret stays in place"
