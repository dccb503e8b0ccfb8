"""Codes of EnvoyFilters."""

from typing import Final

from controlplane.base.codes.severities import warning
from controlplane.base.diagnostics import Code, Effect, Severity

PATCH_BREAKS: Final = Code(
    "CP0540",
    Severity.ERROR,
    Effect.NONE,
    "the patch makes a resource that Envoy would refuse, so it is not applied there",
)
PATCH_WITHOUT_PRIORITY: Final = warning(
    "CP0541", "what the patch does depends on what comes before it, and there is no priority"
)
PATCH_ORDER_BY_VERSION: Final = warning(
    "CP0542", "the patch has no priority, and another one is for some versions of proxies only"
)
PATCH_NAME_TAKEN: Final = warning(
    "CP0543", "the patch gives a resource a name that is taken, so the resource is not sent"
)
PATCH_SECRET_NOT_SENT: Final = warning(
    "CP0544", "the patch names a secret that the proxy is not sent"
)
PATCH_FINDS_NOTHING: Final = warning(
    "CP0545", "the patch finds nothing at any connected proxy that it is for"
)
