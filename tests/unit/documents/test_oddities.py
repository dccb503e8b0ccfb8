"""What is in a text by accident, named for what it is."""

from pathlib import Path

import pytest

from controlplane.documents.content import Sources, file_objects
from controlplane.documents.yaml import parsed
from tests.support.checked import checked

HEAD = "apiVersion: v1\nkind: Service\n"
LEFT = "is a placeholder of a template that is not filled in"


def said(text: str) -> list[tuple[str, str, str | None]]:
    """``line:column code``, message and hint of each diagnostic."""
    content = file_objects(Path("a.yaml"), text)
    sources = Sources([content])
    places = [(sources.location(d.place), d) for d in content.diagnostics]
    return [(f"{p.line}:{p.column} {d.code}", d.message, d.hint) for p, d in places if p]


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        (
            HEAD + "metadata:\n  name: {{ .Release.Name }}\n",
            "4:9 CP0101",
            f'"{{{{ .Release.Name }}}}" {LEFT}',
            'serve the output of "helm template", or write the value',
        ),
        (
            HEAD + "{{- if .Values.on }}\nmetadata: {name: a}\n{{- end }}\n",
            "3:1 CP0101",
            f'"{{{{- if .Values.on }}}}" {LEFT}',
            'serve the output of "helm template", or write the value',
        ),
        (
            HEAD + "metadata: {name: a, labels: {a: [${B]}}\n",
            "3:34 CP0101",
            '"${B]}" is a variable that is not filled in',
            'serve the output of "envsubst", or write the value',
        ),
        (
            HEAD + "metadata:\n  name:\u00a0a\n  namespace: b\n",
            "4:8 CP0101",
            "a non-breaking space (U+00A0) is here, which to YAML is a letter",
            "write an ordinary space",
        ),
        (
            HEAD + "metadata:\n  “name: a” : b: c\n",
            "4:3 CP0101",
            "the quote “ is typographic, so to YAML it is a letter like any other",
            "remove the typographic quotes",
        ),
        (
            HEAD + "metadata: {name: a}\nspec: {clusterIPs: [::1]}\n",
            "4:21 CP0101",
            "a value in brackets cannot begin with a colon unless it is quoted",
            "put the value in quotes",
        ),
        (
            HEAD + "metadata:\n\tname: a\n",
            "4:1 CP0101",
            "a tab indents this line; YAML indents with spaces",
            None,
        ),
        (
            HEAD + "metadata: {name: a}\n----\n" + HEAD + "metadata: {name: b}\n",
            "4:1 CP0101",
            '"----" does not separate documents; three hyphens in column 1 do',
            "write ---",
        ),
        (
            "\ufeff" + HEAD + "metadata: {name: a}\n---\n\ufeff" + HEAD + "metadata: {name: b}\n",
            "5:1 CP0101",
            "a byte order mark (U+FEFF) is here, which to YAML is a letter",
            "remove it",
        ),
    ],
)
def test_what_is_there_by_accident_is_named(
    text: str, place: str, message: str, hint: str | None
) -> None:
    assert said(text) == [(place, message, hint)]


@pytest.mark.parametrize(
    ("before", "after", "first", "last"),
    [
        ("```yaml\n", "```\n", "this line fences code in Markdown", None),
        (
            "kubectl apply -f - <<EOF\n",
            "EOF\n",
            "this line begins a here-document of a shell",
            "this line ends a here-document of a shell",
        ),
        ("$ kubectl get gw -o yaml\n", "", "this line is a command of a shell", None),
        (
            "<<<<<<< HEAD\n",
            ">>>>>>> main\n",
            "this line marks a conflict of git that is not resolved",
            None,
        ),
    ],
)
def test_a_line_that_came_along_is_named(
    before: str, after: str, first: str, last: str | None
) -> None:
    sound = HEAD + "metadata: {name: a}\nspec: {}\n"

    assert [message for _, message, _ in said(before + sound)] == [first]
    if after:
        assert [message for _, message, _ in said(sound + after)] == [last or first]


def test_a_missing_separator_is_one_message_where_it_is_missing() -> None:
    text = HEAD + "metadata: {name: a}\nspec: {}\n" + HEAD + "metadata: {name: b}\nspec: {}\n"

    content = file_objects(Path("a.yaml"), text)

    assert said(text) == [
        (
            "5:1 CP0102",
            "another object begins here without a --- line before it",
            "write --- on a line of its own before apiVersion",
        )
    ]
    assert not content.complete


def test_nothing_is_said_about_the_fields_of_objects_without_a_separator() -> None:
    text = (
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a}\n"
        "addressType: IPv4\nendpoints: []\n"
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: b}\n"
        "spec: {servers: []}\n"
    )

    assert [line.split()[2] for line in checked(text)] == ["CP0102:"]


def test_windows_line_ends_are_read() -> None:
    text = (HEAD + "metadata:\n  name: a\n---\n" + HEAD + "metadata: {name: b}\n").replace(
        "\n", "\r\n"
    )

    content = file_objects(Path("a.yaml"), text.encode())

    assert [found.key.name for found in content.objects] == ["a", "b"]
    assert content.diagnostics == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[2001:db8::]", ["2001:db8::"]),
        ("[2001:db8::, fe80::]", ["2001:db8::", "fe80::"]),
        ("{b: x:}", {"b": "x:"}),
        ("{x:}", {"x:": None}),
        ("[x:#c]", ["x:#c"]),
        ("[x: ]", [{"x": None}]),
        ("[2001:db8:: ]", [{"2001:db8:": None}]),
        ("['x':]", [{"x": None}]),
        ('["x":y]', [{"x": True}]),
        ("[b :c]", ["b :c"]),
        ("::1", "::1"),
    ],
)
def test_colons_are_read_as_the_reader_of_kubernetes_does(text: str, value: object) -> None:
    """Expected: sigs.k8s.io/yaml v1.4.0, YAMLToJSON."""
    assert parsed(f"a: {text}\n").data == {"a": value}


@pytest.mark.parametrize("text", ["[::1]", "[::]", "{b: ::}", "{b: :c}", "{:b: c}", "[:]", "[: ]"])
def test_colons_that_the_reader_of_kubernetes_refuses_are_refused(text: str) -> None:
    assert parsed(f"a: {text}\n").fault is not None
