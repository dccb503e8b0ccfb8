"""Where a proxy writes what it did, and in which form."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLog:
    """One line for each request or connection, in text or, when ``json`` is given, as a JSON
    object.

    Both are formats of Envoy's; an empty one is Istio's default.
    """

    path: str
    line: str = ""
    json: str | None = None
