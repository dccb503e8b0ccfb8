"""Texts with something in them by accident: said once, for what it is."""

import pytest

from tests.unit.kinds.given import decoded

TEXT = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME}
spec:
  hosts: [a.example]
  http:
  - timeout: TIMEOUT
    route:
    - destination: DESTINATION
"""
UNFILLED = 'serve the output of "helm template", or write the value'


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        (
            {"DESTINATION": "{host: '{{ .Values.host }}'}"},
            '"{{ .Values.host }}" is a placeholder of a template that is not filled in',
            UNFILLED,
        ),
        (
            {"DESTINATION": "{host: a, port: {number: '{{ .Values.port }}'}}"},
            '"{{ .Values.port }}" is a placeholder of a template that is not filled in',
            UNFILLED,
        ),
        (
            {"NAME": '"${NAME}"'},
            '"${NAME}" is a variable that is not filled in',
            'serve the output of "envsubst", or write the value',
        ),
        (
            {"TIMEOUT": "$(TIMEOUT)"},
            '"$(TIMEOUT)" is a variable that is not filled in',
            'serve the output of "envsubst", or write the value',
        ),
        (
            {"NAME": "$NAME"},
            '"$NAME" is a variable that is not filled in',
            'serve the output of "envsubst", or write the value',
        ),
        (
            {"DESTINATION": "{host: <your service>}"},
            '"<your service>" is a placeholder that is not filled in',
            "write the value",
        ),
        (
            {"DESTINATION": "\n      \u00a0host: a"},
            "a non-breaking space (U+00A0) is here, which to YAML is a letter",
            "write an ordinary space",
        ),
        (
            {"DESTINATION": "{host: “a”}"},
            "the quote “ is typographic, so to YAML it is a letter like any other",
            "remove the typographic quotes",
        ),
        (
            {"DESTINATION": "{host: a\u00a0}"},
            "a non-breaking space (U+00A0) is here, which to YAML is a letter",
            "write an ordinary space",
        ),
        (
            {"DESTINATION": "host:a"},
            'expected a mapping, found the text "host:a"',
            'write a space after the colon of "host:"',
        ),
    ],
)
def test_an_accident_is_named(changes: dict[str, str], message: str, hint: str) -> None:
    text = TEXT
    for name, sound in {"NAME": "a", "TIMEOUT": "5s", "DESTINATION": "{host: a}"}.items():
        text = text.replace(name, changes.get(name, sound))

    _, found = decoded(text)

    assert [(d.message, d.hint) for d in found] == [(message, hint)]


def test_a_placeholder_in_a_value_that_is_sound_is_nothing_to_report() -> None:
    text = TEXT.replace("NAME", "a").replace("TIMEOUT", "5s").replace("DESTINATION", "{host: a}")
    text = text.replace("  - timeout", "  - name: '{{ x }} ${y}'\n    timeout")

    assert decoded(text)[1] == []
