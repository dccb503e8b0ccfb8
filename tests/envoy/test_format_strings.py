"""What is said of a format string is what Envoy does with it."""

import json
from pathlib import Path
from random import Random

import pytest

from controlplane.model.format_commands import COMMANDS, ENVOY
from controlplane.model.format_string import escaped, first_fault
from controlplane.translate.istio.access_log_format import fault_of_json
from tests.support.envoy import envoy_version
from tests.support.format_commands import ARGUMENTS, LENGTHS, NARROWER, PROBES, written
from tests.support.format_strings import Place, refusals

pytestmark = pytest.mark.envoy

COALESCED = (
    '{"operators": ["DURATION"]}',
    '{"operators": ["REQ"]}',
    '{"operators": []}',
    '{"operators": ["NO_SUCH_THING"]}',
    '{"operators": [{"command": "REQ", "param": "a", "max_length": 5}, "PROTOCOL"]}',
    '{"operators": [{"command": "REQ", "param": "a", "max_length": 0}]}',
    '{"operators": [{"command": "DURATION", "max_length": 5}]}',
    '{"operators": [{"param": "a"}]}',
    '{"operators": {"command": "REQ"}}',
    '{"operators": [1]}',
    '{"operators": [null]}',
    "{}",
    "[]",
    "{",
)
PATHS = ("request.path", "a.b['c d'].e", "in", "request.true", "a['b", "a.", ".a", "a b")


def test_the_table_is_of_this_envoy() -> None:
    assert envoy_version() == ENVOY


def test_every_command_takes_what_is_said_of_it(tmp_path: Path) -> None:
    random = Random(1)
    probed = [
        written(name, *probe)
        for name in COMMANDS
        if name not in NARROWER
        for probe in (("", None), ("x", None), *random.sample(PROBES, 18))
    ]

    refused = refusals([(Place.HTTP_LOG, text) for text in probed], tmp_path)

    wrong = {
        text: refusal
        for text, refusal in zip(probed, refused, strict=True)
        if (first_fault(text) is None) != (refusal is None)
    }
    assert wrong == {}


def test_whatever_is_said_to_be_fine_is_taken_wherever_formats_are(tmp_path: Path) -> None:
    texts = [
        *(f"%COALESCE({argument})%" for argument in COALESCED),
        *(f"%CEL({path})%" for path in PATHS),
        *("", "%", "%%", "%%%", "100%", "é", "%REQ(é)%", "%RESP(x)% %REQ(y):3%", "%req(x)%"),
    ]
    asked = [(place, text) for place in Place if place is not Place.HTTP_JSON_LOG for text in texts]
    asked += [(Place.HTTP_JSON_LOG, {"a": text}) for text in texts]

    refused = refusals(asked, tmp_path)

    fine = [first_fault(text) is None for _ in Place for text in texts]
    taken = [refusal is None for refusal in refused]
    assert [one for one, ok, t in zip(asked, fine, taken, strict=True) if ok and not t] == []
    repeated = [text for _ in Place for text in texts]
    narrower = {text for text, ok, t in zip(repeated, fine, taken, strict=True) if t and not ok}
    assert narrower == {"%CEL(.a)%"}


def test_a_json_format_is_taken_or_not_as_said(tmp_path: Path) -> None:
    formats = [
        {"a": "%DURATION%", "b": [1, 2.5, True, None, {"c": ["%PROTOCOL%"]}], "%x": ""},
        {"a": {"b": ["%DURATION:5%"]}},
        {"a": "100%"},
        {},
        json.loads('{"a": ' + '{"b": ' * 29 + "{}" + "}" * 30),
    ]

    refused = refusals([(Place.HTTP_JSON_LOG, one) for one in formats], tmp_path)

    said = [fault_of_json(json.dumps(one)) is None for one in formats]
    assert said == [True, False, False, True, True]
    assert [refusal is None for refusal in refused] == said


def test_any_text_is_judged_as_envoy_judges_it(tmp_path: Path) -> None:
    random = Random(2)
    texts = [_text(random) for _ in range(3000)]

    refused = refusals([(Place.HTTP_LOG, text) for text in texts], tmp_path)

    wrong = {
        text: refusal
        for text, refusal in zip(texts, refused, strict=True)
        if (first_fault(text) is None) != (refusal is None)
    }
    assert wrong == {}
    assert 300 < sum(refusal is None for refusal in refused) < 2700


def test_any_header_value_is_taken_once_it_is_escaped(tmp_path: Path) -> None:
    random = Random(3)
    values = [escaped(_text(random)) for _ in range(1500)]

    refused = refusals([(Place.REQUEST_HEADER, value) for value in values], tmp_path)

    assert {v: r for v, r in zip(values, refused, strict=True) if r is not None} == {}


def _text(random: Random) -> str:
    """Commands, right and wrong, with text and stray percent signs between and within them."""
    parts: list[str] = []
    for _ in range(random.choice((1, 1, 2, 3))):
        command = _command(random)
        if random.random() < 0.2:
            at = random.randrange(len(command))
            inserted = random.choice(("%", ")", "(", ":", "%%", " "))
            command = command[:at] + inserted + command[at:]
        parts += [command, random.choice(("", " ", "%%", "text", "text", " - ", "5%"))]
    return "".join(parts)


def _command(random: Random) -> str:
    """One out of three is whatever comes; the others are the first of a few that is fine."""
    names = [name for name in COMMANDS if name not in NARROWER]
    names += [*["REQ"] * 20, *["START_TIME"] * 10, "NO_SUCH_THING", "req"]
    command = ""
    for _ in range(random.choice((1, 20, 20))):
        argument, length = random.choice(("", "", *ARGUMENTS)), random.choice((None, *LENGTHS))
        command = written(random.choice(names), argument, length)
        if first_fault(command) is None:
            break
    return command
