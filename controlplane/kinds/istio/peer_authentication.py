"""PeerAuthentication.

Source: https://istio.io/latest/docs/reference/config/security/peer_authentication/
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.istio.selection import LabelSelector
from controlplane.kinds.spec import Spec


class PeerMode(Enum):
    """``UNSET`` inherits from the level above."""

    UNSET = "UNSET"
    DISABLE = "DISABLE"
    PERMISSIVE = "PERMISSIVE"
    STRICT = "STRICT"


class MutualTls(Spec, frozen=True):
    mode: PeerMode = PeerMode.UNSET


class PeerAuthentication(Spec, frozen=True):
    selector: LabelSelector | None = None
    mtls: MutualTls | None = None
    port_level_mtls: Mapping[str, MutualTls] = {}
    """By port of the workload, not of a Service; the keys are digits, 1 to 65535."""


PEER_AUTHENTICATION: Final[Kind[PeerAuthentication]] = Kind(
    "security.istio.io", "PeerAuthentication"
)
PeerAuthenticationKey = ObjectKey[PeerAuthentication]
