"""What ``describe`` shows of a workload."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from controlplane.admin.view import ConfigResource, DeclaredObject, IdlePatch, Origin
from controlplane.admin.workload import Applied, Observed, ServedPort, Workload, WorkloadPort
from controlplane.cli.describe_view import lines

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TYPE = "type.googleapis.com/envoy.extensions."
MTLS = {
    "name": "tls",
    "typed_config": {
        "@type": f"{TYPE}transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": True,
    },
}
HTTP = {
    "name": "http",
    "typed_config": {
        "@type": f"{TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager"
    },
}
TCP = {
    "name": "tcp",
    "typed_config": {
        "@type": f"{TYPE}filters.network.tcp_proxy.v3.TcpProxy",
        "cluster": "InboundPassthroughCluster",
    },
}


def chain(name: str, filter_: dict[str, Any], **match: Any) -> dict[str, Any]:
    return {"name": name, "filters": [filter_], "filter_chain_match": match}


INBOUND = ConfigResource(
    name="virtualInbound",
    version="1",
    resource={
        "name": "virtualInbound",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": 15006}},
        "filter_chains": [
            chain("virtualInbound-blackhole", TCP, destination_port=15006),
            chain("virtualInbound", TCP, transport_protocol="raw_buffer"),
            chain("virtualInbound", TCP, transport_protocol="tls"),
            chain("0.0.0.0_9080", HTTP, destination_port=9080, transport_protocol="tls")
            | {"transport_socket": MTLS},
        ],
    },
)
WORKLOAD = Workload(
    proxy="reviews-v1-abc.default",
    group=DeclaredObject(object="WorkloadGroup/default/reviews-v1", path="mesh.yaml", line=1),
    declared=DeclaredObject(object="WorkloadEntry/default/reviews-v1-10-0-0-7"),
    labels={"version": "v1", "app": "reviews"},
    addresses=("10.0.0.7",),
    service_account="reviews",
    identity="spiffe://cluster.local/ns/default/sa/reviews",
    certificate_ends=NOW + timedelta(hours=23),
    sidecar=DeclaredObject(object="Sidecar/default/default", path="mesh.yaml", line=8),
    imports=("./*, istio-system/*", "./* on port 80"),
    unknown="refused (REGISTRY_ONLY)",
    mtls="PERMISSIVE",
    mtls_decided_by=None,
    ports=(
        WorkloadPort(
            port=9080,
            mtls="STRICT",
            decided_by=Origin(
                object="PeerAuthentication/default/reviews",
                field="spec.mtls.mode",
                path="mesh.yaml",
                line=19,
            ),
            services=(
                ServedPort(
                    host="reviews.default.svc.cluster.local",
                    port=80,
                    protocol="HTTP",
                    declared=DeclaredObject(
                        object="Service/default/reviews", path="reviews.yaml", line=3
                    ),
                ),
            ),
        ),
    ),
    inbound=(INBOUND,),
    rules_in=(
        DeclaredObject(object="PeerAuthentication/default/reviews", path="mesh.yaml", line=16),
    ),
    rules_out=(),
    observed=(
        Observed(
            calls="calls in", logs=("/dev/stdout", "logs.example"), metrics="istio_*", spans="none"
        ),
        Observed(calls="calls out", logs=(), metrics="none", spans="none"),
    ),
    telemetries=(
        Applied(
            declared=DeclaredObject(
                object="Telemetry/istio-system/mesh", path="telemetry.yaml", line=1
            ),
            says=("logs of calls in", "metrics of calls in"),
        ),
        Applied(
            declared=DeclaredObject(object="Telemetry/default/old", path="telemetry.yaml", line=9),
            says=(),
        ),
    ),
    proxy_configs=(
        Applied(
            declared=DeclaredObject(object="ProxyConfig/default/web", path="proxy.yaml", line=2),
            says=("concurrency",),
        ),
    ),
    idle_patches=(
        IdlePatch(
            object="EnvoyFilter/shop/lua",
            field="spec.configPatches[0].patch",
            path="lua.yaml",
            line=8,
            reason='no cluster has the name "a"',
            hint="there is b",
        ),
    ),
)


def text(workload: Workload) -> list[str]:
    return ["".join(words for words, _ in line) for line in lines(workload, NOW)]


def test_a_workload_is_shown_with_all_that_decides_about_it() -> None:
    assert text(WORKLOAD) == [
        "reviews-v1-abc.default",
        "  registered  by WorkloadGroup default/reviews-v1  mesh.yaml:1",
        "  labels      app: reviews, version: v1",
        "  addresses   10.0.0.7",
        "  identity    spiffe://cluster.local/ns/default/sa/reviews",
        "  certificate until 2026-01-01 23:00 UTC, 23h left",
        "  sidecar     Sidecar default/default  mesh.yaml:8",
        "  imports     ./*, istio-system/*",
        "  imports     ./* on port 80",
        "  other hosts refused (REGISTRY_ONLY)",
        "ports",
        "  9080  STRICT  by PeerAuthentication default/reviews mesh.yaml:19",
        "    reviews.default:80 HTTP  reviews.yaml:3",
        "    mutual TLS of the mesh → HTTP  chain 0.0.0.0_9080",
        "  others  PERMISSIVE  by default",
        "    plaintext → TCP  chain virtualInbound",
        "    TLS, passed through → TCP  chain virtualInbound",
        "rules in",
        "  PeerAuthentication default/reviews  mesh.yaml:16",
        "rules out",
        "  none",
        "observed",
        "  calls in",
        "    logs        /dev/stdout; logs.example",
        "    metrics     istio_*",
        "    spans       none",
        "  calls out",
        "    logs        none",
        "    metrics     none",
        "    spans       none",
        "telemetry",
        "  Telemetry istio-system/mesh  telemetry.yaml:1",
        "    logs of calls in; metrics of calls in",
        "  Telemetry default/old  telemetry.yaml:9",
        "    nothing: others say the same, or decide",
        "proxy config",
        "  ProxyConfig default/web  proxy.yaml:2",
        "    concurrency",
        "patches that find nothing",
        "  EnvoyFilter/shop/lua spec.configPatches[0].patch  lua.yaml:8",
        '    no cluster has the name "a"; there is b',
        "controlplane authz reviews-v1-abc.default shows who may call it",
    ]


def test_a_workload_that_nothing_declares_imports_everything() -> None:
    plain = msgspec.structs.replace(
        WORKLOAD,
        group=None,
        declared=None,
        sidecar=None,
        imports=(),
        certificate_ends=None,
        unknown="passed on (ALLOW_ANY)",
    )

    assert text(plain)[1:7] == [
        "  declared    nowhere: its labels are its node's",
        "  labels      app: reviews, version: v1",
        "  addresses   10.0.0.7",
        "  identity    spiffe://cluster.local/ns/default/sa/reviews",
        "  imports     everything that is visible",
        "  other hosts passed on (ALLOW_ANY)",
    ]
