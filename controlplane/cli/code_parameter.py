"""Codes of diagnostics as commands accept them: ``CP0301``, in upper or lower case, or ``301``."""

import click

from controlplane.base.codes import BY_ID
from controlplane.base.diagnostics import Code
from controlplane.cli.output import printable
from controlplane.cli.suggestions import did_you_mean


def code_parameter(text: str) -> Code:
    """The ``type`` of an option or argument that takes a code."""
    digits = text.upper().removeprefix("CP")
    found = BY_ID.get(f"CP{digits:0>4}")
    if found is None:
        raise click.BadParameter(f'"{printable(text)}" is no code{did_you_mean(text, BY_ID)}')
    return found
