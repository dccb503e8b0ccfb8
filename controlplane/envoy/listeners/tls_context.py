"""TLS that ends at a listener.

Source: envoy/extensions/transport_sockets/tls/v3/tls.proto.
"""

from collections.abc import Mapping
from typing import Final

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateValidationContext,
    SubjectAltNameMatcher,
    TlsParameters as ParametersMessage,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext, DownstreamTlsContext
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.wrappers_pb2 import BoolValue

from controlplane.envoy.config_source import ads, ads_within_default
from controlplane.envoy.packing import packed
from controlplane.model.tls import (
    TRUST_BUNDLE,
    WORKLOAD_CERTIFICATE,
    ClientValidation,
    SecretName,
    ServerTls,
    TlsParameters,
    TlsVersion,
)

_VERSIONS: Final[Mapping[TlsVersion, ParametersMessage.TlsProtocol]] = {
    TlsVersion.TLSV1_0: ParametersMessage.TLSv1_0,
    TlsVersion.TLSV1_1: ParametersMessage.TLSv1_1,
    TlsVersion.TLSV1_2: ParametersMessage.TLSv1_2,
    TlsVersion.TLSV1_3: ParametersMessage.TLSv1_3,
}


def downstream_tls(tls: ServerTls) -> TransportSocket:
    return TransportSocket(
        name="envoy.transport_sockets.tls",
        typed_config=packed(
            DownstreamTlsContext(
                common_tls_context=CommonTlsContext(
                    tls_params=_parameters(tls.parameters),
                    tls_certificate_sds_secret_configs=[_secret(c) for c in tls.certificates],
                    combined_validation_context=_validation(tls.clients) if tls.clients else None,
                    alpn_protocols=tls.protocols,
                ),
                require_client_certificate=BoolValue(
                    value=tls.clients is not None and tls.clients.required
                ),
            )
        ),
    )


def _parameters(parameters: TlsParameters) -> ParametersMessage | None:
    if parameters == TlsParameters():
        return None
    return ParametersMessage(
        tls_minimum_protocol_version=_version(parameters.minimum),
        tls_maximum_protocol_version=_version(parameters.maximum),
        cipher_suites=parameters.cipher_suites,
        ecdh_curves=parameters.curves,
    )


def _version(version: TlsVersion | None) -> ParametersMessage.TlsProtocol:
    return ParametersMessage.TLS_AUTO if version is None else _VERSIONS[version]


def _validation(
    clients: ClientValidation,
) -> CommonTlsContext.CombinedCertificateValidationContext:
    """What the server says itself; the authorities come with the secret."""
    return CommonTlsContext.CombinedCertificateValidationContext(
        default_validation_context=CertificateValidationContext(
            verify_certificate_spki=clients.public_keys,
            verify_certificate_hash=clients.certificates,
            match_typed_subject_alt_names=[_identities(name) for name in clients.trust_domains],
            # The typed form would need one entry for each sort of name; this one fits every sort.
            match_subject_alt_names=[StringMatcher(exact=name) for name in clients.subject_names],
            trust_chain_verification=CertificateValidationContext.ACCEPT_UNTRUSTED
            if clients.accepts_any_authority
            else CertificateValidationContext.VERIFY_TRUST_CHAIN,
        ),
        validation_context_sds_secret_config=_secret(clients.trust),
    )


def _identities(trust_domain: str) -> SubjectAltNameMatcher:
    return SubjectAltNameMatcher(
        san_type=SubjectAltNameMatcher.URI,
        matcher=StringMatcher(prefix=f"spiffe://{trust_domain}/"),
    )


def _secret(name: SecretName) -> SdsSecretConfig:
    """The proxy's own certificate is always there; any other may never come."""
    own = name in (WORKLOAD_CERTIFICATE, TRUST_BUNDLE)
    return SdsSecretConfig(name=name, sds_config=ads() if own else ads_within_default())
