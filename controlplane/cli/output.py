"""Where all that commands print goes out."""

import click


def say(text: str) -> None:
    """Print to standard output what a command was asked for."""
    click.echo(text)


def complain(text: str) -> None:
    """Print to standard error what went wrong, or what a person should know."""
    click.echo(text, err=True)
