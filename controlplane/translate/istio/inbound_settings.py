"""What MeshConfig says of connections to a sidecar's workload, beside what it says of every
listener.

Source: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/ and Istio
``pilot/pkg/security/authn/utils/utils.go`` (``BuildInboundTLS``), ``route/retry``
(``ConvertInboundPolicy``).
"""

from dataclasses import dataclass
from typing import Final

from controlplane.base.names import PortNumber
from controlplane.kinds.istio.mesh_config import InboundMode, MeshConfig, MeshTls
from controlplane.kinds.istio.virtual_service import HttpRetry
from controlplane.model.routing import RetryPolicy
from controlplane.model.tls import TlsParameters, TlsVersion
from controlplane.translate.ciphers import usable_ciphers
from controlplane.translate.istio.durations import length
from controlplane.translate.istio.http_retry import retry_on

MESH_CIPHERS: Final = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
)
"""Istio's ``SupportedCiphers``, for TLS 1.2."""
_USUAL_RETRY: Final = RetryPolicy(
    attempts=2, conditions=("reset-before-request",), avoids_tried_hosts=False
)
"""Such a request did not get to the workload, so that it is safe to send it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundSettings:
    """``listen_port`` is where the rules of interception send connections. ``retry`` of ``None`` is
    no retries. ``to_loopback``: the workload listens on its loopback address, not on its own.
    """

    listen_port: PortNumber
    trust_domains: tuple[str, ...]
    tls_parameters: TlsParameters
    retry: RetryPolicy | None
    to_loopback: bool


def inbound_settings(mesh: MeshConfig) -> InboundSettings:
    return InboundSettings(
        listen_port=PortNumber(mesh.proxy_inbound_listen_port),
        trust_domains=tuple(dict.fromkeys((mesh.trust_domain, *mesh.trust_domain_aliases))),
        tls_parameters=_tls_parameters(mesh.mesh_mtls or MeshTls()),
        retry=_retry(mesh.default_inbound_http_retry_policy),
        to_loopback=mesh.inbound_traffic_policy.mode is InboundMode.LOCALHOST,
    )


def _tls_parameters(said: MeshTls) -> TlsParameters:
    newest_only = said.min_protocol_version == TlsVersion.TLSV1_3.name
    return TlsParameters(
        minimum=TlsVersion.TLSV1_3 if newest_only else TlsVersion.TLSV1_2,
        maximum=TlsVersion.TLSV1_3,
        cipher_suites=usable_ciphers(said.cipher_suites) or MESH_CIPHERS,
    )


def _retry(said: HttpRetry | None) -> RetryPolicy | None:
    """The workload is the only destination, so what is about choosing another is ignored."""
    if said is None:
        return _USUAL_RETRY
    if said.attempts <= 0:
        return None
    conditions, statuses = (
        retry_on(said.retry_on) if said.retry_on else (_USUAL_RETRY.conditions, ())
    )
    return RetryPolicy(
        attempts=said.attempts,
        conditions=conditions,
        statuses=statuses,
        base_interval=length(said.backoff),
        avoids_tried_hosts=False,
    )
