"""Which other origins may call: the per-route configuration of Envoy's CORS filter.

Source: envoy/extensions/filters/http/cors/v3/cors.proto.
"""

from datetime import timedelta
from typing import Final

from envoy.extensions.filters.http.cors.v3.cors_pb2 import CorsPolicy
from google.protobuf.wrappers_pb2 import BoolValue

from controlplane.envoy.routes.fraction import runtime_fraction
from controlplane.envoy.routes.match import string_matcher
from controlplane.model.http_policy import Cors

FILTER: Final = "envoy.filters.http.cors"


def cors_policy(cors: Cors) -> CorsPolicy:
    return CorsPolicy(
        allow_origin_string_match=[string_matcher(origin) for origin in cors.origins],
        allow_methods=",".join(cors.methods),
        allow_headers=",".join(cors.headers),
        expose_headers=",".join(cors.exposed_headers),
        max_age="" if cors.max_age is None else str(cors.max_age // timedelta(seconds=1)),
        allow_credentials=_bool(cors.credentials),
        filter_enabled=runtime_fraction(1_000_000),
        forward_not_matching_preflights=BoolValue(value=cors.forwards_unmatched_preflights),
    )


def _bool(value: bool | None) -> BoolValue | None:
    return None if value is None else BoolValue(value=value)
