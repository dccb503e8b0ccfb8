"""Generated meshes of what bears on a sidecar's listeners: services of every protocol, rules for
connections, DestinationRules and Sidecars, as YAML, and sidecars that look at them.
"""

from collections.abc import Mapping
from itertools import product
from typing import Final

from hypothesis import strategies as st

from controlplane.base.names import Namespace
from controlplane.model.proxy import ResolvedProxy, Role
from tests.support.service_meshes import ELSEWHERE, NAMESPACES, Document, rules, services

_API: Final = "networking.istio.io/v1"
_HOSTS: Final = ("shop.x.com", "pay.x.com", "*.x.com")
_EXPORTS: Final = ((), ("*",), (".",), ("b", ELSEWHERE))
HOSTS: Final = (*_HOSTS, "web.a.svc.cluster.local", "web.b.svc.cluster.local")
"""Every host that may be declared."""


def _entry(
    name: str,
    namespace: str,
    host: str,
    export: tuple[str, ...],
    protocol: str,
    addresses: tuple[str, ...],
) -> Document:
    spec = {
        "hosts": [host],
        "exportTo": export,
        "resolution": "NONE" if host.startswith("*") else "STATIC",
        "addresses": addresses,
        "ports": [{"number": 443, "name": "port", "protocol": protocol}],
    }
    return _object("ServiceEntry", namespace, name, spec)


def _calls(
    name: str,
    namespace: str,
    host: str,
    export: tuple[str, ...],
    match: Mapping[str, object],
    to: str,
) -> Document:
    route = [{"destination": {"host": to, "port": {"number": 443}}}]
    spec = {
        "hosts": [host],
        "exportTo": export,
        "tcp": [{"match": [match] if match else [], "route": route}],
        "tls": [{"match": [{"sniHosts": [host], **match}], "route": route}],
    }
    return _object("VirtualService", namespace, name, spec)


def _stream_route(
    name: str,
    namespace: str,
    parent: tuple[str, str, str],
    to: str,
    *,
    port: int,
    hostname: str,
) -> Document:
    """A TLSRoute where it has a hostname, else a TCPRoute, for calls of a service."""
    group, kind, of = parent
    ref: dict[str, object] = {"group": group, "kind": kind, "name": of, "namespace": "a"}
    backend = {"group": "networking.istio.io", "kind": "Hostname", "name": to, "port": 443}
    spec: dict[str, object] = {
        "parentRefs": [ref | ({"port": port} if port else {})],
        "rules": [{"backendRefs": [backend]}],
    }
    if hostname:
        spec["hostnames"] = [hostname]
    made = _object("TLSRoute" if hostname else "TCPRoute", namespace, name, spec)
    return {**made, "apiVersion": "gateway.networking.k8s.io/v1"}


def _scope(namespace: str, hosts: tuple[str, ...], selects: str) -> Document:
    spec: dict[str, object] = {"egress": [{"hosts": hosts}]}
    if selects:
        spec["workloadSelector"] = {"labels": {"app": selects}}
    return _object("Sidecar", namespace, f"scope{selects}", spec)


def _object(kind: str, namespace: str, name: str, spec: Mapping[str, object]) -> Document:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": _API, "kind": kind, "metadata": metadata, "spec": spec}


_in_some = st.sampled_from(NAMESPACES)
_entries = st.builds(
    _entry,
    st.sampled_from("st"),
    _in_some,
    st.sampled_from(_HOSTS),
    st.sampled_from(_EXPORTS),
    st.sampled_from(("HTTP", "TCP", "TLS", "MONGO", "")),
    st.sampled_from(((), ("10.1.0.1",), ("10.1.0.0/16",))),
)
_rules_for_calls = st.builds(
    _calls,
    st.sampled_from("vw"),
    _in_some,
    st.sampled_from(_HOSTS),
    st.sampled_from(_EXPORTS),
    st.sampled_from(
        (
            {},
            {"port": 443},
            {"sourceNamespace": "b"},
            {"sourceLabels": {"app": "front"}},
            {"destinationSubnets": ["10.2.0.0/16"]},
        )
    ),
    st.sampled_from(("shop.x.com", "pay.x.com", "web.a.svc.cluster.local")),
)
_scopes = st.builds(
    _scope,
    _in_some,
    st.sampled_from(
        (("*/*",), ("./*",), ("a/*", "~a/pay.x.com"), ("*/shop.x.com", "./*.cluster.local"))
    ),
    st.sampled_from(("", "front")),
)
_stream_routes = st.builds(
    _stream_route,
    st.sampled_from("st"),
    _in_some,
    st.sampled_from(
        (
            ("networking.istio.io", "ServiceEntry", "s"),
            ("networking.istio.io", "ServiceEntry", "t"),
            ("", "Service", "web"),
        )
    ),
    st.sampled_from(("shop.x.com", "pay.x.com", "web.a.svc.cluster.local")),
    port=st.sampled_from((0, 443, 80)),
    hostname=st.sampled_from(("", "", "shop.x.com", "*.x.com")),
)
documents: Final = st.one_of(
    _entries, _entries, _rules_for_calls, _stream_routes, _scopes, rules, services
)
"""One object; several of one name replace each other."""
SIDECARS: Final = tuple(
    ResolvedProxy(
        role=Role.SIDECAR,
        namespace=Namespace(namespace),
        labels=(("app", app),),
    )
    for namespace, app in product((*NAMESPACES, ELSEWHERE), ("front", "back"))
)
