"""Codes of the control plane itself: CP06xx."""

from typing import Final

from controlplane.base.codes.severities import refused, warning

# Operation
FIXED_SINCE_START: Final = warning("CP0620", "the field cannot change while the control plane runs")
INTERNAL_ERROR: Final = refused("CP0601", "internal error of the control plane; please report it")

# Registration of workloads
REGISTERS_FROM_ELSEWHERE: Final = warning(
    "CP0640", "a proxy's address is not the one that it connects from"
)
REGISTERS_WITH_OTHER_ACCOUNT: Final = warning(
    "CP0641", "a proxy's token is for another service account than its group's"
)
REGISTERS_UNREACHABLE: Final = warning("CP0642", "no other host reaches a proxy at its address")
PROBE_NOT_MADE: Final = warning("CP0643", "the probe is of a kind that Envoys do not make")
