"""``--local NAME[.NAMESPACE][/SUBSET][:PORTNAME]=[HOST:]PORT``: where a service is."""

import re
from typing import Final

import click

from controlplane.model.connection import Connection

_WRITTEN: Final = re.compile(
    r"(?P<service>[A-Za-z0-9.-]+)(?:/(?P<subset>[^/:=]+))?(?::(?P<port>[A-Za-z0-9-]+))?"
    r"=(?:(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:=/]+):)?(?P<number>[0-9]{1,5})"
)
FORM: Final = "NAME[.NAMESPACE][/SUBSET][:PORTNAME]=[HOST:]PORT"


def connection(text: str) -> Connection:
    """The ``type`` of an option that connects a service."""
    found = _WRITTEN.fullmatch(text)
    number = int(found["number"]) if found is not None else 0
    if found is None or not 0 < number < 65536:
        raise click.BadParameter(
            f'"{text}" is not {FORM}, such as reviews=9080 or reviews/v2=127.0.0.1:9082'
        )
    return Connection(
        written=text,
        service=found["service"],
        subset=found["subset"],
        port=found["port"],
        address=(found["host"] or "127.0.0.1").strip("[]"),
        number=number,
    )
