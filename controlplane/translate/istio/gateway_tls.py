"""``servers[].tls`` of a Gateway becomes the TLS a proxy ends, for the modes that end it.

Sources: https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings; what
Envoy refuses: envoy/extensions/transport_sockets/tls/v3/common.proto.
"""

import re
from typing import Final

from controlplane.base.base64 import decoded
from controlplane.base.codes import (
    CIPHER_UNKNOWN,
    CLIENT_NAMES_UNUSED,
    NO_EFFECT,
    OPTIONAL_BECOMES_REQUIRED,
    PIN_MALFORMED,
    SECRET_NAME_SUFFIX,
    TLS_VERSIONS_EMPTY,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.nearest import nearest
from controlplane.kinds.istio.gateway import ServerTls as ServerTlsSpec, ServerTlsMode
from controlplane.kinds.istio.mesh_config import MeshTls
from controlplane.model.tls import (
    CA_SUFFIX,
    HTTP_PROTOCOLS,
    MESH_STREAM_PROTOCOLS,
    TRUST_BUNDLE,
    WORKLOAD_CERTIFICATE,
    ClientValidation,
    SecretName,
    ServerTls,
    TlsParameters,
    is_trust_name,
    key_pair_files_name,
    never_served,
    secret_name,
    trust_file_name,
)
from controlplane.translate.ciphers import CIPHERS, is_cipher, usable_ciphers
from controlplane.translate.tls_defaults import CURVES, VERSIONS, usual_parameters

_HEX_PIN: Final = re.compile(r"[0-9A-Fa-f]{64}|[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}")
_MATCHES_NOTHING: Final = "00" * 32


def server_tls(
    report: Report, at: FieldRef, spec: ServerTlsSpec, *, routes: bool, defaults: MeshTls | None
) -> ServerTls:
    """The TLS of a server whose mode ends it. ``routes``: whether requests are read inside
    (HTTPS).
    """
    if spec.mode is ServerTlsMode.ISTIO_MUTUAL:
        return _mesh_tls(spec, routes=routes)
    certificates = _certificates(report, at, spec)
    return ServerTls(
        certificates=certificates,
        parameters=_parameters(report, at, spec, usual_parameters(defaults)),
        clients=_clients(report, at, spec, certificates),
    )


def server_secret_name(credential_name: str) -> SecretName:
    """What a gateway asks for under a ``credentialName``; ``builtin://`` is its own certificate."""
    if credential_name == "builtin://":
        return WORKLOAD_CERTIFICATE
    return secret_name(credential_name)


def _mesh_tls(spec: ServerTlsSpec, *, routes: bool) -> ServerTls:
    return ServerTls(
        certificates=(WORKLOAD_CERTIFICATE,),
        protocols=HTTP_PROTOCOLS if routes else MESH_STREAM_PROTOCOLS,
        clients=ClientValidation(
            trust=TRUST_BUNDLE, required=True, subject_names=spec.subject_alt_names
        ),
    )


def _certificates(report: Report, at: FieldRef, spec: ServerTlsSpec) -> tuple[SecretName, ...]:
    names = _credential_names(spec)
    if names:
        fields = [at / "credentialNames" / i for i in range(len(names))]
        places = [at / "credentialName"] if spec.credential_name else fields
        return tuple(_certificate(report, p, n) for p, n in zip(places, names, strict=True))
    files = [(c.server_certificate, c.private_key) for c in spec.tls_certificates]
    return tuple(
        key_pair_files_name(certificate, key)
        for certificate, key in files or [(spec.server_certificate, spec.private_key)]
    )


def _certificate(report: Report, at: FieldRef, credential_name: str) -> SecretName:
    name = server_secret_name(credential_name)
    if not is_trust_name(name):
        return name
    report.add(
        SECRET_NAME_SUFFIX,
        at,
        f'"{credential_name}" names authorities, not a certificate, so every connection is closed',
        hint="name a Secret with tls.crt and tls.key",
    )
    return never_served(credential_name)


def _credential_names(spec: ServerTlsSpec) -> tuple[str, ...]:
    return (spec.credential_name,) if spec.credential_name else spec.credential_names


def _clients(
    report: Report, at: FieldRef, spec: ServerTlsSpec, certificates: tuple[SecretName, ...]
) -> ClientValidation | None:
    if spec.mode is ServerTlsMode.SIMPLE:
        for field, values in (
            ("subjectAltNames", spec.subject_alt_names),
            ("verifyCertificateSpki", spec.verify_certificate_spki),
            ("verifyCertificateHash", spec.verify_certificate_hash),
        ):
            if values:
                report.add(
                    CLIENT_NAMES_UNUSED,
                    at / field,
                    f"mode SIMPLE does not ask clients for a certificate, so {field} has no effect",
                    hint="set mode MUTUAL",
                )
        return None
    optional = spec.mode is ServerTlsMode.OPTIONAL_MUTUAL
    if optional and spec.subject_alt_names:
        report.add(
            OPTIONAL_BECOMES_REQUIRED,
            at / "subjectAltNames",
            "with subjectAltNames, OPTIONAL_MUTUAL also refuses clients without a certificate",
            hint="remove subjectAltNames, or set mode MUTUAL",
        )
    pins = bool(_credential_names(spec))
    return ClientValidation(
        trust=_trust(report, at, spec, certificates[0]),
        required=not optional,
        subject_names=spec.subject_alt_names,
        public_keys=_pins(
            report, at / "verifyCertificateSpki", spec.verify_certificate_spki, honoured=pins
        ),
        certificates=_hashes(
            report, at / "verifyCertificateHash", spec.verify_certificate_hash, honoured=pins
        ),
        accepts_any_authority=bool(spec.insecure_skip_verify),
    )


def _trust(
    report: Report, at: FieldRef, spec: ServerTlsSpec, certificate: SecretName
) -> SecretName:
    if not _credential_names(spec):
        return trust_file_name(spec.ca_certificates, spec.ca_crl)
    if not spec.ca_cert_credential_name:
        own = certificate == WORKLOAD_CERTIFICATE
        return TRUST_BUNDLE if own else SecretName(f"{certificate}{CA_SUFFIX}")
    name = server_secret_name(spec.ca_cert_credential_name)
    if is_trust_name(name):
        return name
    report.add(
        SECRET_NAME_SUFFIX,
        at / "caCertCredentialName",
        f'"{spec.ca_cert_credential_name}" does not end in {CA_SUFFIX}, so no CA is read from it '
        "and every connection is closed",
        hint=f'write "{spec.ca_cert_credential_name}{CA_SUFFIX}"; the Secret may keep its name',
    )
    return never_served(spec.ca_cert_credential_name)


def _pins(
    report: Report, at: FieldRef, pins: tuple[str, ...], *, honoured: bool
) -> tuple[str, ...]:
    return _usable_pins(
        report, at, pins, [_is_key_pin(pin) for pin in pins], honoured=honoured, none="A" * 43 + "="
    )


def _hashes(
    report: Report, at: FieldRef, pins: tuple[str, ...], *, honoured: bool
) -> tuple[str, ...]:
    usable = [_HEX_PIN.fullmatch(pin) is not None for pin in pins]
    return _usable_pins(report, at, pins, usable, honoured=honoured, none=_MATCHES_NOTHING)


def _usable_pins(
    report: Report,
    at: FieldRef,
    pins: tuple[str, ...],
    usable: list[bool],
    *,
    honoured: bool,
    none: str,
) -> tuple[str, ...]:
    """The pins Envoy can read; where none is left, one that no certificate has, so that
    verification never gets weaker.
    """
    if pins and not honoured:
        report.add(NO_EFFECT, at, f"{at.path[-1]} has no effect where certificates come from files")
        return ()
    for i, (pin, fine) in enumerate(zip(pins, usable, strict=True)):
        if not fine:
            report.add(PIN_MALFORMED, at / i, f'"{pin}" is not a valid SHA-256 fingerprint')
    kept = tuple(pin for pin, fine in zip(pins, usable, strict=True) if fine)
    return kept or ((none,) if pins else ())


def _is_key_pin(pin: str) -> bool:
    """The base64 of 32 bytes, without the line breaks that Envoy does not accept."""
    return len(pin) == 44 and len(decoded(pin) or b"") == 32


def _parameters(
    report: Report, at: FieldRef, spec: ServerTlsSpec, usual: TlsParameters
) -> TlsParameters:
    minimum = VERSIONS.get(spec.min_protocol_version) or usual.minimum
    maximum = VERSIONS.get(spec.max_protocol_version)
    if minimum is not None and maximum is not None and minimum.value > maximum.value:
        report.add(
            TLS_VERSIONS_EMPTY,
            at / "maxProtocolVersion",
            f"no client can connect: the highest version, TLS {maximum.value}, is below the "
            f"lowest, TLS {minimum.value}",
        )
    return TlsParameters(
        minimum=minimum,
        maximum=maximum,
        cipher_suites=_ciphers(report, at / "cipherSuites", spec.cipher_suites)
        or usual.cipher_suites,
        curves=_curves(report, at / "ecdhCurves", spec.ecdh_curves) or usual.curves,
    )


def _ciphers(report: Report, at: FieldRef, words: tuple[str, ...]) -> tuple[str, ...]:
    for i, word in enumerate(words):
        if word and not is_cipher(word):
            _report_unknown(report, at / i, word, CIPHERS)
    usable = usable_ciphers(words)
    if not usable and any(map(is_cipher, words)):
        report.add(
            NO_EFFECT,
            at,
            "the list only removes ciphers and adds none, so Envoy's default ciphers are used",
            hint="begin the list with ALL, or with the ciphers to allow",
        )
    return usable


def _curves(report: Report, at: FieldRef, names: tuple[str, ...]) -> tuple[str, ...]:
    for i, name in enumerate(names):
        if name and name not in CURVES:
            _report_unknown(report, at / i, name, CURVES)
    return tuple(dict.fromkeys(name for name in names if name in CURVES))


def _report_unknown(report: Report, at: FieldRef, name: str, known: frozenset[str]) -> None:
    """Envoy would refuse the whole listener for a name that it does not know."""
    near = nearest(name, sorted(known))
    report.add(
        CIPHER_UNKNOWN,
        at,
        f'"{name}" is left out, because Envoy does not support it',
        hint=f"write {near}" if near else f"choose from {', '.join(sorted(known))}",
    )
