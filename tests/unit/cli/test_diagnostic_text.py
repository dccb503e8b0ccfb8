"""How a diagnostic is shown, to people and to programs."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from controlplane.base import codes
from controlplane.base.diagnostics import Diagnostic, Related
from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.cli.check_formats import as_github, as_json, as_sarif
from controlplane.cli.diagnostic_text import DiagnosticText, as_text, diagnostic_texts
from controlplane.cli.output import printable
from controlplane.documents.content import Sources, file_objects

FILE = Path("mesh/reviews.yaml")
REVIEWS = ObjectKey(Kind("networking.istio.io", "VirtualService"), Namespace("default"), "reviews")
MESH = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  http:
  - route:
    - destination:
        host: reviews
        subset: v3
"""
SUBSET = Diagnostic(
    code=codes.UNKNOWN_SUBSET,
    place=FieldRef(REVIEWS, ("spec", "http", 0, "route", 0, "destination", "subset")),
    message='subset "v3" of reviews.default is not declared',
    note="DestinationRule default/reviews (mesh/rules.yaml:3) declares v1 and v2",
    hint='add subset "v3" to DestinationRule default/reviews',
)


@dataclass(frozen=True)
class OneLine:
    """A file that consists of one line."""

    text: str

    def location(self, place: FieldRef | SourceLocation) -> SourceLocation | None:
        return place if isinstance(place, SourceLocation) else None

    def line(self, location: SourceLocation) -> str | None:  # noqa: ARG002  # the protocol's form
        return self.text


def text_of(diagnostics: tuple[DiagnosticText, ...]) -> list[str]:
    return ["".join(text for text, _ in line) for line in as_text(diagnostics)]


def in_mesh(*diagnostics: Diagnostic) -> tuple[DiagnosticText, ...]:
    return diagnostic_texts(diagnostics, Sources([file_objects(FILE, MESH)]))


def test_a_diagnostic_shows_its_line_with_a_caret_a_note_and_a_hint() -> None:
    assert text_of(in_mesh(SUBSET)) == [
        'mesh/reviews.yaml:10:17: error CP0302: subset "v3" of reviews.default is not declared',
        "   10 |         subset: v3",
        "      |                 ^^ DestinationRule default/reviews (mesh/rules.yaml:3) declares v1 and v2",  # noqa: E501  # as it is shown
        '   hint: add subset "v3" to DestinationRule default/reviews',
    ]


def test_related_places_are_named() -> None:
    related = Related(place=SourceLocation(Path("a.yaml"), 3, 1), message="the first is here")
    diagnostic = Diagnostic(
        code=codes.DUPLICATE_KEY,
        place=SourceLocation(FILE, 4, 3, 4),
        message="m",
        related=(related,),
    )

    assert (
        text_of(in_mesh(diagnostic))
        == [
            "mesh/reviews.yaml:4:3: error CP0102: m",
            "    4 |   name: reviews",
            "      |   ^^^^ ",
            "   see: a.yaml:3:1: the first is here",
        ]
        or text_of(in_mesh(diagnostic))[2] == "      |   ^^^^"
    )


def test_what_has_no_line_is_shown_without_one() -> None:
    elsewhere = ObjectKey(REVIEWS.kind, Namespace("shop"), "old")
    diagnostics = [
        Diagnostic(
            code=codes.UNREADABLE_FILE, place=SourceLocation(FILE), message="the file is UTF-16"
        ),
        Diagnostic(
            code=codes.NO_EFFECT, place=FieldRef(elsewhere, ("spec",)), message="m", note="n"
        ),
    ]

    assert text_of(in_mesh(*diagnostics)) == [
        "VirtualService/shop/old.spec: warning CP0210: m",
        "   note: n",
        "mesh/reviews.yaml: error CP0110: the file is UTF-16",
    ]


