"""Patches of an EnvoyFilter in a real Envoy: in force, taken back, held where they are broken."""

import pytest

from tests.support.mesh import Mesh
from tests.support.shop import SHOP, with_shop

pytestmark = pytest.mark.envoy

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
    return with_shop(mesh)


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


def test_what_a_filter_discovers_is_shown_from_each_source(shop: Mesh) -> None:
    shop.apply(SHOP + DISCOVERED.replace("LIMIT", "16"))
    plane = shop.control_plane
    admin = ("--admin", f"127.0.0.1:{plane.admin_port}", "--state", str(plane.state))

    def shown(*options: str) -> str:
        return plane.command("config", shop.workload.name, "extensions", *admin, *options)

    envoy = f"127.0.0.1:{shop.gateway.admin_port}"
    known = shown()
    assert known.startswith("extensions\n  buffer envoy.extensions.filters.http.buffer.v3.Buffer")
    assert shown("--from-xds", plane.xds) == known
    assert '"name": "buffer"' in shown("-o", "envoy", "--envoy-admin", envoy)


def test_a_new_patch_that_envoy_would_refuse_leaves_the_listener(shop: Mesh) -> None:
    shop.apply(SHOP)
    assert said(shop) is None

    shop.apply(SHOP + lua("behind the router", "ADD"))

    assert said(shop) is None
    assert shop.gateway.rejected() == {}
