"""Parts of ProxyConfig (MeshConfig ``defaultConfig``) that say how a proxy's connections are read.

Source: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig
"""

from collections.abc import Mapping
from typing import Final

from controlplane.kinds.spec import Duration, Spec

ANNOTATION: Final = "proxy.istio.io/config"
"""The annotation of a workload that holds a ProxyConfig of its proxy's own, as YAML."""
METADATA_VARIABLES: Final[Mapping[str, str]] = {
    f"ISTIO_META_{name}": name
    for name in ("HTTP10", "HTTP_PROXY_PORT", "IDLE_TIMEOUT", "UNPRIVILEGED_POD")
}
"""The environment variables of a proxy that its configuration depends on, each with what Istio's
agent makes of it: metadata of the proxy's node.
"""


class ConnectionSettings(Spec, frozen=True):
    """``profile`` EDGE is a set of careful values for gateways; what is said beside it wins."""

    profile: str = ""
    http_idle_timeout: Duration | None = None
    http_max_connection_duration: Duration | None = None
    http_max_stream_duration: Duration | None = None
    http_stream_idle_timeout: Duration | None = None
    http_request_timeout: Duration | None = None
    http_request_headers_timeout: Duration | None = None
    http_drain_timeout: Duration | None = None
    http_max_concurrent_streams: int | None = None
    http2_initial_stream_window_size: int | None = None
    http2_initial_connection_window_size: int | None = None
    http_headers_with_underscores_action: str = ""
    http_merge_slashes: bool | None = None
    http_path_with_escaped_slashes_action: str = ""
    listener_per_connection_buffer_limit_bytes: int | None = None


class Tracing(Spec, frozen=True, forbid_unknown_fields=False):
    """``sampling`` is the percentage of requests that are traced; unset is 1."""

    sampling: float | None = None
