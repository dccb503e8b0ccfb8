"""Generated meshes of services, VirtualServices and routes that get in each other's way, as seen by
sidecars of two namespaces. The vocabulary is small on purpose.
"""

import json
from typing import Final

from hypothesis import strategies as st

from tests.support.mesh_routes import sidecar

Document = dict[str, object]

NAMESPACES: Final = ("a", "b", "c")
SIDECARS: Final = tuple(
    sidecar(namespace, labels)
    for namespace in NAMESPACES
    for labels in ((), (("app", "web"),), (("app", "web"), ("tier", "front")))
)
_PORTS: Final = (
    [{"name": "http", "port": 80}],
    [{"name": "tcp", "port": 80}],
    [{"name": "main", "port": 80}],
    [{"name": "http", "port": 8080}],
    [{"name": "http", "port": 80}, {"name": "grpc", "port": 8080}],
)
_ENTRY_HOSTS: Final = (
    "x.a",
    "x",
    "*.example.com",
    "a.example.com",
    "A.example.com",
    "x.a.svc.cluster.local",
    "*.x.a",
)
_RULE_HOSTS: Final = (
    ["x"],
    ["x.a.svc.cluster.local"],
    ["x.a", "y.b.svc"],
    ["x", "x.a", "other.example.org"],
    ["*.example.com", "*.x.a"],
    ["a.example.com"],
    ["*.a.svc.cluster.local"],
    ["10.0.0.1", "y"],
    ["z", "x.a.svc"],
    ["*.com", "y.b.svc.cluster.local"],
)
_EXPORTS: Final[tuple[list[str], ...]] = ([], [], ["*"], ["."], ["b"], ["a", "c"])
_MATCHES: Final[tuple[list[Document], ...]] = (
    [],
    [{"port": 80}],
    [{"port": 8080}],
    [{"sourceNamespace": "a"}],
    [{"sourceLabels": {"app": "web"}}],
    [{"sourceLabels": {"tier": "front"}}, {"sourceNamespace": "b", "sourceLabels": {"app": "web"}}],
    [{"gateways": ["mesh"]}],
    [{"gateways": ["a/gw"]}],
    [{"uri": {"prefix": "/p"}}],
)


_VERSIONS: Final = {"Service": "v1", "HTTPRoute": "gateway.networking.k8s.io/v1"}
_ENTRY_KIND: Final = {"group": "networking.istio.io", "kind": "ServiceEntry"}
_PARENTS: Final[tuple[Document, ...]] = (
    {"group": "", "kind": "Service", "name": "x", "namespace": "a"},
    {"group": "", "kind": "Service", "name": "x", "namespace": "a", "port": 80},
    {"group": "", "kind": "Service", "name": "x"},
    {"group": "", "kind": "Service", "name": "z", "namespace": "b", "port": 8080},
    {**_ENTRY_KIND, "name": "a-example-com", "namespace": "a"},
    {**_ENTRY_KIND, "name": "x-a-svc-cluster-local"},
    {**_ENTRY_KIND, "name": "any-example-com", "namespace": "b"},
)


def _named(parent: Document) -> object:
    """Parents must differ by more than their ports."""
    return parent["name"], parent.get("namespace")


_BACKENDS: Final[tuple[Document, ...]] = (
    {"name": "x", "namespace": "a", "port": 80},
    {"name": "y", "port": 80},
    {"group": "networking.istio.io", "kind": "Hostname", "name": "a.example.com", "port": 8080},
)


