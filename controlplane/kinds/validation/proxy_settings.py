"""What an object ProxyConfig must be.

Source: https://istio.io/latest/docs/reference/config/networking/proxy-config/, its CRD, Istio
``pkg/config/validation/validation.go`` (ValidateProxyConfig)
"""

from typing import Final

from controlplane.base.codes import NO_EFFECT, VALUE_OUT_OF_RANGE, WRONG_SIZE
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.proxy_settings import ProxySettings
from controlplane.kinds.proxy_config import check_variables
from controlplane.kinds.validation.checks import SELECTOR_LABELS_LIMIT, About, check_selector

VALUE_LIMIT: Final = 2048  # bytes; the CRD's rule for environmentVariables


def proxy_settings(report: Report, at: FieldRef, spec: ProxySettings, about: About) -> None:
    del about
    if spec.selector is not None:
        place, labels = at / "selector", spec.selector.match_labels
        check_selector(report, place / "matchLabels", labels, SELECTOR_LABELS_LIMIT)
        if not labels:
            message = "the selector has no labels, so it selects nobody"
            hint = "remove it to mean the whole namespace, or give it matchLabels"
            report.add(NO_EFFECT, place, message, hint=hint)
    if spec.concurrency is not None and spec.concurrency < 0:
        message = f"concurrency {spec.concurrency} is below 0"
        report.add(VALUE_OUT_OF_RANGE, at / "concurrency", message)
    for name, value in spec.environment_variables.items():
        size = len(value.encode())
        if size > VALUE_LIMIT:
            message = f"the value is {size} bytes long (at most {VALUE_LIMIT})"
            report.add(WRONG_SIZE, at / "environmentVariables" / name, message)
    check_variables(report, at / "environmentVariables", spec.environment_variables)
