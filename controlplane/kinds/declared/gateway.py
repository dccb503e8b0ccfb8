"""Gateway of Istio."""

from typing import Final

from controlplane.kinds.istio.gateway import (
    GATEWAY,
    Gateway,
    Port,
    Server,
    ServerTls,
    TlsCertificate,
)
from controlplane.kinds.istio.versions import NETWORKING_VERSIONS
from controlplane.kinds.served import Fields, ServedKind, by, no_effect
from controlplane.kinds.validation.gateway import gateway

FIELDS: Final[Fields] = {
    Gateway: (
        by("translate.istio.gateway:gateway_servers", "servers"),
        by("queries.selection.gateways:gateways_by_label", "selector"),
    ),
    Server: (
        by("translate.istio.gateway:server_hosts", "hosts"),
        by("translate.istio.gateway:gateway_servers", "port", "bind", "tls", "name"),
    ),
    Port: (
        by("translate.istio.gateway:gateway_servers", "number", "name", "protocol"),
        no_effect("validation refuses it: a Gateway has no target ports", "target_port"),
    ),
    ServerTls: (
        by("translate.istio.gateway:gateway_servers", "https_redirect", "mode"),
        by(
            "translate.istio.gateway_tls:server_tls",
            "server_certificate",
            "private_key",
            "tls_certificates",
            "credential_name",
            "credential_names",
            "ca_certificates",
            "ca_crl",
            "ca_cert_credential_name",
            "subject_alt_names",
            "verify_certificate_spki",
            "verify_certificate_hash",
            "insecure_skip_verify",
            "min_protocol_version",
            "max_protocol_version",
            "cipher_suites",
            "ecdh_curves",
        ),
    ),
    TlsCertificate: (
        by("translate.istio.gateway_tls:server_tls", "server_certificate", "private_key"),
    ),
}

KIND: Final = ServedKind(
    kind=GATEWAY,
    api_versions=NETWORKING_VERSIONS,
    spec=Gateway,
    validate=gateway,
    fields=FIELDS,
    custom=True,
)
