"""The ProxyConfig of one proxy: what MeshConfig says, under what the workload's annotation says.

Source: Istio ``pkg/config/mesh/mesh.go`` (``MergeProxyConfig``)
"""

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec.structs import fields, replace

from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.kinds.core.pod import POD
from controlplane.kinds.core.workload_template import DAEMON_SET, DEPLOYMENT, STATEFUL_SET
from controlplane.kinds.duration import value_of
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.istio.mesh_config import ForwardClientCert, ProxyConfig, ProxyHeaders
from controlplane.kinds.istio.proxy_config import ANNOTATION, METADATA_VARIABLES, StatsMatcher
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY
from controlplane.kinds.object import Object, is_of
from controlplane.kinds.proxy_statistics import STATISTICS, OwnStatistics
from controlplane.kinds.spec import Duration
from controlplane.model.proxy import HEADER_CASE, NODE_CONFIG, ROUTE_HEADERS, Labels, Role
from controlplane.translate.istio.http_action import Defaults

OWN_CONFIG: Final = ObjectKey(Kind("", "OwnProxyConfig"), Namespace(""), "")
"""Stands for what declares a proxy's own ProxyConfig: views of several workloads may share it."""
VARIABLE: Final = "proxyMetadata"
"""The field of ``OWN_CONFIG`` below which each honoured variable of a proxy is."""
_TEMPLATES: Final = frozenset({DEPLOYMENT, STATEFUL_SET, DAEMON_SET})
_TEMPLATE: Final = ("spec", "template")
_ANNOTATIONS: Final = ("metadata", "annotations")
_OF_THEMSELVES: Final = frozenset({POD, WORKLOAD_ENTRY})
_OF_PROXIES: Final = (ANNOTATION, *STATISTICS)
_FALLS_BACK: Final = (
    "request_id",
    "attempt_count",
    "server",
    "envoy_debug_headers",
)
"""Those of ``proxyHeaders`` that stay the mesh's where an annotation does not set them."""


def annotations_of(declared: Object[Any]) -> tuple[FieldRef, Mapping[str, object]]:
    """Where a workload, or what makes it, has the annotations that are about its proxy, and these.

    A Gateway of the Gateway API makes its proxy as Istio has it: with the annotations of
    ``infrastructure``, or without any with its own. Any: each kind has its own struct.
    """
    path: tuple[str, ...] = _ANNOTATIONS
    annotations: Mapping[str, object] = {}
    if declared.kind in _TEMPLATES:
        annotations = declared.spec.template.metadata.annotations
        path = (*_TEMPLATE, *_ANNOTATIONS)
    elif declared.kind in _OF_THEMSELVES:
        annotations = declared.annotations
    elif is_of(declared, KUBERNETES_GATEWAY):
        infrastructure = declared.spec.infrastructure
        annotations = declared.annotations
        if infrastructure is not None and infrastructure.annotations:
            annotations = infrastructure.annotations
            path = ("spec", "infrastructure", "annotations")
    found = {name: annotations[name] for name in _OF_PROXIES if name in annotations}
    return FieldRef(declared.key, path), found


def annotation_of(declared: Object[Any]) -> tuple[FieldRef, str] | None:
    """Where it has the annotation with a ProxyConfig, and its text. Any: as ``annotations_of``."""
    place, annotations = annotations_of(declared)
    text = annotations.get(ANNOTATION)
    return (place / ANNOTATION, text) if isinstance(text, str) else None


def with_statistics(config: ProxyConfig, own: OwnStatistics) -> ProxyConfig:
    """``config`` under what the workload's annotations say of statistics, list by list."""
    matcher = config.proxy_stats_matcher or StatsMatcher()
    merged_matcher = StatsMatcher(
        inclusion_prefixes=own.prefixes or matcher.inclusion_prefixes,
        inclusion_suffixes=own.suffixes or matcher.inclusion_suffixes,
        inclusion_regexps=own.regexes or matcher.inclusion_regexps,
    )
    if merged_matcher != matcher:
        config = replace(config, proxy_stats_matcher=merged_matcher)
    return replace(config, extra_stat_tags=(*config.extra_stat_tags, *own.tags))


def merged(base: ProxyConfig, own: ProxyConfig) -> ProxyConfig:
    """``base`` with each field that ``own`` sets; variables are united."""
    if own == ProxyConfig():
        return base
    said = _set(own)
    said["proxy_metadata"] = {**base.proxy_metadata, **own.proxy_metadata}
    if own.proxy_headers is not None and base.proxy_headers is not None:
        said["proxy_headers"] = _headers(base.proxy_headers, own.proxy_headers)
    return replace(base, **said)


