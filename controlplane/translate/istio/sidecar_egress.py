"""The egress side of a Sidecar: what is imported, where is listened for it, what becomes of the
rest.

Source: https://istio.io/latest/docs/reference/config/networking/sidecar/
"""

from typing import assert_never

from controlplane.base.names import Host, Namespace, PortNumber
from controlplane.kinds.istio.mesh_config import MeshConfig, OutboundMode as MeshMode
from controlplane.kinds.istio.sidecar import (
    CaptureMode,
    EgressListener as ListenerSpec,
    OutboundMode,
    OutboundTrafficPolicy,
    Sidecar,
)
from controlplane.model.cluster_name import outbound
from controlplane.model.egress import (
    EVERY_NAMESPACE,
    EVERY_PORT,
    EgressListener,
    ImportedHosts,
    Imports,
    LookUp,
    PassOn,
    Refuse,
    UnknownTraffic,
)
from controlplane.translate.protocol import protocol_of_word

_EXCLUDED = "~"
_OWN = "."


def egress_listeners(sidecar: Sidecar, namespace: Namespace) -> tuple[EgressListener, ...]:
    """The listeners in their order; ``.`` is ``namespace``. Without any, everything is imported."""
    return tuple(_listener(spec, namespace) for spec in sidecar.egress) or (EVERY_PORT,)


def names_own_namespace(sidecar: Sidecar) -> bool:
    """Whether a host is of ``.``, so that the namespace of the proxy decides what is imported."""
    return any(
        host.removeprefix(_EXCLUDED).startswith(f"{_OWN}/")
        for listener in sidecar.egress
        for host in listener.hosts
    )


def unknown_traffic(sidecar: Sidecar | None, mesh: MeshConfig) -> UnknownTraffic:
    """What becomes of calls to what is not imported, as the Sidecar says, else the mesh."""
    if sidecar is not None and sidecar.outbound_traffic_policy is not None:
        return _of_sidecar(sidecar.outbound_traffic_policy)
    match mesh.outbound_traffic_policy.mode:
        case MeshMode.ALLOW_ANY:
            return PassOn()
        case MeshMode.REGISTRY_ONLY:
            return Refuse()
        case MeshMode.ALLOW_ANY_DYNAMIC_DNS:
            return LookUp()
    assert_never(mesh.outbound_traffic_policy.mode)


def _of_sidecar(policy: OutboundTrafficPolicy) -> UnknownTraffic:
    match policy.mode:
        case OutboundMode.REGISTRY_ONLY:
            return Refuse()
        case OutboundMode.ALLOW_ANY:
            to = policy.egress_proxy
            if to is None:
                return PassOn()
            port = PortNumber(to.port.number if to.port is not None else 0)
            return PassOn(outbound(port, to.subset, Host(to.host)))
    assert_never(policy.mode)


def _listener(spec: ListenerSpec, namespace: Namespace) -> EgressListener:
    port = spec.port
    return EgressListener(
        imports=Imports(tuple(_hosts(text, namespace) for text in spec.hosts if "/" in text)),
        port=None if port is None else PortNumber(port.number),
        protocol=protocol_of_word("" if port is None else port.protocol),
        bind=spec.bind,
        binds=spec.capture_mode is CaptureMode.NONE or spec.bind.startswith("unix://"),
    )


def _hosts(text: str, namespace: Namespace) -> ImportedHosts:
    """``NAMESPACE/HOST``; the namespace after ``~`` may be left out, and is then every one."""
    written, _, host = text.partition("/")
    is_excluded = written.startswith(_EXCLUDED)
    name = written.removeprefix(_EXCLUDED) or EVERY_NAMESPACE
    return ImportedHosts(namespace if name == _OWN else Namespace(name), Host(host), is_excluded)
