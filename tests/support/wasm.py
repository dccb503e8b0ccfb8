"""Modules for tests, made of WebAssembly text: none is anybody's binary.

``filter_module`` adds its configuration as a header ``x-filter`` to requests and responses; it
speaks Proxy-Wasm 0.2.1. Source: https://github.com/proxy-wasm/spec
"""

from functools import cache
from hashlib import sha256

from wasmtime import wat2wasm

_FILTER = """
(module
  (import "env" "proxy_get_buffer_bytes"
    (func $get_buffer_bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value"
    (func $add_header (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (data (i32.const 1024) "HEADER")
  (global $free (mut i32) (i32.const 131072))

  (func (export "proxy_abi_version_0_2_1"))
  (func (export "_initialize"))

  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))

  ;; Where a context has its configuration: a pointer and a size. Plugins of one module share it.
  (func $slot (param $context i32) (result i32)
    (i32.add (i32.const 65536)
      (i32.shl (i32.and (local.get $context) (i32.const 4095)) (i32.const 3))))

  (func (export "proxy_on_context_create") (param $context i32) (param $parent i32)
    (if (local.get $parent)
      (then (i64.store (call $slot (local.get $context))
        (i64.load (call $slot (local.get $parent)))))))

  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))

  (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32)
    (if (local.get $size)
      (then (drop (call $get_buffer_bytes (i32.const 7) (i32.const 0) (local.get $size)
        (call $slot (local.get $root))
        (i32.add (call $slot (local.get $root)) (i32.const 4))))))
    (i32.const 1))

  (func $add (param $context i32) (param $map i32)
    (drop (call $add_header (local.get $map) (i32.const 1024) (i32.const LENGTH)
      (i32.load (call $slot (local.get $context)))
      (i32.load offset=4 (call $slot (local.get $context))))))

  (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
    (call $add (local.get $context) (i32.const 0))
    (i32.const 0))

  (func (export "proxy_on_response_headers") (param $context i32) (param i32 i32) (result i32)
    (call $add (local.get $context) (i32.const 2))
    (i32.const 0)))
"""

_REFUSING = """
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32) (i32.const 1)))
"""


@cache
def filter_module(header: str = "x-filter") -> bytes:
    """A module that adds its configuration under the name ``header``."""
    text = _FILTER.replace("HEADER", header).replace("LENGTH", str(len(header)))
    return bytes(wat2wasm(text))


@cache
def silent_module() -> bytes:
    """A module for connections that lets no byte through."""
    return bytes(wat2wasm(_REFUSING))


def digest(module: bytes) -> str:
    return sha256(module).hexdigest()