def _set(config: ProxyConfig) -> dict[str, object]:
    values = {field.name: getattr(config, field.name) for field in fields(ProxyConfig)}
    return {name: value for name, value in values.items() if value != getattr(_UNSET, name)}


_UNSET: Final = ProxyConfig()


def _headers(base: ProxyHeaders, own: ProxyHeaders) -> ProxyHeaders:
    said = {name: getattr(base, name) for name in _FALLS_BACK if getattr(own, name) is None}
    if own.forwarded_client_cert is ForwardClientCert.UNDEFINED:
        said["forwarded_client_cert"] = base.forwarded_client_cert
    return replace(own, **said)


def settings(base: ProxyConfig, own: ProxyConfig, role: Role) -> Labels:
    """What the listeners, routes and clusters of a proxy with ``own`` need, as far as it differs
    from what they have by ``base``: proxies that differ in nothing that they are sent share it.
    """
    if own == base:
        return ()
    return tuple(sorted({*_parts(own, role)} - {*_parts(base, role)}))


def _parts(config: ProxyConfig, role: Role) -> Labels:
    routes = f"{int(tells_attempt(config))}{int(appends_forwarded_host(config))}"
    return (
        (NODE_CONFIG, _of_listeners(config, role)),
        (HEADER_CASE, str(int(keeps_header_case(config)))),
        (ROUTE_HEADERS, routes),
    )


def _of_listeners(config: ProxyConfig, role: Role) -> str:
    """In a canonical form, and without what nothing of a listener depends on."""
    headers = config.proxy_headers
    if headers is not None:
        headers = replace(headers, attempt_count=None, x_forwarded_host=None)
    part = ProxyConfig(
        gateway_topology=config.gateway_topology if role is Role.GATEWAY else None,
        proxy_headers=None if headers == ProxyHeaders() else headers,
        connection_settings=config.connection_settings,
        tracing=config.tracing,
    )
    return msgspec.json.encode(part, enc_hook=_spelled, order="deterministic").decode()


def start_text(config: ProxyConfig) -> str:
    """What a proxy with ``config`` is started with, as ``config_of_text`` reads it; empty where
    nothing is said.
    """
    part = replace(config, gateway_topology=None, proxy_headers=None)
    if part == _UNSET:
        return ""
    return msgspec.json.encode(part, enc_hook=_spelled, order="deterministic").decode()


def config_of_text(text: str) -> ProxyConfig:
    return _decoded(text) if text else _UNSET


def tells_attempt(config: ProxyConfig) -> bool:
    """Whether requests say how often they were tried (``x-envoy-attempt-count``)."""
    switch = config.proxy_headers.attempt_count if config.proxy_headers is not None else None
    return switch is None or switch.disabled is not True


def appends_forwarded_host(config: ProxyConfig) -> bool:
    headers = config.proxy_headers
    forwarded = headers.x_forwarded_host if headers is not None else None
    return forwarded is not None and forwarded.enabled is True


def keeps_header_case(config: ProxyConfig) -> bool:
    headers = config.proxy_headers
    return headers is not None and headers.preserve_http1_header_case is True


def own_config(settings: Labels) -> ProxyConfig | None:
    """What listeners need of the ProxyConfig in a view's settings; ``None``: the mesh's holds."""
    said = (value for name, value in settings if name == NODE_CONFIG)
    return next(map(_decoded, said), None)


@lru_cache(maxsize=1024)
def _decoded(text: str) -> ProxyConfig:
    return msgspec.json.decode(text, type=ProxyConfig, dec_hook=value_of)


def with_route_headers(defaults: Defaults, settings: Labels) -> Defaults:
    """``defaults`` with what the settings of a view say of the headers of routes."""
    for name, value in settings:
        if name == ROUTE_HEADERS:
            return dataclasses.replace(
                defaults, tells_attempt=value[0] == "1", appends_forwarded_host=value[1] == "1"
            )
    return defaults


def variable_origins(settings: Labels) -> tuple[FieldRef, ...]:
    """What stands for the variables among the settings of a view."""
    known = METADATA_VARIABLES.values()
    return tuple(FieldRef(OWN_CONFIG, (VARIABLE, name)) for name, _ in settings if name in known)


def own_origins(mesh: ProxyConfig, own: ProxyConfig) -> tuple[FieldRef, ...]:
    """The fields of ``own`` that are set otherwise than by the mesh."""
    return tuple(
        FieldRef(OWN_CONFIG, (field.encode_name,))
        for field in fields(ProxyConfig)
        if field.name in _set(own) and getattr(own, field.name) != getattr(mesh, field.name)
    )


def _spelled(value: object) -> str:
    assert isinstance(value, Duration), "all else msgspec knows"
    return f"{value.nanoseconds}ns"
