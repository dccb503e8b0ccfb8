"""What an option says of where a service is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where a service is, or one subset or port of it. ``written`` is how the user says so."""

    written: str
    service: str
    subset: str | None = None
    port: str | None = None
    address: str = "127.0.0.1"
    number: int
