"""Secrets: key pairs and authorities as a proxy gets them.

Source: envoy/extensions/transport_sockets/tls/v3/secret.proto.
"""

from typing import assert_never

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateValidationContext,
    TlsCertificate,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from controlplane.envoy.resource import Resource, TypeUrl, resource
from controlplane.model.tls import Credential, KeyPair, KeyPairFiles, SecretName, Trust, TrustFile


def secret(name: SecretName, credential: Credential) -> Resource:
    return resource(TypeUrl.SECRET, name, _secret(name, credential))


def _secret(name: SecretName, credential: Credential) -> Secret:
    match credential:
        case KeyPair(chain=chain, key=key, ocsp_staple=staple):
            return Secret(
                name=name,
                tls_certificate=TlsCertificate(
                    certificate_chain=DataSource(inline_bytes=chain),
                    private_key=DataSource(inline_bytes=key),
                    ocsp_staple=DataSource(inline_bytes=staple) if staple else None,
                ),
            )
        case Trust(authorities=authorities, revoked=revoked):
            return Secret(
                name=name,
                validation_context=CertificateValidationContext(
                    trusted_ca=DataSource(inline_bytes=authorities),
                    crl=DataSource(inline_bytes=revoked) if revoked else None,
                ),
            )
        case KeyPairFiles(certificate=certificate, private_key=private_key):
            return Secret(
                name=name,
                tls_certificate=TlsCertificate(
                    certificate_chain=DataSource(filename=certificate),
                    private_key=DataSource(filename=private_key),
                ),
            )
        case TrustFile(authorities=path, revoked=revoked_path):
            return Secret(
                name=name,
                validation_context=CertificateValidationContext(
                    trusted_ca=DataSource(filename=path),
                    crl=DataSource(filename=revoked_path) if revoked_path else None,
                ),
            )
    assert_never(credential)
