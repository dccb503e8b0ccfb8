"""``ClientTLSSettings`` become the model's way to encrypt connections to endpoints.

Files are requested by name too, as secrets that hold their paths: Envoy opens and watches them, and
one that is missing costs the destination its connections and not the cluster.

Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings
"""

from collections.abc import Iterator
from typing import Final, assert_never

from controlplane.base.codes import NO_EFFECT
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.destination_rule import DestinationRule
from controlplane.kinds.istio.mesh_config import MeshTls
from controlplane.kinds.istio.traffic_policy import ClientTls, ClientTlsMode, TrafficPolicy
from controlplane.kinds.object import Object
from controlplane.model import tls_upstream as model
from controlplane.model.tls import (
    CA_SUFFIX,
    SYSTEM_TRUST_PATH,
    SecretName,
    TlsParameters,
    key_pair_files_name,
    secret_name,
    trust_file_name,
)
from controlplane.translate.ciphers import usable_ciphers
from controlplane.translate.tls_defaults import CURVES

CONFIG_MAP: Final = "configmap://"


def client_tls(report: Report, at: FieldRef, settings: ClientTls | None) -> model.ClientTls | None:
    if settings is None:
        return None
    if settings.mode is ClientTlsMode.DISABLE:
        return model.Plaintext()
    sni = _sni(report, at / "sni", settings.sni)
    match settings.mode:
        case ClientTlsMode.ISTIO_MUTUAL:
            return model.MeshMutual(sni=sni, names=settings.subject_alt_names)
        case ClientTlsMode.SIMPLE:
            return _originate(settings, sni, certificate=None)
        case ClientTlsMode.MUTUAL:
            return _originate(settings, sni, certificate=_certificate(settings))
    assert_never(settings.mode)


def tls_settings(rule: Object[DestinationRule]) -> Iterator[tuple[FieldRef, ClientTls]]:
    """Every ``tls`` of a rule, of subsets and ports too, and where it is."""
    at = FieldRef(rule.key) / "spec"
    yield from _of_policy(at / "trafficPolicy", rule.spec.traffic_policy)
    for i, subset in enumerate(rule.spec.subsets):
        yield from _of_policy(at / "subsets" / i / "trafficPolicy", subset.traffic_policy)


def _of_policy(at: FieldRef, policy: TrafficPolicy | None) -> Iterator[tuple[FieldRef, ClientTls]]:
    if policy is None:
        return
    if policy.tls is not None:
        yield at / "tls", policy.tls
    for i, settings in enumerate(policy.port_level_settings):
        if settings.tls is not None:
            yield at / "portLevelSettings" / i / "tls", settings.tls


def parameters(defaults: MeshTls | None) -> TlsParameters:
    """Ciphers and curves of MeshConfig's ``tlsDefaults``, those that Envoy knows."""
    if defaults is None:
        return TlsParameters()
    return TlsParameters(
        cipher_suites=usable_ciphers(defaults.cipher_suites),
        curves=tuple(c for c in defaults.ecdh_curves if c in CURVES),
    )


def _sni(report: Report, at: FieldRef, name: str) -> str | None:
    if len(name.encode()) <= model.LONGEST_SNI:
        return name or None
    report.add(
        NO_EFFECT,
        at,
        f"the name has {len(name.encode())} bytes, more than the {model.LONGEST_SNI} of any host: "
        "it is not sent",
    )
    return None


def _originate(
    settings: ClientTls, sni: str | None, *, certificate: SecretName | None
) -> model.Originate:
    trust = _trust(settings)
    return model.Originate(
        trust=trust,
        certificate=certificate,
        names=settings.subject_alt_names,
        sni=sni,
        proves_host=(
            sni is None
            and not settings.subject_alt_names
            and not isinstance(trust, model.TrustAnything)
        ),
    )


def _certificate(settings: ClientTls) -> SecretName | None:
    if settings.credential_name:
        return secret_name(settings.credential_name)
    if settings.client_certificate and settings.private_key:
        return key_pair_files_name(settings.client_certificate, settings.private_key)
    return None


def _trust(settings: ClientTls) -> SecretName | model.TrustAnything:
    if settings.insecure_skip_verify:
        return model.TrustAnything()
    if settings.credential_name:
        name = secret_name(settings.credential_name)
        return name if name.startswith(CONFIG_MAP) else SecretName(f"{name}{CA_SUFFIX}")
    return trust_file_name(settings.ca_certificates or SYSTEM_TRUST_PATH, settings.ca_crl)
