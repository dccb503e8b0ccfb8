"""Faults of the world (files, ports, sockets, keys), as exceptions. A user's faults are
diagnostics instead.

ControlPlaneError
├── ListenFailed        a port cannot be opened
├── StateUnusable       the state directory cannot be read or written, or is open to others
├── StateHeld           another control plane has the state directory
├── ConfigMissing       a path that --config names does not exist
├── ServiceUnknown      an option connects a service that is not declared
├── KeyUnusable         a key or certificate of the authority cannot be used
│   └── KeyLost         its file holds nothing that can be read
├── TokenRefused        a proxy's token is missing, forged, expired or for another use
├── EnvoyMissing        there is no Envoy to start
├── ProxyUnknown        a command asked for a proxy that is not connected
├── ObjectUnknown       a command asked for an object that is not in force
└── AdminUnreachable    a command asked a control plane that does not answer
"""


class ControlPlaneError(Exception):
    """A fault of the world. ``exit_status`` is what a command that ends with it exits with."""

    exit_status = 3

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ListenFailed(ControlPlaneError):
    """A port cannot be opened."""


class StateUnusable(ControlPlaneError):
    """The state directory cannot be read or written, or others may read it."""


class StateHeld(ControlPlaneError):
    """Another control plane has the state directory."""


class ConfigMissing(ControlPlaneError):
    """A path that ``--config`` names does not exist."""

    exit_status = 2


class ServiceUnknown(ControlPlaneError):
    """An option connects a service, a subset or a port that is not declared."""

    exit_status = 2


class KeyUnusable(ControlPlaneError):
    """A key or certificate of the authority cannot be used."""


class KeyLost(KeyUnusable):
    """The file of a key holds nothing that can be read."""


class TokenRefused(ControlPlaneError):
    """A proxy's token is missing, forged, expired or meant for another use."""


class AdminUnreachable(ControlPlaneError):
    """A command asked a control plane that does not answer."""


class EnvoyMissing(ControlPlaneError):
    """``up`` finds no Envoy to start."""


class ProxyUnknown(ControlPlaneError):
    """A command asked for a proxy that is not connected."""

    exit_status = 1


class ObjectUnknown(ControlPlaneError):
    """A command asked for an object that is not in force, or of which there are several."""

    exit_status = 1


def fault_of_the_world(group: BaseExceptionGroup[BaseException]) -> ControlPlaneError | None:
    """The first ``ControlPlaneError`` in ``group``, however deep task groups have wrapped it."""
    for error in group.exceptions:
        if isinstance(error, ControlPlaneError):
            return error
        if isinstance(error, BaseExceptionGroup):
            found = fault_of_the_world(error)
            if found is not None:
                return found
    return None
