"""Patches of an EnvoyFilter in a real Envoy: in force, taken back, held where they are broken."""

import pytest

from tests.support.mesh import Mesh

pytestmark = pytest.mark.envoy

SHOP = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec:
  hosts: ["*"]
  gateways: [istio-system/gw]
  http: [{route: [{destination: {host: shop}}]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: shop, namespace: default}
spec:
  hosts: [shop.default.svc.cluster.local]
  location: MESH_INTERNAL
  ports: [{number: 80, targetPort: 9080, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.1.9.2}]
---
"""
LUA = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: lua, namespace: istio-system}
spec:
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: GATEWAY}
    patch:
      operation: OPERATION
      value:
        name: lua
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
          default_source_code:
            inline_string: |
              function envoy_on_response(handle)
                handle:headers():add("x-lua", "VALUE")
              end
---
"""
DISCOVERED = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: discovered, namespace: istio-system}
spec:
  configPatches:
  - applyTo: EXTENSION_CONFIG
    patch:
      operation: ADD
      value:
        name: buffer
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
          max_request_bytes: LIMIT
  - applyTo: HTTP_FILTER
    match: {context: GATEWAY}
    patch:
      operation: INSERT_FIRST
      value:
        name: buffer
        config_discovery:
          config_source: {ads: {}, resource_api_version: V3}
          type_urls: [type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer]
---
"""
URL = "http://shop.example.com:8080/"


@pytest.fixture(scope="module")
def shop(mesh: Mesh) -> Mesh:
    mesh.upstreams.add("shop", "127.1.9.2", 9080)
    return mesh


def lua(value: str, operation: str = "INSERT_FIRST") -> str:
    return LUA.replace("VALUE", value).replace("OPERATION", operation)


def said(shop: Mesh) -> str | None:
    answer = shop.send(URL)
    assert answer.status == 200
    return answer.headers.get("x-lua")


def test_a_patch_comes_changes_and_goes(shop: Mesh) -> None:
    shop.apply(SHOP + lua("one"))
    assert said(shop) == "one"

    shop.apply(SHOP + lua("two"))
    assert said(shop) == "two"

    shop.apply(SHOP)
    assert said(shop) is None


def test_a_patch_that_envoy_would_refuse_leaves_the_listener_as_it_was(shop: Mesh) -> None:
    shop.apply(SHOP + lua("good"))
    assert said(shop) == "good"

    shop.apply(SHOP + lua("behind the router", "ADD"))

    assert said(shop) == "good"
    assert shop.gateway.rejected() == {}


def test_a_filter_discovers_its_configuration(shop: Mesh) -> None:
    shop.apply(SHOP + DISCOVERED.replace("LIMIT", "16"))

    shop.until(lambda answer: answer.status == 413, URL, method="POST", body=b"x" * 17)
    assert shop.send(URL, method="POST", body=b"x" * 16).status == 200

    shop.apply(SHOP + DISCOVERED.replace("LIMIT", "64"))

    shop.until(lambda answer: answer.status == 200, URL, method="POST", body=b"x" * 17)
