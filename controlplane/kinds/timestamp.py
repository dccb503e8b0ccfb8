"""Times as Kubernetes writes them: RFC 3339, in UTC, whole seconds.

Source: https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#Time
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_TIME: Final = re.compile(
    r"(?P<moment>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,][0-9]+)?"
    r"(?:Z|(?P<sign>[+-])(?P<hours>[0-9]{2}):(?P<minutes>[0-9]{2}))"
)


def in_utc(text: str) -> str | None:
    """The moment that ``text`` says, so that moments compare as their texts do; ``None`` where it
    is not of RFC 3339.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    try:
        ahead = timedelta(hours=int(found["hours"] or 0), minutes=int(found["minutes"] or 0))
        zone = timezone(-ahead if found["sign"] == "-" else ahead)
        moment = datetime.fromisoformat(found["moment"]).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):  # a 13th month, or a moment before the first year
        return None
    return moment.replace(tzinfo=None).isoformat() + "Z"
