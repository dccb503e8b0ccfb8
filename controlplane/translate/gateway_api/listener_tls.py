"""``listeners[].tls`` becomes the TLS that a proxy ends, or what is wrong with it.

Sources: https://gateway-api.sigs.k8s.io/guides/tls/; Istio
``pilot/pkg/config/kube/gateway/conversion.go`` (``buildTLS``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.kinds.gateway_api.gateway import FrontendTlsValidation, FrontendValidationMode
from controlplane.kinds.gateway_api.listener import ListenerTls
from controlplane.model.gateway_api import Conformance, Problem
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
)
from controlplane.translate.ciphers import usable_ciphers

TERMINATE_MODE: Final = "gateway.istio.io/tls-terminate-mode"
CIPHER_SUITES: Final = "gateway.istio.io/tls-cipher-suites"
TERMINATE_MODES: Final = ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL", "ISTIO_SIMPLE", "ISTIO_MUTUAL")
"""What ``TERMINATE_MODE`` may say; ``SIMPLE`` is what is done without it."""
INVALID_CERTIFICATE_REF: Final = "InvalidCertificateRef"
INVALID_CA_CERTIFICATE_REF: Final = "InvalidCACertificateRef"
CERTIFICATES_LIMIT: Final = 2
"""One of each type of key: what Istio takes, too."""

TerminateMode = str


@dataclass(frozen=True, slots=True)
class Named:
    """What a reference leads to, by the name under which a proxy asks for it. ``is_foreign``: it is
    in another namespace than the proxy, which may have it all the same.
    """

    name: SecretName
    is_foreign: bool = False


Reference = Named | Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontend:
    """How the Gateway wants clients' certificates to be verified on a port; ``authorities`` are
    what each of the references leads to.
    """

    spec: FrontendTlsValidation
    place: FieldRef
    authorities: tuple[Reference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTls:
    """The TLS of a listener; without it connections cannot be served. ``problem`` is the first one
    that a condition tells of.
    """

    tls: ServerTls | None
    problem: Problem | None = None


def ended_tls(
    at: FieldRef,
    spec: ListenerTls,
    certificates: tuple[Reference, ...],
    frontend: Frontend | None,
    *,
    routes: bool,
    usual: TlsParameters,
    conformance: Conformance,
) -> EndedTls:
    """The TLS of a listener that ends it. ``routes``: whether requests are read inside (HTTPS).

    ``certificates`` are what its ``certificateRefs`` lead to, ``usual`` what the mesh says.
    """
    mode = spec.options.get(TERMINATE_MODE, "")
    if mode == "ISTIO_SIMPLE":
        return EndedTls(tls=ServerTls(certificates=(WORKLOAD_CERTIFICATE,), parameters=usual))
    if mode == "ISTIO_MUTUAL":
        return EndedTls(tls=_mesh_tls(routes=routes))
    chosen = _chosen(at / "certificateRefs", certificates, conformance)
    if not chosen.names:
        return EndedTls(tls=None, problem=chosen.problem)
    clients = _clients(mode, chosen.names[0].name, frontend)
    if isinstance(clients, Problem):
        return EndedTls(tls=None, problem=clients)
    named = (*chosen.names, *(frontend.authorities if frontend and clients else ()))
    return EndedTls(
        tls=ServerTls(
            certificates=tuple(each.name for each in chosen.names),
            parameters=replace(usual, cipher_suites=_ciphers(spec.options) or usual.cipher_suites),
            clients=clients,
            granted=_granted(named, clients),
        ),
        problem=chosen.problem,
    )


@dataclass(frozen=True, slots=True)
class _Chosen:
    names: tuple[Named, ...]
    problem: Problem | None = None


def _chosen(at: FieldRef, certificates: tuple[Reference, ...], conformance: Conformance) -> _Chosen:
    """The certificates that are shown. Istio shows the mesh's own where the first of two leads
    nowhere, and reports neither that nor the other; by the specification each is reported.
    """
    if len(certificates) > CERTIFICATES_LIMIT:
        message = f"{len(certificates)} certificates are named, and a listener shows at most two"
        hint = "name one with an RSA and one with an EC key"
        return _Chosen((), Problem(INVALID_CERTIFICATE_REF, message, at, hint))
    names = tuple(each for each in certificates if isinstance(each, Named))
    problems = [each for each in certificates if isinstance(each, Problem)]
    if not names:
        nothing = Problem(INVALID_CERTIFICATE_REF, "no certificate is named", at)
        return _Chosen((), problems[0] if problems else nothing)
    if conformance is Conformance.SPECIFICATION:
        return _Chosen(names, replace(problems[0], is_partial=True) if problems else None)
    first_is_lost = isinstance(certificates[0], Problem)
    return _Chosen((Named(WORKLOAD_CERTIFICATE),) if first_is_lost else names)


def _clients(
    mode: TerminateMode, certificate: SecretName, frontend: Frontend | None
) -> ClientValidation | Problem | None:
    """Which client certificates are admitted: the option of the listener comes before the mode of
    the Gateway, which comes before the option's own authorities.
    """
    if frontend is not None and frontend.spec.ca_certificate_refs:
        if len(frontend.authorities) > 1:
            message = "several references to authorities are given, and one is supported"
            place = frontend.place / "caCertificateRefs"
            hint = "put all certificates into one ConfigMap"
            return Problem(INVALID_CA_CERTIFICATE_REF, message, place, hint)
        authority = frontend.authorities[0]
        if isinstance(authority, Problem):
            return authority
        return _by_frontend(mode, authority.name, frontend.spec.mode)
    if mode not in ("MUTUAL", "OPTIONAL_MUTUAL"):
        return None
    own = certificate == WORKLOAD_CERTIFICATE
    trust = TRUST_BUNDLE if own else SecretName(f"{certificate}{CA_SUFFIX}")
    return ClientValidation(trust=trust, required=mode == "MUTUAL")


def _by_frontend(
    mode: TerminateMode, trust: SecretName, validation: FrontendValidationMode
) -> ClientValidation:
    if mode in ("MUTUAL", "OPTIONAL_MUTUAL"):
        return ClientValidation(trust=trust, required=mode == "MUTUAL")
    if validation is FrontendValidationMode.ALLOW_INSECURE_FALLBACK:
        return ClientValidation(trust=trust, required=False, accepts_any_authority=True)
    return ClientValidation(trust=trust, required=True)


def _granted(
    named: tuple[Reference, ...], clients: ClientValidation | None
) -> tuple[SecretName, ...]:
    """The secrets of other namespaces; the authorities of a certificate's Secret among them."""
    foreign = [each.name for each in named if isinstance(each, Named) and each.is_foreign]
    if clients is not None:
        foreign += [clients.trust for name in foreign if clients.trust == f"{name}{CA_SUFFIX}"]
    return tuple(dict.fromkeys(foreign))


def _mesh_tls(*, routes: bool) -> ServerTls:
    tls = ServerTls(
        certificates=(WORKLOAD_CERTIFICATE,),
        protocols=HTTP_PROTOCOLS,
        clients=ClientValidation(trust=TRUST_BUNDLE, required=True),
    )
    return tls if routes else replace(tls, protocols=MESH_STREAM_PROTOCOLS)


def _ciphers(options: Mapping[str, str]) -> tuple[str, ...]:
    """The ciphers of the option, those that Envoy does not know left out."""
    text = options.get(CIPHER_SUITES, "")
    return usable_ciphers(word.strip() for word in text.split(",") if word.strip())