def _object(kind: str, name: str, namespace: str, spec: Document, **more: object) -> Document:
    group = _VERSIONS.get(kind, "networking.istio.io/v1")
    metadata = {"name": name, "namespace": namespace, **more}
    return {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": spec}


def _service(
    name: str, namespace: str, ports: list[Document], address: str | None, exports: list[str]
) -> Document:
    spec: Document = {"ports": ports}
    if address is not None:
        spec["clusterIP"] = address
    exported = {"networking.istio.io/exportTo": ",".join(exports)} if exports else {}
    return _object("Service", name, namespace, spec, annotations=exported)


def _alias(name: str, namespace: str, target: str) -> Document:
    spec: Document = {
        "type": "ExternalName",
        "externalName": target,
        "ports": [{"name": "http", "port": 80}],
    }
    return _object("Service", name, namespace, spec)


def _entry(
    host: str, namespace: str, port: Document, addresses: list[str], exports: list[str]
) -> Document:
    name = host.replace("*", "any").replace(".", "-").lower()
    spec: Document = {"hosts": [host], "ports": [port], "resolution": "STATIC"}
    if addresses:
        spec["addresses"] = addresses
    if exports:
        spec["exportTo"] = exports
    return _object("ServiceEntry", name, namespace, spec)


def _virtual_service(
    name: str,
    namespace: str,
    hosts: list[str],
    rules: list[tuple[list[Document], str]],
    exports: list[str],
) -> Document:
    http = [
        {"route": [{"destination": {"host": to}}], **({"match": match} if match else {})}
        for match, to in rules
    ]
    spec: Document = {"hosts": hosts, "http": http, "gateways": ["mesh", "a/gw"]}
    if exports:
        spec["exportTo"] = exports
    return _object("VirtualService", name, namespace, spec)


def _route(
    name: str, namespace: str, parents: list[Document], rules: list[tuple[str, Document]]
) -> Document:
    spec: Document = {
        "parentRefs": parents,
        "rules": [
            {"matches": [{"path": {"value": path}}], "backendRefs": [to]} for path, to in rules
        ],
    }
    return _object("HTTPRoute", name, namespace, spec)


def _rule(host: str, namespace: str, header: str, exports: list[str]) -> Document:
    balancer = {"loadBalancer": {"consistentHash": {"httpHeaderName": header}}}
    spec: Document = {"host": host, "trafficPolicy": balancer}
    if exports:
        spec["exportTo"] = exports
    return _object("DestinationRule", header, namespace, spec)


_namespaces: Final = st.sampled_from(NAMESPACES)
_exports: Final = st.sampled_from(_EXPORTS)
_destinations: Final = st.sampled_from(("x", "y.b.svc.cluster.local", "a.example.com", "z"))
documents: Final = st.one_of(
    st.builds(
        _service,
        st.sampled_from(("x", "y")),
        _namespaces,
        st.sampled_from(_PORTS),
        st.sampled_from((None, "None", "10.0.0.1", "10.0.0.2")),
        _exports,
    ),
    st.builds(
        _alias,
        st.sampled_from(("z", "y")),
        _namespaces,
        st.sampled_from(("x.a.svc.cluster.local", "z.b.svc.cluster.local", "a.example.com")),
    ),
    st.builds(
        _entry,
        st.sampled_from(_ENTRY_HOSTS),
        _namespaces,
        st.sampled_from(
            (
                {"number": 80, "name": "http", "protocol": "HTTP"},
                {"number": 8080, "name": "http", "protocol": "HTTP"},
                {"number": 80, "name": "tcp", "protocol": "TCP"},
                {"number": 8080, "name": "main"},
            )
        ),
        st.sampled_from(([], ["10.0.0.1"], ["10.0.0.3"])),
        _exports,
    ),
    st.builds(
        _virtual_service,
        st.sampled_from(("u", "v", "w")),
        _namespaces,
        st.sampled_from(_RULE_HOSTS),
        st.lists(st.tuples(st.sampled_from(_MATCHES), _destinations), min_size=1, max_size=2),
        _exports,
    ),
    st.builds(
        _route,
        st.sampled_from(("r", "s")),
        _namespaces,
        st.lists(st.sampled_from(_PARENTS), min_size=1, max_size=2, unique_by=_named),
        st.lists(
            st.tuples(st.sampled_from(("/", "/p")), st.sampled_from(_BACKENDS)),
            min_size=1,
            max_size=2,
        ),
    ),
    st.builds(_rule, _destinations, _namespaces, st.sampled_from(("x-one", "x-two")), _exports),
)


def text(*documents: Document) -> str:
    """The documents as YAML, of those of one name the last."""
    last = {_name(document): document for document in documents}
    return "---\n".join(f"{json.dumps(document)}\n" for document in last.values())


def _name(document: Document) -> str:
    metadata = document["metadata"]
    assert isinstance(metadata, dict), "every document is of an object"
    return f"{document['kind']} {metadata['namespace']}/{metadata['name']}"
