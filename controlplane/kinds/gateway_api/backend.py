"""XBackend: a destination outside of the cluster.

Source: https://gateway-api.sigs.k8s.io/geps/gep-4894/
"""

from enum import Enum
from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.gateway_api.backend_tls_policy import BackendTlsValidation
from controlplane.kinds.gateway_api.common import SecretObjectReference
from controlplane.kinds.gateway_api.text import Port, PortName, PreciseHostname
from controlplane.kinds.gateway_api.versions import GATEWAY_API_X
from controlplane.kinds.spec import Spec


class BackendType(Enum):
    EXTERNAL_HOSTNAME = "ExternalHostname"


class BackendProtocol(Enum):
    TCP = "TCP"
    HTTP = "HTTP"
    HTTP2 = "HTTP2"
    HTTP11 = "HTTP11"
    H2C = "H2C"
    MCP = "MCP"


class BackendPort(Spec, frozen=True):
    name: PortName = ""
    port: Port = 0


class ExternalHostname(Spec, frozen=True):
    hostname: PreciseHostname = ""


class BackendTlsMode(Enum):
    NONE = "None"
    SERVER_ONLY = "ServerOnly"
    CLIENT_AND_SERVER = "ClientAndServer"


class BackendTls(Spec, frozen=True):
    mode: BackendTlsMode = BackendTlsMode.NONE
    client_certificate_ref: SecretObjectReference | None = None
    validation: BackendTlsValidation | None = None


class XBackend(Spec, frozen=True):
    """``type`` is required, and has one value as yet."""

    type: BackendType | None = None
    port: BackendPort = BackendPort()
    external_hostname: ExternalHostname | None = None
    protocol: BackendProtocol | None = None
    tls: BackendTls | None = None


X_BACKEND: Final[Kind[XBackend]] = Kind(GATEWAY_API_X, "XBackend")
XBackendKey = ObjectKey[XBackend]
