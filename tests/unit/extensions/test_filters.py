"""Which chains have which extensions, and what proxies are told of modules."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from controlplane.base.names import Namespace
from controlplane.envoy.redact import shown_json
from controlplane.envoy.resource import packed
from controlplane.model.extension import Module, ModuleSource
from controlplane.model.proxy import Labels, ResolvedProxy, Role, Target
from controlplane.queries.inputs.modules import MODULE, FetchedModule
from controlplane.queries.policy.extensions import extension_keys
from tests.support.declared import INGRESS, Declared, plain

GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: tcp, namespace: istio-system}
spec: {hosts: ["*"], gateways: [gw], tcp: [{route: [{destination: {host: a.example}}]}]}
---
"""
SERVICES = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  clusterIP: 10.0.0.1
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp-db, port: 90, targetPort: 9090}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web, namespace: default}
spec: {address: 10.0.1.1, labels: {app: web}}
---
"""
SIDECAR = ResolvedProxy(
    role=Role.SIDECAR, namespace=Namespace("default"), labels=(("app", "client"),)
)
TARGET = Target(host="web.default.svc.cluster.local", port=80, target=8080)
EDGE: Labels = (("gateway.networking.k8s.io/gateway-name", "edge"),)
PREFIX = "extensions.istio.io/trafficextension/"
WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
RBAC = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"


def plugin(spec: str, name: str = "p", namespace: str = "istio-system", created: str = "") -> str:
    stamp = f", creationTimestamp: {created}" if created else ""
    return f"""
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {{name: {name}, namespace: {namespace}{stamp}}}
spec: {{url: file:///opt/a.wasm, {spec}}}
---
"""


def script(spec: str, name: str = "p", namespace: str = "istio-system") -> str:
    return f"""
apiVersion: extensions.istio.io/v1alpha1
kind: TrafficExtension
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{lua: {{inlineCode: "-- nothing"}}, {spec}}}
---
"""


def of_plugin(name: str, namespace: str = "istio-system") -> str:
    return f"{PREFIX}{namespace}.{name}~istio-translated-wasmplugin"


def names(chain: dict[str, Any]) -> list[str]:
    """The filters of users in a chain, by their own names; after a slash those of requests."""
    *network, last = chain["filters"]
    found = [each["name"].removesuffix("~network") for each in network]
    found += [f"/{each['name']}" for each in last["typed_config"].get("http_filters", ())]
    return [
        name.replace(PREFIX, "").replace("~istio-translated-wasmplugin", "")
        for name in found
        if PREFIX in name
    ]


def at(declared: Declared, listener: str, proxy: ResolvedProxy = INGRESS) -> list[list[str]]:
    return [names(chain) for chain in declared.listeners(proxy)[listener]["filter_chains"]]


@pytest.mark.parametrize(
    ("spec", "http", "tcp"),
    [
        ("", ["/istio-system.p"], []),
        ("type: HTTP", ["/istio-system.p"], []),
        ("type: NETWORK", ["istio-system.p"], ["istio-system.p"]),
        ("match: [{mode: CLIENT}]", ["/istio-system.p"], []),
        ("match: [{mode: SERVER}]", [], []),
        ("match: [{ports: [{number: 8080}]}]", ["/istio-system.p"], []),
        ("match: [{ports: [{number: 80}]}, {mode: CLIENT}]", ["/istio-system.p"], []),
        ("match: [{ports: [{number: 80}]}]", [], []),
        ("type: NETWORK, match: [{ports: [{number: 9000}]}]", [], ["istio-system.p"]),
    ],
)
def test_chains_of_a_gateway(spec: str, http: list[str], tcp: list[str]) -> None:
    declared = Declared(GATEWAY + plugin(spec))

    assert at(declared, "0.0.0.0_8080") == [http]
    assert at(declared, "0.0.0.0_9000") == [tcp]


def inbound(declared: Declared, port: int) -> list[list[str]]:
    proxy = replace(SIDECAR, labels=(("app", "web"),), targets=(TARGET,))
    listener = declared.listeners(proxy)["virtualInbound"]
    return [
        names(chain)
        for chain in listener["filter_chains"]
        if chain["filter_chain_match"].get("destination_port") == port
    ]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("", ["/default.p"]),
        ("match: [{mode: SERVER, ports: [{number: 8080}]}]", ["/default.p"]),
        ("match: [{mode: SERVER, ports: [{number: 80}]}]", []),
        ("match: [{mode: CLIENT}]", []),
        ("match: [{mode: CLIENT_AND_SERVER}]", ["/default.p"]),
        ("match: [{}]", ["/default.p"]),
        ("type: NETWORK", ["default.p"]),
    ],
)
def test_calls_that_come_in_are_of_a_server_on_the_workloads_own_port(
    spec: str, expected: list[str]
) -> None:
    found = inbound(Declared(SERVICES + plugin(spec, namespace="default")), 8080)

    assert found
    assert all(chain == expected for chain in found)


@pytest.mark.parametrize(
    ("spec", "http", "tcp"),
    [
        ("", ["/default.p"], []),
        ("match: [{mode: SERVER}]", [], []),
        ("match: [{mode: CLIENT, ports: [{number: 80}]}]", ["/default.p"], []),
        ("type: NETWORK", ["default.p"], ["default.p"]),
        ("type: NETWORK, match: [{ports: [{number: 90}]}]", [], ["default.p"]),
    ],
)
def test_calls_that_go_out_are_of_a_client_on_the_services_port(
    spec: str, http: list[str], tcp: list[str]
) -> None:
    listeners = Declared(SERVICES + plugin(spec, namespace="default")).listeners(SIDECAR)

    assert names(listeners["0.0.0.0_80"]["filter_chains"][0]) == http
    assert names(listeners["10.0.0.1_90"]["filter_chains"][0]) == tcp
    assert all(names(chain) == [] for chain in listeners["virtualOutbound"]["filter_chains"])


def test_those_of_other_workloads_change_no_listener_of_a_sidecar() -> None:
    before = Declared(SERVICES)
    after = Declared(
        SERVICES
        + plugin("selector: {matchLabels: {app: web}}", namespace="default")
        + plugin("match: [{mode: SERVER}]", name="servers", namespace="default")
    )

    assert after.view(SIDECAR).outbound == before.view(SIDECAR).outbound


def test_sidecars_of_equal_extensions_share_what_their_workloads_call() -> None:
    declared = Declared(SERVICES + plugin("", namespace="default"))
    other = replace(SIDECAR, labels=(("app", "other"),))

    one, two = declared.resources(SIDECAR), declared.resources(other)

    assert one.listeners["0.0.0.0_80"] is two.listeners["0.0.0.0_80"]


def test_order_is_by_phase_priority_namespace_and_age() -> None:
    declared = Declared(
        GATEWAY
        + plugin("", name="b", created="2026-01-02T00:00:00Z")
        + plugin("", name="a", created="2026-01-03T00:00:00Z")
        + plugin("priority: 0", name="zero", created="2026-01-04T00:00:00Z")
        + script("priority: -1", name="below", namespace="istio-system")
        + plugin("priority: 7", name="high", created="2026-01-05T00:00:00Z")
        + plugin("phase: AUTHN", name="authn")
        + script("phase: STATS", name="stats")
    )

    (chain,) = at(declared, "0.0.0.0_8080")

    assert chain == [
        f"/istio-system.{name}" for name in ("authn", "stats", "high", "zero", "below", "b", "a")
    ]


@pytest.mark.parametrize(
    ("namespace", "spec", "labels", "expected"),
    [
        pytest.param("default", "", (), True, id="its namespace"),
        pytest.param("istio-system", "", (), True, id="the root namespace is for all"),
        pytest.param("other", "", (), False, id="another namespace"),
        pytest.param(
            "istio-system",
            "selector: {matchLabels: {app: web}}",
            (("app", "web"),),
            True,
            id="a selector of the root namespace selects everywhere",
        ),
        pytest.param(
            "default", "selector: {matchLabels: {app: web}}", (), False, id="another workload"
        ),
        pytest.param(
            "default",
            "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]",
            EDGE,
            True,
            id="a Gateway",
        ),
        pytest.param(
            "default",
            "targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: edge}",
            EDGE,
            True,
            id="the older field",
        ),
    ],
)
def test_attachment(namespace: str, spec: str, labels: Labels, expected: bool) -> None:
    graph = Declared(plugin(spec, namespace=namespace)).graph

    assert bool(extension_keys(graph, Namespace("default"), labels).client) is expected


def test_what_istio_drops_is_in_no_chain() -> None:
    dropped = plugin("", name="p").replace("file:///opt/a.wasm", "10.0.0.1:5000/filter")

    assert at(Declared(GATEWAY + dropped), "0.0.0.0_8080") == [[]]


@pytest.mark.parametrize(
    ("url", "strategy", "expected"),
    [
        ("file:///opt/a.wasm", "FAIL_OPEN", True),
        ("file:///opt/a.wasm", "FAIL_CLOSE", False),
        ("oci://a.example/bb", "FAIL_OPEN", False),
    ],
)
def test_calls_pass_where_the_proxy_lacks_the_file_of_a_plugin_that_fails_open(
    url: str, strategy: str, expected: bool
) -> None:
    text = plugin(f"failStrategy: {strategy}").replace("file:///opt/a.wasm", url)

    (chain,) = Declared(GATEWAY + text).listeners()["0.0.0.0_8080"]["filter_chains"]
    first, *_ = chain["filters"][-1]["typed_config"]["http_filters"]

    assert first["config_discovery"].get("default_config") == (
        {"@type": RBAC, "rules_stat_prefix": "wasm-default-allow"} if expected else None
    )


def config(text: str, name: str = "p") -> dict[str, Any]:
    found = Declared(GATEWAY + text).resources().extensions
    config: dict[str, Any] = plain(found[of_plugin(name)])["typed_config"]
    return config


def test_a_module_at_the_proxy_is_named_by_its_path() -> None:
    found = config(
        plugin(
            "pluginName: root, failStrategy: FAIL_RELOAD, pluginConfig: {b: [1, 2.5, null], a: é}, "
            "vmConfig: {env: [{name: A, value: b}, {name: HOME, valueFrom: HOST}, "
            "{name: ISTIO_META_A, value: b}]}"
        )
    )

    assert found == {
        "@type": WASM,
        "config": {
            "name": "istio-system.p~istio-translated-wasmplugin",
            "root_id": "root",
            "vm_config": {
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": "/opt/a.wasm"}},
                "environment_variables": {
                    "host_env_keys": ["HOME"],
                    "key_values": {"A": "b"},
                },
            },
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": '{"a":"é","b":[1,2.5,null]}',
            },
            "failure_policy": "FAIL_RELOAD",
        },
    }


FAILURES = pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("FAIL_OPEN", {"@type": RBAC, "rules_stat_prefix": "wasm-default-allow"}),
        ("FAIL_CLOSE", {"@type": RBAC, "rules": {}, "rules_stat_prefix": "wasm-default-deny"}),
        ("FAIL_RELOAD", {"@type": RBAC, "rules": {}, "rules_stat_prefix": "wasm-default-deny"}),
    ],
)


@FAILURES
def test_a_module_that_is_not_there_is_replaced_as_its_strategy_says(
    strategy: str, expected: dict[str, Any]
) -> None:
    text = plugin(f"failStrategy: {strategy}").replace("file:///opt/a.wasm", "oci://a.example/b")

    assert config(text) == expected


@FAILURES
def test_what_stands_in_for_a_module_that_a_proxy_rejects(
    strategy: str, expected: dict[str, Any]
) -> None:
    found = Declared(GATEWAY + plugin(f"failStrategy: {strategy}")).resources().extensions

    stand_in = found[of_plugin("p")].stand_in

    assert stand_in is not None
    assert plain(stand_in) == {"name": of_plugin("p"), "typed_config": expected}


def test_what_is_for_connections_has_another_name_than_what_is_for_requests() -> None:
    """Connections of before still ask for the other while they drain."""
    names = [
        tuple(Declared(GATEWAY + plugin(f"type: {type_}")).resources().extensions)
        for type_ in ("HTTP", "NETWORK")
    ]

    assert names == [(of_plugin("p"),), (f"{of_plugin('p')}~network",)]


def test_a_script_is_in_the_filter() -> None:
    declared = Declared(GATEWAY + script(""))

    (chain,) = declared.listeners()["0.0.0.0_8080"]["filter_chains"]
    first, *_ = chain["filters"][-1]["typed_config"]["http_filters"]

    assert first == {
        "name": "extensions.istio.io/trafficextension/istio-system.p",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": "-- nothing"},
        },
    }
    assert not declared.resources().extensions


def test_the_bytes_of_a_module_are_shown_by_their_size_and_digest() -> None:
    declared = Declared(GATEWAY + plugin("").replace("file:///opt/a.wasm", "https://a.example/b"))
    content = b"\0asm\1\0\0\0" + bytes(1000)
    source = ModuleSource(uri="https://a.example/b")
    declared.graph.edit()
    declared.graph.set(MODULE, source, FetchedModule(module=Module("digest", content)))

    (found,) = declared.resources().extensions.values()

    sent = packed(found)
    assert content in sent.value
    shown = shown_json(sent)["typed_config"]
    assert isinstance(shown, dict)
    assert shown["config"]["vm_config"]["code"]["local"] == {
        "inline_string": f"[1008 bytes, SHA-256 {sha256(content).hexdigest()}]"
    }
