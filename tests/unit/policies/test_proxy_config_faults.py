"""Objects ProxyConfig that hold for nobody, and rules that another proxy in front defeats."""

from tests.support.checked import checked

CONFIG = """
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: {{name: {name}, namespace: {namespace}}}
spec: {spec}
---"""
WORKLOAD = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: cart, namespace: shop}
spec: {address: 10.0.0.1, labels: {app: cart, version: v1}}
---"""
ANNOTATED = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata:
  name: edge
  namespace: shop
  annotations:
    proxy.istio.io/config: |
      gatewayTopology: {numTrustedProxies: 1}
spec: {address: 10.0.0.2, labels: {app: edge}}
---"""
GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  selector: {app: edge}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---"""
POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: edge, namespace: NAMESPACE}
spec:
  selector: {matchLabels: {app: edge}}
  action: DENY
  rules: [{from: [{source: {ipBlocks: [192.0.2.0/24]}}]}]
"""


def config(name: str, spec: str, namespace: str = "shop") -> str:
    return CONFIG.format(name=name, namespace=namespace, spec=spec)


def test_the_second_for_a_namespace_has_no_effect() -> None:
    text = config("a", "{concurrency: 1}") + config("b", "{concurrency: 2}")

    assert checked(text) == [
        "9:18 warning CP0373: ProxyConfig shop/a is for the whole namespace shop too and comes "
        "first, so this one has no effect -> keep one of them, or give this one a selector"
    ]


def test_one_of_the_root_namespace_is_for_the_mesh() -> None:
    text = config("a", "{concurrency: 1}", "istio-system") + config("b", "{concurrency: 2}")
    second = config("c", "{concurrency: 3}", "istio-system")

    assert checked(text) == []
    (found,) = checked(text + second)
    assert "is for the whole mesh too" in found


def test_of_two_that_select_a_workload_the_second_is_reported() -> None:
    text = (
        WORKLOAD
        + config("a", "{selector: {matchLabels: {app: cart}}, concurrency: 1}")
        + config("b", "{selector: {matchLabels: {version: v1}}, concurrency: 2}")
    )

    (found,) = checked(text)

    assert "CP0373: ProxyConfig shop/a comes first for WorkloadEntry shop/cart" in found


def test_one_that_selects_nobody_is_reported() -> None:
    text = WORKLOAD + config("a", "{selector: {matchLabels: {app: crat}}, concurrency: 1}")

    (found,) = checked(text)

    assert "CP0324: no workload of shop is declared that has app: crat" in found
    assert found.endswith("-> write app: cart")


def test_addresses_behind_a_proxy_that_an_annotation_tells_of_are_reported() -> None:
    policy = GATEWAY + POLICY.replace("NAMESPACE", "shop")
    by = "gatewayTopology of the annotation of WorkloadEntry shop/edge"

    assert [by in each for each in checked(ANNOTATED + policy) if "CP0503" in each] == [True]
    assert [each for each in checked(policy) if "CP0503" in each] == []
