"""``tls`` of an HTTPS server as ``tls`` of a listener.

Client certificates are asked for by Istio's option ``gateway.istio.io/tls-terminate-mode``, which
takes the authorities from where the server did: frontend validation of the Gateway would hold for
every HTTPS listener of the port, and takes them from ConfigMaps, which nothing keeps equal to the
Secret.
Source: https://gateway-api.sigs.k8s.io/reference/spec/#listenertlsconfig
"""

from typing import Final

from controlplane.base.codes import NO_COUNTERPART
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.documents.yaml import Data
from controlplane.kinds.istio.gateway import ServerTls, ServerTlsMode, TlsProtocol

TERMINATE_MODE: Final = "gateway.istio.io/tls-terminate-mode"
CIPHER_SUITES: Final = "gateway.istio.io/tls-cipher-suites"
_MOST: Final = 2  # certificates that a listener shows
_MODES: Final = {
    ServerTlsMode.SIMPLE: None,
    ServerTlsMode.MUTUAL: "MUTUAL",
    ServerTlsMode.OPTIONAL_MUTUAL: "OPTIONAL_MUTUAL",
    ServerTlsMode.ISTIO_MUTUAL: "ISTIO_MUTUAL",
}
_WITHOUT: Final = {
    "ca_crl": "caCrl",
    "server_certificate": "serverCertificate",
    "private_key": "privateKey",
    "ca_certificates": "caCertificates",
    "tls_certificates": "tlsCertificates",
    "ca_cert_credential_name": "caCertCredentialName",
    "subject_alt_names": "subjectAltNames",
    "verify_certificate_spki": "verifyCertificateSpki",
    "verify_certificate_hash": "verifyCertificateHash",
    "ecdh_curves": "ecdhCurves",
    "insecure_skip_verify": "insecureSkipVerify",
}
"""Fields that a listener has nothing for."""


def listener_tls(report: Report, at: FieldRef, tls: ServerTls | None, home: Namespace) -> Data:
    """The settings of a listener whose certificates are in the namespace ``home``."""
    if tls is None:
        report.add(NO_COUNTERPART, at, "a listener for HTTPS has TLS settings, the server none")
        return {}
    if tls.mode not in _MODES:
        report.add(
            NO_COUNTERPART,
            at / "mode",
            f"{tls.mode.value} at a server of protocol HTTPS has no counterpart",
            hint="the mesh's own TLS between networks stays with Istio's API",
        )
    for field, name in _WITHOUT.items():
        if getattr(tls, field):
            report.add(NO_COUNTERPART, at / name, f"a listener has no {name}")
    for field, version in (
        ("minProtocolVersion", tls.min_protocol_version),
        ("maxProtocolVersion", tls.max_protocol_version),
    ):
        if version is not TlsProtocol.TLS_AUTO:
            report.add(NO_COUNTERPART, at / field, f"a listener has no {field}")
    data: dict[str, Data] = {"mode": "Terminate"}
    references = _certificates(report, at, tls, home)
    if references:
        data["certificateRefs"] = references
    options = _options(tls)
    if options:
        data["options"] = options
    return data


def _options(tls: ServerTls) -> dict[str, Data]:
    options: dict[str, Data] = {}
    mode = _MODES.get(tls.mode)
    if mode is not None:
        options[TERMINATE_MODE] = mode
    if tls.cipher_suites:
        options[CIPHER_SUITES] = ",".join(tls.cipher_suites)
    return options


def _certificates(report: Report, at: FieldRef, tls: ServerTls, home: Namespace) -> list[Data]:
    if tls.mode is ServerTlsMode.ISTIO_MUTUAL:
        return []
    names = (tls.credential_name,) if tls.credential_name else tls.credential_names
    place = at / ("credentialName" if tls.credential_name else "credentialNames")
    if not names:
        report.add(
            NO_COUNTERPART,
            at,
            "a listener has its certificate in a Secret, and the server names none",
            hint="put the files into a Secret, and name it as credentialName",
        )
    if len(names) > _MOST:
        report.add(NO_COUNTERPART, place, f"a listener shows at most {_MOST} certificates")
    references: list[Data] = []
    for name in names:
        scope, slash, short = name.removeprefix("kubernetes://").rpartition("/")
        if "://" in name.removeprefix("kubernetes://") or (slash and scope != home):
            report.add(
                NO_COUNTERPART, place, f'"{name}" is no Secret in the namespace of the proxies'
            )
        elif short.endswith("-cacert"):
            report.add(NO_COUNTERPART, place, f'"{name}" names authorities, not a certificate')
        else:
            references.append({"name": short})
    return references
