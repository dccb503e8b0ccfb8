"""``envoy.filters.http.cors``: which other origins may call.

The filter is installed empty; the configuration of a route switches it on for that route.
Source: envoy/extensions/filters/http/cors/v3/cors.proto.
"""

from datetime import timedelta
from typing import Final

from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors as CorsMessage, CorsPolicy
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.wrappers_pb2 import BoolValue

from controlplane.envoy.fraction import runtime_fraction
from controlplane.envoy.packing import packed
from controlplane.envoy.text_matcher import string_matcher
from controlplane.model.http_policy import Cors

NAME: Final = "envoy.filters.http.cors"


def cors() -> hcm.HttpFilter:
    return hcm.HttpFilter(name=NAME, typed_config=packed(CorsMessage()))


def cors_policy(policy: Cors) -> CorsPolicy:
    """What a route says."""
    return CorsPolicy(
        allow_origin_string_match=[string_matcher(origin) for origin in policy.origins],
        allow_methods=",".join(policy.methods),
        allow_headers=",".join(policy.headers),
        expose_headers=",".join(policy.exposed_headers),
        max_age="" if policy.max_age is None else str(policy.max_age // timedelta(seconds=1)),
        allow_credentials=_bool(policy.credentials),
        filter_enabled=runtime_fraction(1_000_000),
        forward_not_matching_preflights=BoolValue(value=policy.forwards_unmatched_preflights),
    )


def _bool(value: bool | None) -> BoolValue | None:
    return None if value is None else BoolValue(value=value)
