"""``headers`` of a rule or a destination: which may be set, added and removed, and to what.

Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#Headers
"""

from collections.abc import Iterator, Mapping

from controlplane.base.codes import MUTUALLY_EXCLUSIVE, NO_EFFECT, NOT_ALLOWED_HERE, VALUE_MALFORMED
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.virtual_service import HeaderOperations, Headers, HttpRewrite
from controlplane.kinds.validation.header_values import header_value_fault


def check_headers(report: Report, at: FieldRef, headers: Headers | None) -> None:
    if headers is None:
        return
    if headers.request is not None:
        place = at / "headers" / "request"
        for where, name, value in _values(place, headers.request):
            _check_request_name(report, where, name)
            _check_value(report, where, name, value)
        _warn_of_empty(report, place / "set", headers.request)
        _check_removed(report, place, headers.request)
    if headers.response is not None:
        place = at / "headers" / "response"
        for where, name, value in _values(place, headers.response):
            _check_name(report, where.key, name)
            _check_value(report, where, name, value)
        _check_removed(report, place, headers.response)


def check_authority_once(
    report: Report, at: FieldRef, rewrite: HttpRewrite | None, headers: Headers | None
) -> None:
    """Only one place of a rule may rewrite the authority."""
    current = rewrite.authority if rewrite is not None else ""
    if headers is None or headers.request is None:
        return
    for where, name, value in _values(at / "headers" / "request", headers.request):
        if not _is_authority(name):
            continue
        if current:
            message = f'the authority is already set to "{current}", and here to "{value}"'
            report.add(MUTUALLY_EXCLUSIVE, where.key, message, hint="keep one of them")
        current = value


def _values(at: FieldRef, operations: HeaderOperations) -> Iterator[tuple[FieldRef, str, str]]:
    named: tuple[tuple[str, Mapping[str, str]], ...] = (
        ("set", operations.set),
        ("add", operations.add),
    )
    for operation, values in named:
        for name, value in values.items():
            yield at / operation / name, name, value


def _check_removed(report: Report, at: FieldRef, operations: HeaderOperations) -> None:
    for i, name in enumerate(operations.remove):
        _check_name(report, at / "remove" / i, name)


def _check_request_name(report: Report, at: FieldRef, name: str) -> None:
    if not _is_authority(name):
        _check_name(report, at.key, name)


def _check_name(report: Report, at: FieldRef, name: str) -> None:
    if not name:
        report.add(VALUE_MALFORMED, at, "the header's name is empty")
    elif name.startswith(":"):
        message = f'"{name}" is a pseudo header, which cannot be changed here'
        report.add(NOT_ALLOWED_HERE, at, message)
    elif name.lower() == "host":
        message = f'"{name}" cannot be changed here, only set in a request'
        report.add(NOT_ALLOWED_HERE, at, message)


def _check_value(report: Report, at: FieldRef, name: str, value: str) -> None:
    fault = header_value_fault(value)
    if fault is not None:
        report.add(VALUE_MALFORMED, at, f'the value "{value}" of header "{name}" {fault}')


def _warn_of_empty(report: Report, at: FieldRef, operations: HeaderOperations) -> None:
    for name, value in operations.set.items():
        if not value:
            message = f'the empty value of header "{name}" does not overwrite what the client sent'
            report.add(NO_EFFECT, at / name, message, hint=f"remove the header: remove: [{name}]")


def _is_authority(name: str) -> bool:
    return name.lower() in (":authority", "host")
