"""``envoy.filters.http.set_filter_state``: what the mesh's own TLS offers (ALPN) for a request, in
place of what the cluster says.

From the offer a sidecar tells HTTP and TCP apart on a port of which nothing is declared. The filter
is installed switched off and empty; the configuration of a route, or of one of its clusters,
switches it on there. Istio's own Envoy has the filter ``istio.alpn`` for it.
Source: envoy/extensions/filters/http/set_filter_state/v3/set_filter_state.proto.
"""

from collections.abc import Mapping
from typing import Final

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.filters.common.set_filter_state.v3.value_pb2 import FilterStateValue
from envoy.extensions.filters.http.set_filter_state.v3.set_filter_state_pb2 import Config
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.any_pb2 import Any as Packed

from controlplane.envoy.packing import packed
from controlplane.model.routing import Offer

NAME: Final = "envoy.filters.http.set_filter_state"
_KEY: Final = "envoy.network.application_protocols"  # Envoy, "Well Known Filter State Objects"
_HTTP1: Final = "istio-http/1.1,istio"
_HTTP2: Final = "istio-h2,istio,h2"
_OFFERED: Final[Mapping[Offer, str]] = {
    Offer.HTTP1: _HTTP1,
    Offer.BY_REQUEST: f'%CEL(request.protocol == "HTTP/2" ? "{_HTTP2}" : "{_HTTP1}")%',
}


def offered_protocols() -> hcm.HttpFilter:
    return hcm.HttpFilter(name=NAME, typed_config=packed(Config()), disabled=True)


def switched_on(offer: Offer | None) -> dict[str, Packed]:
    """What a route or one of its clusters says of the filter; nothing where it stays off."""
    return {} if offer is None else {NAME: packed(_config(_OFFERED[offer]))}


def _config(text: str) -> Config:
    return Config(
        on_request_headers=[
            FilterStateValue(
                object_key=_KEY,
                format_string=SubstitutionFormatString(
                    text_format_source=DataSource(inline_string=text)
                ),
            )
        ]
    )
