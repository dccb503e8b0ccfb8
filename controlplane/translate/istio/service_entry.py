"""A ServiceEntry becomes a service for each of its hosts, and its inline endpoints become
endpoints.

Source: https://istio.io/latest/docs/reference/config/networking/service-entry/
"""

from collections.abc import Mapping
from typing import Final

from controlplane.base.names import Host, PortNumber
from controlplane.kinds.istio.service_entry import (
    EntryResolution,
    Location,
    ServiceEntry,
    ServicePort as PortSpec,
)
from controlplane.kinds.object import Object
from controlplane.model.endpoint import Endpoint
from controlplane.model.proxy import labels_of
from controlplane.model.service import Origin, Resolution, Service, ServicePort
from controlplane.model.visibility import visibility
from controlplane.translate.protocol import protocol_of_word
from controlplane.translate.traffic_distribution import TRAFFIC_DISTRIBUTION, traffic_distribution
from controlplane.translate.workload import endpoint

CONNECT_STRATEGY: Final = "istio.io/connect-strategy"
RACE: Final = "RACE_FIRST_TCP_CONNECT"
_RESOLUTIONS: Final[Mapping[EntryResolution, Resolution]] = {
    EntryResolution.NONE: Resolution.NONE,
    EntryResolution.STATIC: Resolution.ENDPOINTS,
    EntryResolution.DNS: Resolution.DNS,
    EntryResolution.DNS_ROUND_ROBIN: Resolution.DNS_ROUND_ROBIN,
    EntryResolution.DYNAMIC_DNS: Resolution.DYNAMIC_DNS,
}


def service(
    declared: Object[ServiceEntry],
    host: Host,
    *,
    default_export_to: tuple[str, ...] = (),
    namespace_distribution: str | None = None,
) -> Service:
    """The service of one of the hosts of ``declared``."""
    spec = declared.spec
    return Service(
        host=host,
        namespace=declared.namespace,
        name=host,
        origin=Origin.ENTRY,
        declared_by=(declared.key,),
        ports=tuple(_port(port) for port in spec.ports),
        resolution=_RESOLUTIONS[spec.resolution],
        is_external=spec.location is Location.MESH_EXTERNAL,
        visibility=visibility(spec.export_to or default_export_to, declared.namespace),
        addresses=spec.addresses,
        selector=(
            None
            if spec.workload_selector is None
            else labels_of(dict(spec.workload_selector.labels))
        ),
        subject_alt_names=spec.subject_alt_names,
        traffic_distribution=traffic_distribution(
            declared.annotations.get(TRAFFIC_DISTRIBUTION), namespace_distribution
        ),
        first_connect_wins=declared.annotations.get(CONNECT_STRATEGY) == RACE,
        labels=labels_of(dict(declared.labels)),
        created=declared.created,
    )


def listed_endpoints(
    declared: Object[ServiceEntry], host: Host, port: PortSpec
) -> tuple[Endpoint, ...]:
    """The endpoints that ``declared`` lists for one of its ports.

    With DNS and nothing listed the host itself is looked up.
    """
    spec = declared.spec
    target = port.target_port or port.number
    if spec.endpoints:
        return tuple(
            endpoint(entry, declared.namespace, port.name, target) for entry in spec.endpoints
        )
    if _RESOLUTIONS[spec.resolution].uses_dns and spec.workload_selector is None:
        return (Endpoint(address=host, port=target),)
    return ()


def _port(port: PortSpec) -> ServicePort:
    return ServicePort(
        number=PortNumber(port.number),
        name=port.name,
        protocol=protocol_of_word(port.protocol),
        target=port.target_port or port.number,
    )
