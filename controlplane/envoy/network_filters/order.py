"""The order of network filters, as Istio has it.

Source: istio ``pilot/pkg/networking/core/listener_builder.go``.
"""

from enum import Enum, auto
from typing import Final


class Slot(Enum):
    """Where a filter acts on a connection."""

    EXTERNAL_AUTHORIZATION = auto()
    AUDIT = auto()
    DENY = auto()
    ALLOW = auto()
    READS = auto()
    LOOKS_UP = auto()
    TERMINAL = auto()


ORDER: Final = (
    Slot.EXTERNAL_AUTHORIZATION,  # the provider of CUSTOM policies is asked before all else
    Slot.AUDIT,  # only notes, so it also sees what the next two refuse
    Slot.DENY,  # what a policy denies is refused, whatever another allows
    Slot.ALLOW,  # what passes it is admitted
    Slot.READS,  # a protocol, only to count it
    Slot.LOOKS_UP,  # the address that the terminal filter then connects to
    Slot.TERMINAL,  # reads requests or forwards bytes, and so ends the chain
)
