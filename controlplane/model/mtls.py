"""Whether a workload accepts plaintext, mutual TLS of the mesh, or both, port by port.

Source: https://istio.io/latest/docs/reference/config/security/peer_authentication/ and Istio
``authn/policy_applier.go`` (``ComposePeerAuthentication``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from controlplane.base.names import PortNumber


class MtlsMode(Enum):
    DISABLE = "DISABLE"
    """Plaintext only."""
    PERMISSIVE = "PERMISSIVE"
    """Both."""
    STRICT = "STRICT"
    """Mutual TLS only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MtlsLevel:
    """What one policy says; ``None`` inherits, of a port the mode of its workload."""

    mode: MtlsMode | None = None
    ports: tuple[tuple[PortNumber, MtlsMode | None], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MtlsPolicy:
    """What holds for a workload. ``ports`` are its own ports, sorted, also those that only repeat
    ``mode``: each has filter chains of its own.
    """

    mode: MtlsMode = MtlsMode.PERMISSIVE
    ports: tuple[tuple[PortNumber, MtlsMode], ...] = ()

    def of(self, port: int) -> MtlsMode:
        """What a port of the workload accepts."""
        return next((mode for number, mode in self.ports if number == port), self.mode)


NO_POLICY: Final = MtlsPolicy()


def effective(levels: Iterable[MtlsLevel]) -> MtlsPolicy:
    """The policy of levels that override each other, the widest first; ports are of the last that
    has any.
    """
    mode = MtlsMode.PERMISSIVE
    ports: tuple[tuple[PortNumber, MtlsMode | None], ...] = ()
    for level in levels:
        mode = level.mode or mode
        ports = level.ports or ports
    return MtlsPolicy(mode=mode, ports=tuple(sorted((port, own or mode) for port, own in ports)))
