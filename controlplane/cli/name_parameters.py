"""Names of objects as commands accept them."""

import re
from typing import Final

import click

from controlplane.base.names import Namespace

_PART: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME: Final = re.compile(rf"{_PART}(\.{_PART})*")


def name_parameter(text: str) -> str:
    """The ``type`` of an option that takes a name that is valid in Kubernetes."""
    if len(text) > 253 or not _NAME.fullmatch(text):
        raise click.BadParameter(
            f'"{text}" is not made of lower-case letters, digits and, inside, dashes and dots'
        )
    return text


def namespace_parameter(text: str) -> Namespace:
    """The ``type`` of an option that takes a namespace."""
    if len(text) > 63 or "." in text:
        raise click.BadParameter(f'"{text}" is not a namespace: up to 63 characters without dots')
    return Namespace(name_parameter(text))
