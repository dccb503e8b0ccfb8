"""How connections to the endpoints of a cluster are encrypted.

Source: envoy/extensions/transport_sockets/tls/v3/tls.proto, and Istio ``cluster_tls.go``.
"""

from envoy.config.cluster.v3.cluster_pb2 import Cluster as ClusterMessage
from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.config.core.v3.proxy_protocol_pb2 import ProxyProtocolConfig
from envoy.extensions.transport_sockets.proxy_protocol.v3.upstream_proxy_protocol_pb2 import (
    ProxyProtocolUpstreamTransport,
)
from envoy.extensions.transport_sockets.raw_buffer.v3.raw_buffer_pb2 import RawBuffer
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateValidationContext,
    TlsParameters as ParametersMessage,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext, UpstreamTlsContext
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.struct_pb2 import Struct, Value

from controlplane.envoy.config_source import ads, ads_within_default
from controlplane.envoy.endpoints import MUTUAL, TLS_MODE
from controlplane.envoy.optional import opt
from controlplane.envoy.packing import packed
from controlplane.model.cluster import Cluster, HttpVersion
from controlplane.model.tls import (
    TRUST_BUNDLE,
    USUAL_PARAMETERS,
    WORKLOAD_CERTIFICATE,
    SecretName,
    TlsParameters,
)
from controlplane.model.tls_upstream import MeshMutual, OnCapableEndpoints, Originate, TrustAnything
from controlplane.model.traffic_policy import ProxyProtocol


def transport_socket(cluster: Cluster) -> TransportSocket | None:
    """The transport socket of every endpoint; none where all are plaintext or endpoints differ."""
    if isinstance(cluster.tls, OnCapableEndpoints):
        return None
    if cluster.tls is None:
        return opt(lambda version: _announced(_raw(), version), cluster.proxy_protocol)
    return _wrapped(_socket(cluster, cluster.tls.tls), cluster.proxy_protocol)


def transport_socket_matches(cluster: Cluster) -> list[ClusterMessage.TransportSocketMatch]:
    """Endpoints that say so get the mesh's mutual TLS, the others plaintext."""
    if not isinstance(cluster.tls, OnCapableEndpoints):
        return []
    return [
        ClusterMessage.TransportSocketMatch(
            name="tlsMode-istio",
            match=Struct(fields={TLS_MODE: Value(string_value=MUTUAL)}),
            transport_socket=_wrapped(_socket(cluster, cluster.tls.tls), cluster.proxy_protocol),
        ),
        ClusterMessage.TransportSocketMatch(
            name="tlsMode-disabled",
            match=Struct(),
            transport_socket=_wrapped(_raw(), cluster.proxy_protocol),
        ),
    ]


def _socket(cluster: Cluster, tls: MeshMutual | Originate) -> TransportSocket:
    context = _mesh_context(cluster, tls) if isinstance(tls, MeshMutual) else _own(cluster, tls)
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=packed(context))


def _raw() -> TransportSocket:
    return TransportSocket(
        name="envoy.transport_sockets.raw_buffer", typed_config=packed(RawBuffer())
    )


def _wrapped(socket: TransportSocket, version: ProxyProtocol | None) -> TransportSocket:
    return socket if version is None else _announced(socket, version)


def _announced(socket: TransportSocket, version: ProxyProtocol) -> TransportSocket:
    """PROXY protocol first, then what ``socket`` does."""
    versions = {ProxyProtocol.V1: ProxyProtocolConfig.V1, ProxyProtocol.V2: ProxyProtocolConfig.V2}
    return TransportSocket(
        name="envoy.transport_sockets.upstream_proxy_protocol",
        typed_config=packed(
            ProxyProtocolUpstreamTransport(
                config=ProxyProtocolConfig(version=versions[version]), transport_socket=socket
            )
        ),
    )


def _mesh_context(cluster: Cluster, tls: MeshMutual) -> UpstreamTlsContext:
    return UpstreamTlsContext(
        common_tls_context=CommonTlsContext(
            tls_params=_versions(USUAL_PARAMETERS),
            tls_certificate_sds_secret_configs=[_of_the_mesh(WORKLOAD_CERTIFICATE)],
            combined_validation_context=CommonTlsContext.CombinedCertificateValidationContext(
                default_validation_context=_demanded(tls.names),
                validation_context_sds_secret_config=_of_the_mesh(TRUST_BUNDLE),
            ),
            alpn_protocols=mesh_alpn(cluster),
        ),
        sni=tls.sni,
    )


def mesh_alpn(cluster: Cluster) -> tuple[str, ...]:
    """What is offered within the mesh: from it a sidecar tells HTTP and TCP apart.

    Istio's own Envoy has a filter that sets these for each request; here they are what the cluster
    speaks, and routes say the rest (``http_filters.offered_protocols``). "http/1.1" is not among
    them: where nothing else fits, none is chosen, as with istiod.
    """
    match cluster.http_version:
        case HttpVersion.HTTP2:
            return ("istio-h2", "istio", "h2")
        case HttpVersion.HTTP1 if cluster.speaks_http:
            return ("istio-http/1.1", "istio")
        case HttpVersion.HTTP1 | HttpVersion.AS_CLIENT:
            return ("istio",)


def _own(cluster: Cluster, tls: Originate) -> UpstreamTlsContext:
    return UpstreamTlsContext(
        common_tls_context=CommonTlsContext(
            tls_params=_versions(cluster.tls_parameters),
            tls_certificate_sds_secret_configs=(
                [_credential(tls.certificate)] if tls.certificate is not None else []
            ),
            validation_context=(
                CertificateValidationContext() if isinstance(tls.trust, TrustAnything) else None
            ),
            combined_validation_context=_verified(tls),
            alpn_protocols=("h2",) if cluster.http_version is HttpVersion.HTTP2 else (),
        ),
        sni=tls.sni,
    )


def _versions(parameters: TlsParameters) -> ParametersMessage:
    """TLS 1.2 and 1.3; no setting asks for others."""
    return ParametersMessage(
        tls_minimum_protocol_version=ParametersMessage.TLSv1_2,
        tls_maximum_protocol_version=ParametersMessage.TLSv1_3,
        cipher_suites=parameters.cipher_suites,
        ecdh_curves=parameters.curves,
    )


def _verified(tls: Originate) -> CommonTlsContext.CombinedCertificateValidationContext | None:
    if isinstance(tls.trust, TrustAnything):
        return None
    return CommonTlsContext.CombinedCertificateValidationContext(
        default_validation_context=_demanded(tls.names),
        validation_context_sds_secret_config=_credential(tls.trust),
    )


def _demanded(names: tuple[str, ...]) -> CertificateValidationContext:
    """``names`` are compared with every kind of alternative name, as Istio does."""
    return CertificateValidationContext(
        match_subject_alt_names=[StringMatcher(exact=name) for name in names]
    )


def _of_the_mesh(name: SecretName) -> SdsSecretConfig:
    """A secret that the stream always has: it is waited for."""
    return SdsSecretConfig(name=name, sds_config=ads())


def _credential(name: SecretName) -> SdsSecretConfig:
    """A secret of the user's, which may be missing: Envoy's own 15 s limit the wait."""
    return SdsSecretConfig(name=name, sds_config=ads_within_default())
