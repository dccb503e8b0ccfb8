"""An Envoy's bootstrap: who it is, where its control plane is, and how it recognises it.

The shape is ``envoy/bootstrap.json``. In it ``{"$": NAME}`` stands for a value, ``{"$each": NAME}``
for the items of one, and ``{"$when": NAME, "then": …}`` is left out where there is no such value.
Its numbers:

- Back-off 0.2 s to 2 s: after an outage of the control plane proxies are back in under 1.5 s, with
  Envoy's own (0.5 s to 30 s) in 2 to 8 s. The control plane answers a thousand at once.
- ``initial_fetch_timeout`` 0: a proxy opens no listener before it has received all of them.
- ``set_node_on_first_message_only``: the node may be 60 kB, and is not repeated in every request.
- HTTP/2 pings after 30 s of silence: a connection that a middlebox dropped is found within 40 s.
- RE2 programs up to 32768, Istio's limit; Envoy's own is 100, which ``/[a-z0-9-]{1,63}`` exceeds.
- The token is a secret that Envoy adds to its requests: as initial metadata of the xDS stream it
  would stand in every answer of ``/config_dump``, which omits secrets. A file of it is followed as
  it is replaced: the next stream bears the new token (measured with 1.40).
- A sidecar asks by HDS how to probe its workload, as its WorkloadGroup says.
- Listeners for probes ask the admin interface, so it need not be reachable for others. They answer
  nothing but the two paths, and are no part of the limit of connections.
- Tags of statistics have the names that Istio's dashboards read (``cluster_name``). Names of
  clusters and stat prefixes end in ``;``, because Envoy's own patterns split them at dots.
- Statistics of a cluster or listener that saw no traffic take no memory.
- Metrics go out as text whatever is asked for, because a filter gives them Istio's names
  (``controlplane.envoy.exposition``).

Source: Istio ``tools/packaging/common/envoy_bootstrap.json``;
envoy/config/bootstrap/v3/bootstrap.proto.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from controlplane.base.addresses import Address
from controlplane.base.names import CLUSTER_DOMAIN, Namespace
from controlplane.envoy.bootstrap_values import Json, socket_address, started_values
from controlplane.envoy.exposition import CLUSTER_ID, exposition_script, workload_labels
from controlplane.model.proxy import Locality, Role
from controlplane.model.proxy_start import NOTHING_SAID, ProxyStart

ISTIO_VERSION: Final = "1.31.0"
"""The Istio whose API is served; EnvoyFilters select proxies by it (``match.proxy.proxyVersion``).
"""
ENVOY_FLAGS: Final = (
    "--ignore-unknown-dynamic-fields",
    *("--drain-time-s", "45", "--drain-strategy", "immediate"),
)
"""Envoy's command line besides its bootstrap. It does not look for unknown or deprecated fields in
what it receives, which costs a quarter of its CPU and a line of its log for each route and update
(``max_grpc_timeout``, as istiod sends it). A replaced listener keeps its connections for Istio's 45
s instead of 600 s, and asks clients from the first answer on to close them, so that a policy that
refuses reaches open connections. Source of the drain: Istio ``pkg/envoy/proxy.go``
"""
_HERE: Final = Path(__file__).resolve()
_TEMPLATES: Final = (_HERE.with_name("bootstrap.json"), _HERE.parents[2] / "envoy/bootstrap.json")
"""In an installed package, then in a checkout."""
_KINDS: Final = {Role.GATEWAY: "router", Role.SIDECAR: "sidecar", Role.RUNNER: "runner"}
"""What a node's id begins with; the first two are Istio's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A proxy as it presents itself. ``metadata`` is what else it says (``IDLE_TIMEOUT``).

    Without ``addresses`` it stands for replicas, of which each says its id on Envoy's command line:
    ``--service-node sidecar~10.0.0.7~cart-7.shop~shop.svc.cluster.local``.
    """

    role: Role
    name: str
    namespace: Namespace
    service_account: str
    addresses: tuple[str, ...]
    labels: Mapping[str, str]
    locality: Locality
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What a proxy authenticates with, and what its control plane must present."""

    token: str | Path = field(repr=False)
    """The token, or the file in which Envoy finds it, as ``token_file`` has it."""
    root_certificate: str
    server_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """Where a proxy answers probes: ``/healthz/ready`` and ``/stats/prometheus``, and both at
    ``status``; ``None``: nowhere.
    """

    ready: Address | None = None
    metrics: Address | None = None
    status: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminSocket:
    """An admin interface on a Unix socket that only Envoy's own user may connect to."""

    path: Path


UNPROBED: Final = Probes()
SUPERVISION: Final = "SUPERVISION"
"""The metadata of a node in which its supervisor finds what is for it."""
_PRIVATE: Final = 0o600
_TOKEN: Final = "xds-token"
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where an admin interface is asked


def bootstrap(
    node: Node,
    *,
    xds: Address,
    admin: Address | AdminSocket,
    trust: Trust | None,
    probes: Probes = UNPROBED,
    start: ProxyStart = NOTHING_SAID,
) -> Mapping[str, Json]:
    """The bootstrap of ``node``; without ``trust`` it uses plaintext and no token."""
    values: dict[str, Json] = {
        **started_values(start, _cluster(node, start)),
        "node": node_json(node, start),
        "admin": _admin_address(admin),
        "xds": socket_address(xds),
        "xds_by_number" if xds.numeric else "xds_by_name": xds.host,
    }
    if trust is not None:
        values |= _credential(trust.token)
        values["root_certificate"] = trust.root_certificate
        values["server_name"] = trust.server_name
        if node.role is Role.SIDECAR:
            values["health_discovery"] = True
    for name, address in (
        ("ready", probes.ready),
        ("metrics", probes.metrics),
        ("status", probes.status),
    ):
        if address is not None:
            values[name], values["probed"] = socket_address(address), _probed_address(admin)
    if probes.metrics is not None or probes.status is not None:
        values["exposition"] = exposition_script(_own_labels(node))
    template: Mapping[str, Json] = json.loads(_template().read_bytes())
    return {k: _filled(v, values) for k, v in template.items() if _wanted(v, values)}


