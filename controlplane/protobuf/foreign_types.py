"""Types that Istio knows by name, of which xds-protos has no descriptor.

They are Istio's own, of Envoys with more extensions than the usual image, or newer than xds-protos.
Istio's admission takes what has them; here nobody can encode it.
Source: the protobuf registry of Istio's ``pilot-discovery``
"""

from collections.abc import Iterator, Mapping
from typing import Final

from controlplane.protobuf.descriptors import message_type

_PACKAGES: Final = frozenset(
    {
        "envoy.extensions.access_loggers.dynamic_modules.v3",
        "envoy.extensions.bootstrap.dynamic_modules.v3",
        "envoy.extensions.clusters.composite.v3",
        "envoy.extensions.clusters.dynamic_modules.v3",
        "envoy.extensions.clusters.mcp_multicluster.v3",
        "envoy.extensions.clusters.original_dst.v3",
        "envoy.extensions.compression.qatzip.compressor.v3alpha",
        "envoy.extensions.compression.qatzstd.compressor.v3alpha",
        "envoy.extensions.config.v3alpha",
        "envoy.extensions.content_parsers.json.v3",
        "envoy.extensions.filters.http.a2a.v3",
        "envoy.extensions.filters.http.ai_protocol_manager.v3",
        "envoy.extensions.filters.http.aws_eventstream_parser.v3",
        "envoy.extensions.filters.http.bandwidth_share.v3",
        "envoy.extensions.filters.http.checksum.v3alpha",
        "envoy.extensions.filters.http.dynamo.v3",
        "envoy.extensions.filters.http.file_server.v3",
        "envoy.extensions.filters.http.filter_chain.v3",
        "envoy.extensions.filters.http.golang.v3alpha",
        "envoy.extensions.filters.http.language.v3alpha",
        "envoy.extensions.filters.http.mcp_json_rest_bridge.v3",
        "envoy.extensions.filters.http.peak_ewma.v3alpha",
        "envoy.extensions.filters.http.sse_to_metadata.v3",
        "envoy.extensions.filters.http.sxg.v3alpha",
        "envoy.extensions.filters.listener.dynamic_modules.v3",
        "envoy.extensions.filters.listener.postgres_inspector.v3alpha",
        "envoy.extensions.filters.listener.set_filter_state.v3",
        "envoy.extensions.filters.network.client_ssl_auth.v3",
        "envoy.extensions.filters.network.dynamic_modules.v3",
        "envoy.extensions.filters.network.generic_proxy.codecs.kafka.v3",
        "envoy.extensions.filters.network.golang.v3alpha",
        "envoy.extensions.filters.network.kafka_broker.v3",
        "envoy.extensions.filters.network.kafka_mesh.v3alpha",
        "envoy.extensions.filters.network.mysql_proxy.v3",
        "envoy.extensions.filters.network.postgres_proxy.v3alpha",
        "envoy.extensions.filters.network.rocketmq_proxy.v3",
        "envoy.extensions.filters.network.sip_proxy.router.v3alpha",
        "envoy.extensions.filters.network.sip_proxy.v3alpha",
        "envoy.extensions.filters.network.tcp_bandwidth_limit.v3",
        "envoy.extensions.filters.udp.dynamic_modules.v3",
        "envoy.extensions.filters.udp.udp_proxy.session.ext_authz.v3",
        "envoy.extensions.formatter.dynamic_modules.v3",
        "envoy.extensions.formatter.file_content.v3",
        "envoy.extensions.formatter.generic_secret.v3",
        "envoy.extensions.health_checkers.dynamic_modules.v3",
        "envoy.extensions.load_balancing_policies.dynamic_modules.v3",
        "envoy.extensions.load_balancing_policies.load_aware_locality.v3",
        "envoy.extensions.load_balancing_policies.peak_ewma.v3alpha",
        "envoy.extensions.load_balancing_policies.random_subsetting.v3",
        "envoy.extensions.matching.actions.transform_stat.v3",
        "envoy.extensions.matching.http.dynamic_modules.v3",
        "envoy.extensions.matching.input_matchers.dynamic_modules.v3",
        "envoy.extensions.matching.input_matchers.hyperscan.v3alpha",
        "envoy.extensions.network.connection_balance.dlb.v3alpha",
        "envoy.extensions.network.dns_resolver.hickory.v3",
        "envoy.extensions.network.socket_interface.sockmap.v3",
        "envoy.extensions.network_filters.peer_metadata",
        "envoy.extensions.private_key_providers.cryptomb.v3alpha",
        "envoy.extensions.private_key_providers.kae.v3alpha",
        "envoy.extensions.private_key_providers.qat.v3alpha",
        "envoy.extensions.quic.client_writer_factory.v3",
        "envoy.extensions.regex_engines.hyperscan.v3alpha",
        "envoy.extensions.reverse_tunnel_reporters.v3alpha.clients.grpc_client",
        "envoy.extensions.reverse_tunnel_reporters.v3alpha.reporters",
        "envoy.extensions.router.cluster_specifier.golang.v3alpha",
        "envoy.extensions.stat_sinks.dynamic_modules.v3",
        "envoy.extensions.stat_sinks.kafka.v3",
        "envoy.extensions.stat_sinks.wasm_filter.v3",
        "envoy.extensions.tap_sinks.udp_sink.v3alpha",
        "envoy.extensions.tracers.dynamic_modules.v3",
        "envoy.extensions.transport_sockets.dynamic_modules.v3",
        "envoy.extensions.transport_sockets.tls.cert_mappers.filter_state_override.v3",
        "envoy.extensions.transport_sockets.tls.cert_mappers.sni.v3",
        "envoy.extensions.transport_sockets.tls.cert_mappers.static_name.v3",
        "envoy.extensions.transport_sockets.tls.cert_selectors.on_demand_secret.v3",
        "envoy.extensions.transport_sockets.tls.cert_validator.dynamic_modules.v3",
        "envoy.extensions.upstreams.http.dynamic_modules.v3",
        "envoy.extensions.upstreams.http.reverse_tunnel.v3",
        "envoy.extensions.upstreams.http.tcp.golang.v3alpha",
        "envoy.extensions.vcl.v3alpha",
        "envoy.extensions.watchdog.backtrace_action.v3",
        "envoy.tcp.metadataexchange.config",
        "io.istio.http.peer_metadata",
        "istio.envoy.config.filter.http.alpn.v2alpha1",
        "istio.envoy.config.filter.http.jwt_auth.v2alpha1",
        "istio.envoy.config.filter.network.tcp_cluster_rewrite.v2alpha1",
    }
)
"""All types of these packages."""
_TYPES: Final = frozenset(
    {
        "envoy.config.bootstrap.v3.ApiListenerManager",
        "envoy.config.bootstrap.v3.ListenerManager",
        "envoy.config.bootstrap.v3.ValidationListenerManager",
        "envoy.config.overload.v3.ShrinkHeapConfig",
        "envoy.config.listener.v3.Listener.ConnectionBalanceConfig.CpuLocalityBalance",
        "envoy.extensions.filters.http.composite.v3.CompositePerRoute",
        "envoy.extensions.filters.http.ext_authz.v3.ShadowDecision",
        "envoy.extensions.filters.http.oauth2.v3.OAuth2PerRoute",
        "envoy.extensions.filters.network.http_connection_manager.v3.ForwardProtoConfig",
        "envoy.extensions.filters.network.reverse_tunnel.v3.DrainAwareHttpConnectionManager",
        "envoy.extensions.matching.common_inputs.stats.v3.StatTagValueInput",
        "envoy.type.matcher.v3.HttpResponseLocalReplyMatchInput",
    }
)


def is_foreign(name: str) -> bool:
    """Whether only Istio has the type of that full name."""
    if name not in _TYPES and name.rpartition(".")[0] not in _PACKAGES:
        return False
    return message_type(name) is None


def foreign_types(value: object) -> Iterator[str]:
    """The names of such types anywhere in plain data, under ``@type``."""
    match value:
        case Mapping():
            url = value.get("@type", None)
            if isinstance(url, str) and is_foreign(type_name(url)):
                yield type_name(url)
            for item in value.values():
                yield from foreign_types(item)
        case [*items]:
            for item in items:
                yield from foreign_types(item)


def type_name(url: str) -> str:
    """The full name of a type by its URL: what is behind the last slash."""
    return url.rpartition("/")[2]
