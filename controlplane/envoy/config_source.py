"""Where a proxy asks for what a message only names: the stream it has already (ADS).

Source: envoy/config/core/v3/config_source.proto.
"""

from datetime import timedelta

from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ApiVersion, ConfigSource


def ads() -> ConfigSource:
    """Without a time limit: the server always answers."""
    return ConfigSource(
        ads=AggregatedConfigSource(),
        initial_fetch_timeout=timedelta(0),
        resource_api_version=ApiVersion.V3,
    )


def ads_within_default() -> ConfigSource:
    """After Envoy's own 15 s the proxy continues without it (a server's secret: only that server
    waits).
    """
    return ConfigSource(ads=AggregatedConfigSource(), resource_api_version=ApiVersion.V3)