def _own_labels(node: Node) -> Mapping[str, str]:
    """What the labels of its metrics say of the proxy's own workload: what its node says."""
    name = node.metadata.get("WORKLOAD_NAME", node.name)
    cluster = node.metadata.get("CLUSTER_ID", CLUSTER_ID)
    return workload_labels(name, node.namespace, node.labels, cluster)


def token_file(token: str) -> Mapping[str, Json]:
    """The file from which an Envoy reads its token, as often as it is replaced. Source: Envoy, "SDS
    from the file system"; the type and name are those of ``bootstrap.json``.
    """
    secret: Mapping[str, Json] = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": _TOKEN,
        "generic_secret": {"secret": {"inline_string": f"Bearer {token}"}},
    }
    return {"resources": [secret]}


def node_json(node: Node, start: ProxyStart = NOTHING_SAID) -> dict[str, Json]:
    """Id, cluster and metadata as Istio's agent writes them; what ``node`` says itself wins."""
    domain = f"{node.namespace}.svc.{CLUSTER_DOMAIN}"
    metadata: dict[str, Json] = {
        "NAME": node.name,
        "NAMESPACE": node.namespace,
        "SERVICE_ACCOUNT": node.service_account,
        "WORKLOAD_NAME": node.name,
        "INSTANCE_IPS": ",".join(node.addresses),
        "LABELS": dict(sorted(node.labels.items())),
        "CLUSTER_ID": CLUSTER_ID,
        "MESH_ID": CLUSTER_DOMAIN,
        "INTERCEPTION_MODE": "REDIRECT",
        "ISTIO_VERSION": ISTIO_VERSION,
        **dict(start.metadata),
        **node.metadata,
    }
    supervised = supervision(start)
    if supervised:
        metadata[SUPERVISION] = supervised
    said: dict[str, Json] = {"cluster": _cluster(node, start), "metadata": metadata}
    if node.addresses:
        kind, name = _KINDS[node.role], f"{node.name}.{node.namespace}"
        said["id"] = f"{kind}~{node.addresses[0]}~{name}~{domain}"
    else:  # a replica says its own name and address
        del metadata["NAME"], metadata["INSTANCE_IPS"]
    if node.locality != Locality():
        parts = {
            "region": node.locality.region,
            "zone": node.locality.zone,
            "sub_zone": node.locality.sub_zone,
        }
        said["locality"] = {name: part for name, part in parts.items() if part}
    return said


def _cluster(node: Node, start: ProxyStart) -> str:
    """The service that spans say the proxy belongs to."""
    return start.cluster or f"{node.name}.{node.namespace}"


def supervision(start: ProxyStart) -> Mapping[str, Json]:
    """What ``envoy/workload.py`` starts Envoy with that its bootstrap cannot hold."""
    found: dict[str, Json] = {}
    if start.options:
        found["options"] = list(start.options)
    if start.concurrency == 0:
        found["uses_all_cores"] = True
    if start.environment:
        found["environment"] = dict(start.environment)
    if start.last_drain is not None:
        found["grace"] = start.last_drain.total_seconds()
    return found


def _credential(token: str | Path) -> Mapping[str, Json]:
    """What adds the token to requests: a secret of the bootstrap, or one of a file."""
    if isinstance(token, str):
        return {"authorization": f"Bearer {token}", "credential": {"name": _TOKEN}}
    file: Mapping[str, Json] = {"path": str(token)}
    source: Mapping[str, Json] = {"path_config_source": file, "resource_api_version": "V3"}
    return {"credential": {"name": _TOKEN, "sds_config": source}}


def _admin_address(admin: Address | AdminSocket) -> Json:
    if isinstance(admin, AdminSocket):
        return {"pipe": {"path": str(admin.path), "mode": _PRIVATE}}
    return socket_address(admin)


def _probed_address(admin: Address | AdminSocket) -> Json:
    """Where the listeners for probes ask the admin interface."""
    if isinstance(admin, AdminSocket):
        return {"pipe": {"path": str(admin.path)}}
    return socket_address(Address(_LOOPBACK.get(admin.host, admin.host), admin.port))


def _template() -> Path:
    return next(path for path in _TEMPLATES if path.exists())


def _filled(template: Json, values: Mapping[str, Json]) -> Json:
    """``template`` with its values in place; a value without a place of its own stays as it is."""
    match template:
        case {"$": str(name)}:
            return values[name]
        case {"$when": str(), "then": then}:
            return _filled(then, values)
        case dict():
            return {k: _filled(v, values) for k, v in template.items() if _wanted(v, values)}
        case list():
            return [*_items(template, values)]
    return template


def _items(template: Iterable[Json], values: Mapping[str, Json]) -> Iterator[Json]:
    for item in template:
        match item:
            case {"$each": str(name)}:
                found = values[name]
                assert isinstance(found, list), "a list is laid into a list"
                yield from found
            case _:
                if _wanted(item, values):
                    yield _filled(item, values)


def _wanted(template: Json, values: Mapping[str, Json]) -> bool:
    match template:
        case {"$when": str(name)}:
            return name in values
    return True
