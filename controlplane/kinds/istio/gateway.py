"""Gateway. Source: https://istio.io/latest/docs/reference/config/networking/gateway/"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.spec import Spec, UInt32


class ServerTlsMode(Enum):
    PASSTHROUGH = "PASSTHROUGH"
    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    AUTO_PASSTHROUGH = "AUTO_PASSTHROUGH"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"
    OPTIONAL_MUTUAL = "OPTIONAL_MUTUAL"


class TlsProtocol(Enum):
    TLS_AUTO = "TLS_AUTO"
    TLSV1_0 = "TLSV1_0"
    TLSV1_1 = "TLSV1_1"
    TLSV1_2 = "TLSV1_2"
    TLSV1_3 = "TLSV1_3"


class TlsCertificate(Spec, frozen=True):
    server_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""


class ServerTls(Spec, frozen=True):
    https_redirect: bool = False
    mode: ServerTlsMode = ServerTlsMode.PASSTHROUGH
    server_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""
    ca_crl: str = ""
    credential_name: str = ""
    credential_names: tuple[str, ...] = ()
    tls_certificates: tuple[TlsCertificate, ...] = ()
    ca_cert_credential_name: str = ""
    subject_alt_names: tuple[str, ...] = ()
    verify_certificate_spki: tuple[str, ...] = ()
    verify_certificate_hash: tuple[str, ...] = ()
    min_protocol_version: TlsProtocol = TlsProtocol.TLS_AUTO
    max_protocol_version: TlsProtocol = TlsProtocol.TLS_AUTO
    cipher_suites: tuple[str, ...] = ()
    ecdh_curves: tuple[str, ...] = ()
    insecure_skip_verify: bool | None = None


class Port(Spec, frozen=True):
    number: UInt32 = 0
    protocol: str = ""
    name: str = ""
    target_port: UInt32 = 0


class Server(Spec, frozen=True):
    port: Port | None = None
    bind: str = ""
    hosts: tuple[str, ...] = ()
    tls: ServerTls | None = None
    default_endpoint: str = ""
    name: str = ""


class Gateway(Spec, frozen=True):
    servers: tuple[Server, ...] = ()
    selector: Mapping[str, str] = {}


GATEWAY: Final[Kind[Gateway]] = Kind("networking.istio.io", "Gateway")
GatewayKey = ObjectKey[Gateway]
