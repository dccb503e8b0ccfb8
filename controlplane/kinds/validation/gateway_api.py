"""The rules of the Gateway API's kinds that their structs do not have.

Source: the CRDs of Gateway API v1.6.1
"""

from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.spec import Spec
from controlplane.kinds.validation.checks import About


def gateway_api(report: Report, at: FieldRef, spec: Spec, about: About) -> None:
    del report, at, spec, about
