"""A gRPC service beside ADS, on its port."""

from typing import Protocol

import grpc

from controlplane.xds.fault_log import FaultLog
from controlplane.xds.greeting import Authenticate


class Service(Protocol):
    """What the server needs of a service."""

    def handler(self, authenticate: Authenticate, faults: FaultLog) -> grpc.GenericRpcHandler:
        """What serves it; ``authenticate`` and ``faults`` are those of ADS."""
        ...