@pytest.mark.parametrize(
    ("line", "column", "width", "excerpt", "caret"),
    [
        ("a: b", 4, 1, "a: b", "   ^"),
        ("漢字: b", 5, 1, "漢字: b", "      ^"),
        ("a: 漢字", 4, 2, "a: 漢字", "   ^^^^"),
        ("e\u0301: b", 5, 1, "e\u0301: b", "   ^"),
        ("\ta: b", 5, 1, "    a: b", "       ^"),
        ("a: \x1b[2Jb", 8, 1, "a: �[2Jb", "       ^"),
        ("a:", 3, 1, "a:", "  ^"),
        ("x" * 99 + "!" + "y" * 99, 100, 1, "…" + "x" * 59 + "!" + "y" * 58 + "…", " " * 60 + "^"),
        ("x" * 400, 1, 400, "x" * 120, "^" * 120),
    ],
)  # fmt: skip
def test_the_caret_is_below_what_it_means(
    line: str, column: int, width: int, excerpt: str, caret: str
) -> None:
    diagnostic = Diagnostic(
        code=codes.NO_EFFECT, place=SourceLocation(FILE, 1, column, width), message="m"
    )

    _, first, second = text_of(diagnostic_texts([diagnostic], OneLine(line)))

    assert first == f"    1 | {excerpt}"
    assert second == f"      | {caret}"


def test_diagnostics_are_sorted_by_file_line_column_and_code() -> None:
    where = (("b", 1, 1), ("a", 10, 1), ("a", 9, 2), ("a", 9, 1))
    locations = [SourceLocation(Path(path), line, column) for path, line, column in where]
    diagnostics = [Diagnostic(code=codes.NO_EFFECT, place=s, message="m") for s in locations]
    diagnostics.append(Diagnostic(code=codes.DEPRECATED, place=locations[0], message="m"))

    found = [(one.where, one.code.id) for one in in_mesh(*diagnostics)]

    assert found == [
        ("a:9:1", "CP0210"),
        ("a:9:2", "CP0210"),
        ("a:10:1", "CP0210"),
        ("b:1:1", "CP0209"),
        ("b:1:1", "CP0210"),
    ]


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert printable("a\x1b[31m\nb\u202e漢") == "a\\x1b[31m\\nb\\u202e漢"


def test_json_has_every_field_of_a_diagnostic() -> None:
    assert json.loads(as_json(in_mesh(SUBSET), objects=1, refused=0)) == {
        "diagnostics": [
            {
                "code": "CP0302",
                "severity": "error",
                "message": 'subset "v3" of reviews.default is not declared',
                "hint": 'add subset "v3" to DestinationRule default/reviews',
                "path": "mesh/reviews.yaml",
                "line": 10,
                "column": 17,
                "object": "VirtualService/default/reviews",
                "refused": False,
            }
        ],
        "objects": 1,
        "refused": 0,
    }


def test_github_gets_a_workflow_command() -> None:
    location = SourceLocation(Path("a,b:c.yaml"), 2, 3, 4)
    diagnostic = Diagnostic(code=codes.NO_EFFECT, place=location, message="100 %\nno", hint="h")

    assert list(as_github(in_mesh(diagnostic))) == [
        "::warning file=a%2Cb%3Ac.yaml,line=2,col=3,endColumn=7,title=CP0210::100 %25\\nno; h"
    ]


def test_sarif_has_a_rule_for_each_code_and_a_place_for_each_result() -> None:
    [run] = json.loads(as_sarif(in_mesh(SUBSET)))["runs"]

    [rule] = run["tool"]["driver"]["rules"]
    explained = rule.pop("help")["markdown"]
    assert explained.startswith("A rule names a subset that no DestinationRule declares")
    assert [rule] == [
        {
            "id": "CP0302",
            "shortDescription": {"text": "the destination's subset is not declared"},
            "defaultConfiguration": {"level": "error"},
        }
    ]
    [result] = run["results"]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("CP0302", 0, "error")
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "mesh/reviews.yaml"},
                "region": {"startLine": 10, "startColumn": 17, "endColumn": 19},
            },
            "logicalLocations": [
                {"fullyQualifiedName": "VirtualService/default/reviews", "kind": "resource"}
            ],
        }
    ]


def test_of_one_kind_of_information_the_first_is_shown_and_the_others_are_named() -> None:
    found = tuple(
        Diagnostic(
            code=codes.SERVICE_WITHOUT_ENDPOINTS,
            place=SourceLocation(FILE, line, 3),
            message="it has no endpoints",
        )
        for line in (1, 4, 6)
    )

    assert text_of(diagnostic_texts(found, OneLine("spec:"))) == [
        "mesh/reviews.yaml:1:3: info CP0328: it has no endpoints",
        "    1 | spec:",
        "      |   ^",
        "   and 2 more, at mesh/reviews.yaml:4:3, mesh/reviews.yaml:6:3",
    ]
