"""Codes of Telemetry and of access logs."""

from typing import Final

from controlplane.base.codes.severities import refused, warning

CEL_REFUSED: Final = refused("CP0801", "the text is not a CEL expression")
TELEMETRY_WITHOUT_EFFECT: Final = warning(
    "CP0802", "an older Telemetry is for all workloads of the namespace, too"
)
TELEMETRIES_OVERLAP: Final = warning("CP0803", "an older Telemetry applies to the same workload")
