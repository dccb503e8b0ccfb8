"""Whether Envoy accepts an access log format: for one that it does not, it rejects every listener.

Source: envoy/config/core/v3/substitution_format_string.proto; the limits were measured with Envoy.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Final

from controlplane.model.format_string import first_fault

DEEPEST: Final = 30  # objects within objects; at 34 Envoy's parser of messages gives up
_WITHOUT_QUERY: Final = re.compile(r"%REQ_WITHOUT_QUERY(?=\()")
"""A command of an extension, which access logs have besides Envoy's own; it is written as REQ."""


def usable_line(text: str) -> str:
    """A format of lines; nothing, for Istio's, where Envoy would refuse it."""
    return text if fault_of_line(text) is None else ""


def usable_json(fields: str | Mapping[str, object]) -> str:
    """A format of JSON objects, as JSON; nothing, for Istio's, where Envoy would refuse it."""
    if not fields:
        return ""
    if isinstance(fields, str):
        return fields if fault_of_json(fields) is None else ""
    return json.dumps(fields) if fault_of_fields(fields) is None else ""


def fault_of_line(text: str) -> str | None:
    """What Envoy would refuse in a format of lines; ``None`` for one it accepts."""
    return first_fault(_WITHOUT_QUERY.sub("%REQ", text))


def fault_of_json(text: str) -> str | None:
    """What Envoy would refuse in a format of JSON objects, itself written as JSON."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return "it is not JSON"
    if not isinstance(fields, dict):
        return "it is not a JSON object"
    return fault_of_fields(fields)


def fault_of_fields(fields: Mapping[str, object]) -> str | None:
    """What Envoy would refuse in the fields of JSON objects."""
    return _fault_of_value(dict(fields), DEEPEST)


def _fault_of_value(value: object, depth: int) -> str | None:
    if depth < 0:
        return f"it is nested deeper than {DEEPEST}"
    inner: list[object] = []
    match value:
        case str():
            return (
                fault_of_line(value)
                if _is_unicode(value)
                else "it contains half of a surrogate pair"
            )
        case float() if not math.isfinite(value):
            return "JSON has no such number"
        case dict():
            if not all(map(_is_unicode, value)):
                return "it contains half of a surrogate pair"
            inner = list(value.values())
        case list():
            inner = value
    return next(
        (fault for v in inner if (fault := _fault_of_value(v, depth - 1)) is not None), None
    )


def _is_unicode(text: str) -> bool:
    """Whether it can be sent: JSON can write half of a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
