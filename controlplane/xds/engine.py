"""What the server needs of the rest of the control plane."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from controlplane.envoy.resource import Resource
from controlplane.model.proxy import Proxy
from controlplane.xds.node import Identity
from controlplane.xds.snapshot import Snapshot


class Engine(Protocol):
    """What the server needs of the engine."""

    @property
    def ready(self) -> asyncio.Event:
        """Set once the first load is complete; no proxy is answered before."""
        ...

    def snapshot(self, proxy: Proxy) -> Snapshot:
        """What ``proxy`` is to have now; the same object for proxies that get the same."""
        ...

    def changed(self) -> Iterable[Proxy]:
        """The proxies that are to have another snapshot than at the last call."""
        ...


OwnSecrets = Callable[[Proxy, Identity | None], Mapping[str, Resource]]
"""A proxy's own certificate and trust bundle, by the name it asks for."""
