"""Codes of Telemetry and of access logs."""

from typing import Final

from controlplane.base.codes.severities import refused, warning

CEL_REFUSED: Final = refused("CP0801", "the text is not a CEL expression")
TELEMETRY_WITHOUT_EFFECT: Final = warning(
    "CP0802", "an older Telemetry is for all workloads of the namespace, too"
)
TELEMETRIES_OVERLAP: Final = warning("CP0803", "an older Telemetry applies to the same workload")
LOG_PROVIDER_UNUSABLE: Final = warning("CP0804", "a provider that is named for logs gets none")
LOGGING_WITHOUT_PROVIDER: Final = warning(
    "CP0805", "the entry of accessLogging is about no provider, so it has no effect"
)
LOG_FILTER_REFUSED: Final = warning(
    "CP0806", "Envoy would refuse the filter of a log, so the log is left out"
)
ATTRIBUTE_UNKNOWN: Final = warning(
    "CP0807", "an expression asks for an attribute that Envoy does not have"
)
METRICS_NOT_COUNTED: Final = warning("CP0810", "metrics are not counted as a Telemetry wants")
