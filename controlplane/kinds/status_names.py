"""The names in a ``status`` are compared with those that its kind has."""

from collections.abc import Mapping

from controlplane.base.codes import UNKNOWN_FIELD
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef, path_text
from controlplane.base.nearest import nearest
from controlplane.kinds.served import StatusNames


def report_unknown_names(report: Report, at: FieldRef, known: StatusNames, status: object) -> None:
    """Report each field that the kind does not have; values of another type are passed over."""
    if not known:
        return
    if isinstance(status, list):
        for i, item in enumerate(status):
            report_unknown_names(report, at / i, known, item)
    if isinstance(status, Mapping):
        for name, value in status.items():
            if name in known:
                report_unknown_names(report, at / name, known[name], value)
            else:
                near = nearest(name, known)
                hint = f'rename it to "{near}"' if near else "remove it"
                message = f'{path_text(at.path)[1:]} has no field "{name}"'
                report.add(UNKNOWN_FIELD, (at / name).key, message, hint=hint)
