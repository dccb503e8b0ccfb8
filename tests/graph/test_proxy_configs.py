"""Which ProxyConfig a proxy has, and what it is sent by it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.kinds.duration import value_of
from controlplane.kinds.istio.mesh_config import MeshConfig, ProxyConfig
from controlplane.model.proxy import NODE_CONFIG, Proxy, ResolvedProxy, Role, labels_of
from controlplane.queries.registry.proxies import resolved
from controlplane.translate.istio.proxy_config import own_config, settings
from tests.support.declared import Declared, plain

SHOP = Namespace("shop")


def entry(name: str, address: str, annotation: str = "", label: str = "cart") -> str:
    said = f"annotations: {{proxy.istio.io/config: '{annotation}'}}" if annotation else ""
    return f"""
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata:
  name: {name}
  namespace: shop
  {said}
spec: {{address: {address}, labels: {{app: {label}}}}}
"""


def config(name: str, namespace: str, spec: str, created: str = "2026-01-01T00:00:00Z") -> str:
    return f"""
---
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: "{created}"}}
spec: {spec}
"""


def variables(value: str) -> str:
    return f"{{environmentVariables: {{ISTIO_META_IDLE_TIMEOUT: {value}}}}}"


SERVICE = """
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: cart, namespace: shop}
spec:
  hosts: [cart.shop.example]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: cart}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart, namespace: shop}
spec:
  hosts: [cart.shop.example]
  http:
  - rewrite: {uri: /}
    route: [{destination: {host: cart.shop.example}}]
"""
ON_ENTRY = "{proxyMetadata: {ISTIO_META_IDLE_TIMEOUT: 4s}}"
SELECTING = "{selector: {matchLabels: {app: cart}}, environmentVariables: {V: 5s}}".replace(
    "V:", "ISTIO_META_IDLE_TIMEOUT:"
)
LEVELS = (
    config("root", "istio-system", variables("2s")),
    config("shop", "shop", variables("3s")),
    entry("cart", "10.0.0.1", ON_ENTRY),
    config("cart", "shop", SELECTING),
)


def mesh(**settings: object) -> MeshConfig:
    return msgspec.convert({"defaultConfig": settings}, MeshConfig, dec_hook=value_of)


def proxy(address: str = "10.0.0.1", **said: str) -> Proxy:
    return Proxy(
        name="cart",
        role=Role.SIDECAR,
        namespace=SHOP,
        service_account="cart",
        labels=(("app", "cart"),),
        addresses=(address,),
        metadata=labels_of(said),
    )


def resolved_in(
    text: str, of: Proxy | None = None, config: MeshConfig | None = None
) -> ResolvedProxy:
    found = resolved(Declared(text, mesh=config).graph, of or proxy())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("levels", "timeout"),
    [(0, "1s"), (1, "2s"), (2, "3s"), (3, "4s"), (4, "5s")],
    ids=["mesh", "root namespace", "namespace", "annotation", "selector"],
)
def test_the_narrowest_level_says_the_variable(levels: int, timeout: str) -> None:
    of_mesh = mesh(proxyMetadata={"ISTIO_META_IDLE_TIMEOUT": "1s", "ISTIO_META_HTTP10": "1"})

    found = resolved_in("".join(LEVELS[:levels]), config=of_mesh)

    assert found.metadata == (("HTTP10", "1"), ("IDLE_TIMEOUT", timeout))


def test_every_setting_reads_back_as_it_is() -> None:
    said = {
        "connectionSettings": {"profile": "EDGE", "httpIdleTimeout": "1h2m3.5s"},
        "tracing": {"sampling": 0.25},
        "gatewayTopology": {"numTrustedProxies": 2, "proxyProtocol": {}},
        "proxyHeaders": {"metadataExchangeHeaders": {"mode": "IN_MESH"}, "server": {"value": "é"}},
    }
    own = mesh(**said).default_config

    assert own_config(settings(ProxyConfig(), own, Role.GATEWAY)) == own


def test_what_the_node_says_itself_wins_over_every_level() -> None:
    found = resolved_in("".join(LEVELS), proxy(IDLE_TIMEOUT="9s"))

    assert found.metadata == (("IDLE_TIMEOUT", "9s"),)


def test_a_node_with_a_proxy_config_of_its_own_has_no_other() -> None:
    own = '{"proxyMetadata": {"ISTIO_META_HTTP10": "1"}}'

    assert resolved_in("".join(LEVELS), proxy(PROXY_CONFIG=own)).metadata == (("HTTP10", "1"),)


def test_of_several_objects_the_oldest_is_used_alone() -> None:
    text = config("a", "shop", variables("2s"), "2026-01-02T00:00:00Z") + config(
        "b", "shop", "{environmentVariables: {ISTIO_META_HTTP10: '1'}}"
    )

    assert resolved_in(text).metadata == (("HTTP10", "1"),)


def test_a_selector_of_another_namespace_selects_nobody_here() -> None:
    assert resolved_in(config("cart", "istio-system", SELECTING)).metadata == ()


def test_the_template_of_a_deployment_speaks_for_a_proxy_that_is_declared_nowhere() -> None:
    text = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  template:
    metadata:
      labels: {app: cart, version: v1}
      annotations: {proxy.istio.io/config: "proxyMetadata: {ISTIO_META_HTTP10: '1'}"}
"""
    other = text.replace("app: cart", "app: other")

    assert resolved_in(text).metadata == (("HTTP10", "1"),)
    assert resolved_in(other).metadata == ()


