"""Generated meshes of services, rules and endpoints, as YAML, and proxies that look at them.

The vocabulary is small on purpose, so that hosts are declared several times, rules overlap, and
exports name the namespaces that ask.
"""

import json
from collections.abc import Mapping
from itertools import product
from types import MappingProxyType
from typing import Final

from hypothesis import strategies as st

from controlplane.base.names import Namespace
from controlplane.model.proxy import Locality, ResolvedProxy, Role

Document = Mapping[str, object]

NAMESPACES: Final = ("a", "b", "istio-system")
ELSEWHERE: Final = "elsewhere"  # declares nothing
_EXACT: Final = "shop.x.com"
_WILD: Final = "*.x.com"
_RULE_HOSTS: Final = (
    _EXACT,
    _EXACT,
    _WILD,
    "*.com",
    "*p.x.com",  # a wildcard within a label
    "web.a.svc.cluster.local",
    "*.a.svc.cluster.local",
)
_EXPORTS: Final = ((), ("*",), (".",), ("b", ELSEWHERE), (".", ELSEWHERE))
_FAILOVERS: Final[tuple[Mapping[str, object], ...]] = (
    {},
    {"outlierDetection": {"interval": "1s"}},
    {
        "outlierDetection": {"interval": "1s"},
        "loadBalancer": {"localityLbSetting": {"failoverPriority": ["rack", "topology.x"]}},
    },
    {
        "loadBalancer": {
            "localityLbSetting": {
                "distribute": [{"from": "r1/*", "to": {"r1/*": 80, "r2/*": 20}}],
            }
        }
    },
    {"tls": {"mode": "SIMPLE", "credentialName": "partner"}},
)


def _object(
    api: str,
    kind: str,
    namespace: str,
    name: str,
    annotations: Mapping[str, str] = MappingProxyType({}),
    **body: object,
) -> Document:
    metadata = {"name": name, "namespace": namespace, "annotations": dict(annotations)}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}


def _service(namespace: str, export: tuple[str, ...]) -> Document:
    spec = {"clusterIP": "10.1.0.1", "ports": [{"name": "http", "port": 80}]}
    annotations = {"networking.istio.io/exportTo": ",".join(export)} if export else {}
    return _object("v1", "Service", namespace, "web", annotations, spec=spec)


def _entry(
    name: str,
    namespace: str,
    host: str,
    export: tuple[str, ...],
    resolution: str,
    distribution: str,
) -> Document:
    endpoints = [
        {"address": "10.2.0.1", "locality": "r1/z1", "labels": {"rack": "1"}},
        {"address": "10.2.0.2", "locality": "r2/z1", "labels": {"rack": "2"}},
    ]
    spec: dict[str, object] = {
        "hosts": [host],
        "exportTo": export,
        "resolution": resolution,
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
    }
    if resolution != "NONE":
        spec["endpoints"] = endpoints
    near = {"networking.istio.io/traffic-distribution": distribution} if distribution else {}
    return _object("networking.istio.io/v1", "ServiceEntry", namespace, name, near, spec=spec)


def _rule(
    name: str,
    namespace: str,
    host: str,
    export: tuple[str, ...],
    selected: str,
    policy: Mapping[str, object],
) -> Document:
    spec: dict[str, object] = {
        "host": host,
        "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": ord(name)}}, **policy},
        "subsets": [{"name": name, "labels": {"rack": "1"}}],
    }
    if export and not selected:  # one with a selector stays in its namespace
        spec["exportTo"] = export
    if selected:
        spec["workloadSelector"] = {"matchLabels": {"app": selected}}
    return _object("networking.istio.io/v1", "DestinationRule", namespace, name, spec=spec)


_in_some = st.sampled_from(("a", *NAMESPACES))
_exports = st.sampled_from(_EXPORTS)
services: Final = st.builds(
    _service,
    st.sampled_from(("a", "b")),
    st.sampled_from(((), ("*",), (".",), ("~",), ("b", ELSEWHERE))),
)
entries: Final = st.builds(
    _entry,
    st.sampled_from("st"),
    _in_some,
    st.just(_EXACT),
    st.sampled_from(((), ("*",), (".",), ("a",), ("b", ELSEWHERE))),
    st.sampled_from(("STATIC", "STATIC", "DNS")),
    st.sampled_from(("", "", "PreferClose", "PreferSameNode")),
)
wildcards: Final = st.builds(
    _entry,
    st.just("w"),
    _in_some,
    st.just(_WILD),
    st.sampled_from(((), (".",), ("b",))),
    st.just("NONE"),
    st.just(""),
)
rules: Final = st.builds(
    _rule,
    st.sampled_from("pqr"),
    _in_some,
    st.sampled_from(_RULE_HOSTS),
    _exports,
    st.sampled_from(("", "", "front", "back")),
    st.sampled_from(_FAILOVERS),
)
documents: Final = st.one_of(services, entries, wildcards, rules, rules)
"""One object; several of one name replace each other."""
PROXIES: Final = tuple(
    ResolvedProxy(
        role=role,
        namespace=Namespace(namespace),
        labels=(("app", app), ("kubernetes.io/hostname", "n1"), ("rack", "1")),
        locality=Locality("r1", "z1"),
    )
    for role, namespace, app in product(Role, (*NAMESPACES, ELSEWHERE), ("front", "back"))
)


HOSTS: Final = (_EXACT, _WILD, "web.a.svc.cluster.local", "web.b.svc.cluster.local")
"""Every host that may be declared."""


def text(*found: Document) -> str:
    return "".join(f"{json.dumps(document)}\n---\n" for document in found)
