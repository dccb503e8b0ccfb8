"""``ClientTLSSettings`` become the model's way to encrypt connections to endpoints.

Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings
"""

from typing import Final

from controlplane.kinds.istio.traffic_policy import ClientTls
from controlplane.kinds.istio.traffic_policy import ClientTlsMode
from controlplane.model import tls_upstream as model

SECRET: Final = "kubernetes://"
TRUST_SUFFIX: Final = "-cacert"
CONFIG_MAP: Final = "configmap://"


def client_tls(settings: ClientTls | None) -> model.ClientTls | None:
    if settings is None:
        return None
    match settings.mode:
        case ClientTlsMode.DISABLE:
            return model.Plaintext()
        case ClientTlsMode.ISTIO_MUTUAL:
            return model.MeshMutual(sni=settings.sni or None, names=settings.subject_alt_names)
        case ClientTlsMode.SIMPLE:
            return _originate(settings, certificate=None)
        case ClientTlsMode.MUTUAL:
            return _originate(settings, certificate=_certificate(settings))


def _originate(
    settings: ClientTls, *, certificate: model.SecretNamed | model.CertificateFiles | None
) -> model.Originate:
    trust = _trust(settings)
    return model.Originate(
        trust=trust,
        certificate=certificate,
        names=settings.subject_alt_names,
        sni=settings.sni or None,
        proves_host=(
            not settings.sni
            and not settings.subject_alt_names
            and not isinstance(trust, model.TrustAnything)
        ),
    )


def _certificate(settings: ClientTls) -> model.SecretNamed | model.CertificateFiles | None:
    if settings.credential_name:
        return model.SecretNamed(_secret_name(settings.credential_name))
    if settings.client_certificate and settings.private_key:
        return model.CertificateFiles(settings.client_certificate, settings.private_key)
    return None


def _trust(
    settings: ClientTls,
) -> model.SecretNamed | model.TrustFile | model.SystemTrust | model.TrustAnything:
    if settings.insecure_skip_verify:
        return model.TrustAnything()
    if settings.credential_name:
        name = _secret_name(settings.credential_name)
        if name.startswith(CONFIG_MAP):
            return model.SecretNamed(name)
        return model.SecretNamed(f"{name}{TRUST_SUFFIX}")
    if settings.ca_certificates:
        return model.TrustFile(settings.ca_certificates, settings.ca_crl)
    return model.SystemTrust(settings.ca_crl)


def _secret_name(credential: str) -> str:
    return credential if "://" in credential else f"{SECRET}{credential}"
