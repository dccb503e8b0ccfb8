"""EndpointSlice (discovery.k8s.io/v1) and Endpoints (core/v1).

Source: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/
"""

from collections.abc import Mapping
from typing import Final

from controlplane.base.names import Kind
from controlplane.kinds.spec import Spec

SERVICE_NAME_LABEL: Final = "kubernetes.io/service-name"


class ObjectReference(Spec, frozen=True):
    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    field_path: str = ""


class Conditions(Spec, frozen=True):
    """``ready`` unset means ready."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class ZoneHint(Spec, frozen=True):
    name: str = ""


class Hints(Spec, frozen=True):
    for_zones: tuple[ZoneHint, ...] = ()
    for_nodes: tuple[ZoneHint, ...] = ()


class SliceEndpoint(Spec, frozen=True):
    addresses: tuple[str, ...] = ()
    conditions: Conditions = Conditions()
    hostname: str = ""
    target_ref: ObjectReference | None = None
    node_name: str = ""
    zone: str = ""
    deprecated_topology: Mapping[str, str] = {}
    hints: Hints | None = None


class EndpointPort(Spec, frozen=True):
    name: str = ""
    port: int = 0
    protocol: str = "TCP"
    app_protocol: str | None = None


class SlicePort(Spec, frozen=True):
    """``port`` unset is no port that could be connected to: all of them are meant."""

    name: str = ""
    port: int | None = None
    protocol: str = "TCP"
    app_protocol: str | None = None


class EndpointSlice(Spec, frozen=True):
    address_type: str = ""
    endpoints: tuple[SliceEndpoint, ...] = ()
    ports: tuple[SlicePort, ...] = ()


class EndpointAddress(Spec, frozen=True):
    ip: str = ""
    hostname: str = ""
    node_name: str = ""
    target_ref: ObjectReference | None = None


class EndpointSubset(Spec, frozen=True):
    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Endpoints(Spec, frozen=True):
    subsets: tuple[EndpointSubset, ...] = ()


ENDPOINT_SLICE: Final[Kind[EndpointSlice]] = Kind("discovery.k8s.io", "EndpointSlice")
ENDPOINTS: Final[Kind[Endpoints]] = Kind("", "Endpoints")
