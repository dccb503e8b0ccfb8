"""The usual combinations of a code's severity with what it does to its object."""

from controlplane.base.diagnostics import Code, Effect, Severity


def refused(number: str, meaning: str) -> Code:
    return Code(number, Severity.ERROR, Effect.REFUSED, meaning)


def dangling(number: str, meaning: str) -> Code:
    return Code(number, Severity.ERROR, Effect.DANGLING, meaning)


def warning(number: str, meaning: str) -> Code:
    return Code(number, Severity.WARNING, Effect.NONE, meaning)


def info(number: str, meaning: str) -> Code:
    return Code(number, Severity.INFO, Effect.NONE, meaning)
