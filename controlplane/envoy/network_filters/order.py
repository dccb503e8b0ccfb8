"""The order of network filters, as Istio has it.

Source: istio ``pilot/pkg/networking/core/listener_builder.go``.
"""

from enum import Enum, auto
from typing import Final


class Slot(Enum):
    """Where a filter acts on a connection."""

    EXTERNAL_AUTHORIZATION = auto()
    EXTENSION_AUTHN = auto()
    EXTENSION_AUTHZ = auto()
    AUDIT = auto()
    DENY = auto()
    ALLOW = auto()
    EXTENSION_STATS = auto()
    EXTENSION = auto()
    READS = auto()
    LOOKS_UP = auto()
    TERMINAL = auto()


ORDER: Final = (
    Slot.EXTERNAL_AUTHORIZATION,  # the provider of CUSTOM policies is asked before all else
    Slot.EXTENSION_AUTHN,  # the user's own way to tell who calls
    Slot.EXTENSION_AUTHZ,  # the user's own decisions
    Slot.AUDIT,  # only notes, so it also sees what the next two refuse
    Slot.DENY,  # what a policy denies is refused, whatever another allows
    Slot.ALLOW,  # what passes it is admitted
    Slot.EXTENSION_STATS,  # sees what was admitted
    Slot.EXTENSION,  # the user's other filters
    Slot.READS,  # a protocol, only to count it
    Slot.LOOKS_UP,  # the address that the terminal filter then connects to
    Slot.TERMINAL,  # reads requests or forwards bytes, and so ends the chain
)