@pytest.mark.parametrize(
    "annotation",
    [
        "{}",
        "{concurrency: 2}",
        "{proxyHeaders: {}}",
        "{gatewayTopology: {numTrustedProxies: 2}}",
        "{proxyHeaders: {attemptCount: {disabled: false}}}",
    ],
)
def test_a_config_that_changes_nothing_that_is_sent_splits_no_view(annotation: str) -> None:
    engine = Engine(MeshConfig(), now=datetime(2026, 6, 1, tzinfo=UTC))
    text = entry("a", "10.0.0.1", annotation) + entry("b", "10.0.0.2") + SERVICE
    engine.apply([(Path("mesh.yaml"), text)])

    assert engine.view(proxy("10.0.0.1")) == engine.view(proxy("10.0.0.2"))


def test_workloads_with_equal_annotations_share_a_view() -> None:
    engine = Engine(MeshConfig(), now=datetime(2026, 6, 1, tzinfo=UTC))
    text = (
        entry("a", "10.0.0.1", "{proxyHeaders: {server: {value: x}, requestId: {}}}")
        + entry("b", "10.0.0.2", "{proxyHeaders: {requestId: {}, server: {value: x}}}")
    )  # fmt: skip
    engine.apply([(Path("mesh.yaml"), text)])

    found = engine.view(proxy("10.0.0.1"))

    assert found == engine.view(proxy("10.0.0.2"))
    assert dict(found.outbound.settings)[NODE_CONFIG] == (
        '{"proxyHeaders":{"requestId":{},"server":{"value":"x"}}}'
    )


def sent(annotation: str, kind: str, of_mesh: MeshConfig | None = None) -> tuple[str, str]:
    """All resources of a kind of two sidecars as text, of which the first has the annotation."""
    text = entry("a", "10.0.0.1", annotation) + entry("b", "10.0.0.2") + SERVICE
    declared = Declared(text, mesh=of_mesh)
    found = [resolved(declared.graph, proxy(f"10.0.0.{i}")) for i in (1, 2)]
    shelves = [getattr(declared.resources(each), kind) for each in found if each is not None]
    own, other = (json.dumps([plain(shelf[name]) for name in shelf]) for shelf in shelves)
    return own, other


@pytest.mark.parametrize(
    ("annotation", "kind", "said"),
    [
        ("{proxyHeaders: {server: {value: theirs}}}", "listeners", '"server_name": "theirs"'),
        ("{connectionSettings: {httpIdleTimeout: 7s}}", "listeners", '"idle_timeout": "7s"'),
        ("{tracing: {sampling: 33}}", "listeners", '"value": 33.0'),
        ("{proxyHeaders: {preserveHttp1HeaderCase: true}}", "listeners", "preserve_case"),
        ("{proxyHeaders: {preserveHttp1HeaderCase: true}}", "clusters", "preserve_case"),
        ("{proxyHeaders: {xForwardedHost: {enabled: true}}}", "routes", "append_x_forwarded_host"),
    ],
)
def test_two_sidecars_differ_by_the_annotation_of_one(
    annotation: str, kind: str, said: str
) -> None:
    own, other = sent(annotation, kind)

    assert said in own
    assert said not in other


def test_the_count_of_tries_is_taken_from_one_sidecar_alone() -> None:
    own, other = sent("{proxyHeaders: {attemptCount: {disabled: true}}}", "routes")

    assert "include_request_attempt_count" not in own
    assert "include_request_attempt_count" in other


def test_an_annotation_replaces_whole_settings_but_some_headers_stay_as_the_mesh_says() -> None:
    of_mesh = mesh(
        proxyHeaders={"server": {"value": "mesh"}, "preserveHttp1HeaderCase": True},
        connectionSettings={"httpIdleTimeout": "7s", "httpRequestTimeout": "8s"},
    )

    own, other = sent(
        "{proxyHeaders: {requestId: {disabled: true}}, connectionSettings: {httpIdleTimeout: 9s}}",
        "listeners",
        of_mesh,
    )

    assert '"server_name": "mesh"' in own
    assert "preserve_case" not in own
    assert '"idle_timeout": "9s"' in own
    assert '"request_timeout": "8s"' not in own
    assert "preserve_case" in other
    assert '"request_timeout": "8s"' in other


def test_an_edit_of_the_annotation_puts_only_its_proxy_in_doubt() -> None:
    engine = Engine(MeshConfig(), now=datetime(2026, 6, 1, tzinfo=UTC))
    engine.apply([(Path("a.yaml"), entry("a", "10.0.0.1") + entry("b", "10.0.0.2"))])
    for address in ("10.0.0.1", "10.0.0.2"):
        engine.connected.join(proxy(address))
        engine.connected.hold(engine.view(proxy(address)))
        engine.resources(engine.view(proxy(address)))
    engine.take_doubt()

    changed = entry("a", "10.0.0.1", "{tracing: {sampling: 3}}") + entry("b", "10.0.0.2")
    engine.apply([(Path("a.yaml"), changed)])

    assert engine.take_doubt().proxies == (proxy("10.0.0.1"),)
