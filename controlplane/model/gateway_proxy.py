"""A gateway that a configuration implies, before an Envoy runs for it."""

from dataclasses import dataclass
from typing import Final

from controlplane.base.names import Namespace, ObjectKey
from controlplane.model.proxy import Labels

GATEWAY_NAME: Final = "gateway.networking.k8s.io/gateway-name"
"""The label by which a Gateway of the Gateway API selects its proxy."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class GatewayProxy:
    """A gateway to run.

    ``address`` is the IP address that it must listen on, where its Gateway asks for one.
    ``gateway`` is the Gateway that it is for alone, if there is such a one.
    """

    namespace: Namespace
    name: str
    labels: Labels
    service_account: str
    address: str | None = None
    gateway: ObjectKey | None = None

    def __str__(self) -> str:
        return f"{self.name}.{self.namespace}"


@dataclass(frozen=True, slots=True, order=True)
class ListenPort:
    """A port that is listened on; UDP and TCP do not meet there."""

    number: int
    is_udp: bool = False
