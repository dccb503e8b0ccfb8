"""Rules of sessions, BackendTLSPolicy, XBackendTrafficPolicy and XBackend."""

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from controlplane.base.codes import (
    MISSING_FIELD,
    MUTUALLY_EXCLUSIVE,
    NOT_UNIQUE,
    VALUE_MALFORMED,
    VALUE_OUT_OF_RANGE,
)
from controlplane.kinds.gateway_api.backend import (
    BackendPort,
    BackendTls,
    BackendTlsMode,
    BackendType,
    ExternalHostname,
    XBackend,
)
from controlplane.kinds.gateway_api.backend_tls_policy import (
    BackendTlsPolicy,
    BackendTlsValidation,
    SubjectAltName,
)
from controlplane.kinds.gateway_api.backend_traffic_policy import BudgetDetails, RequestRate
from controlplane.kinds.gateway_api.common import (
    CookieLifetimeType,
    SessionPersistence,
    SessionPersistenceType,
)
from controlplane.kinds.validation.gateway_api.rule import Fault, Rule, of_one_type, rule

_SECOND: Final = 1_000_000_000  # nanoseconds
_HOUR: Final = 3600 * _SECOND
_CLUSTER_SUFFIX: Final = ".cluster.local"


def session_in_one_shape(session: SessionPersistence) -> Iterator[Fault]:
    """v1.6 has sessionName and cookieConfig, its successor cookie and header."""
    newer = [name for name in ("cookie", "header") if getattr(session, name) is not None]
    if not newer:
        return
    for field, value in (
        ("sessionName", session.session_name),
        ("cookieConfig", session.cookie_config),
    ):
        if value:
            message = f"{field} is of another version of the API than {newer[0]}"
            yield Fault((field,), message, "write all of it in one shape", MUTUALLY_EXCLUSIVE)
    of_type = "cookie" if session.type is SessionPersistenceType.COOKIE else "header"
    if of_type not in newer:
        message = f"type: {session.type.value} needs {of_type}"
        yield Fault((), message, f"add {of_type}", MISSING_FIELD)


def session_of_type(session: SessionPersistence) -> Iterator[Fault]:
    """What is about cookies goes with type Cookie; a permanent one has an end."""
    for field, config in (
        ("cookieConfig", session.cookie_config),
        ("cookie", session.cookie),
    ):
        if config is None:
            continue
        if session.type is not SessionPersistenceType.COOKIE:
            message = f"{field} is for type: Cookie, not {session.type.value}"
            yield Fault((field,), message, "write type: Cookie")
        is_permanent = config.lifetime_type is CookieLifetimeType.PERMANENT
        if is_permanent and session.absolute_timeout is None:
            message = "a permanent cookie needs an absoluteTimeout"
            yield Fault((), message, "add absoluteTimeout: 24h", MISSING_FIELD)
    if session.header is not None and session.type is not SessionPersistenceType.HEADER:
        message = f"header is for type: Header, not {session.type.value}"
        yield Fault(("header",), message, "write type: Header")


def targets_differ(policy: BackendTlsPolicy) -> Iterator[Fault]:
    """A target named twice needs a sectionName each time, and another."""
    for (_, one), (i, other) in combinations(enumerate(policy.target_refs), 2):
        if (one.group, one.kind, one.name) != (other.group, other.kind, other.name):
            continue
        target = f'{other.kind} "{other.name}"'
        if bool(one.section_name) != bool(other.section_name):
            message = f"{target} is a target twice, and not both times with a sectionName"
            yield Fault(("targetRefs", i), message, "give each of them a sectionName")
        elif one.section_name == other.section_name:
            message = f"{target} is a target twice with the same sectionName"
            yield Fault(("targetRefs", i), message, "remove one of them", NOT_UNIQUE)


def one_source_of_certificates(validation: BackendTlsValidation) -> Iterator[Fault]:
    if validation.ca_certificate_refs and validation.well_known_ca_certificates:
        message = "caCertificateRefs and wellKnownCACertificates exclude each other"
        yield Fault(("wellKnownCACertificates",), message, "remove one of them", MUTUALLY_EXCLUSIVE)
    if not validation.ca_certificate_refs and not validation.well_known_ca_certificates:
        message = "the validation needs the certificates that it trusts"
        hint = "add caCertificateRefs, or wellKnownCACertificates: System"
        yield Fault((), message, hint, MISSING_FIELD)


def name_of_type(name: SubjectAltName) -> Iterator[Fault]:
    bodies = {"Hostname": ("hostname", bool(name.hostname)), "URI": ("uri", bool(name.uri))}
    yield from of_one_type("type", name.type.value, bodies)


def budget_interval(budget: BudgetDetails) -> Iterator[Fault]:
    if not _SECOND <= budget.interval.nanoseconds <= _HOUR:
        message = "a budget's interval is from one second to one hour"
        yield Fault(("interval",), message, None, VALUE_OUT_OF_RANGE)


def rate_interval(rate: RequestRate) -> Iterator[Fault]:
    if rate.interval is not None and not 0 < rate.interval.nanoseconds <= _HOUR:
        message = "a rate's interval is longer than nothing and at most one hour"
        yield Fault(("interval",), message, None, VALUE_OUT_OF_RANGE)


def hostname_of_type(backend: XBackend) -> Iterator[Fault]:
    if backend.type is BackendType.EXTERNAL_HOSTNAME and backend.external_hostname is None:
        message = "type: ExternalHostname needs externalHostname"
        yield Fault((), message, "add externalHostname: {hostname: HOST}", MISSING_FIELD)


def port_without_name(port: BackendPort) -> Iterator[Fault]:
    """The CRD's rule compares an optional with null, so that it refuses every name."""
    if port.name:
        message = "the CRD of XBackend refuses every name of a port"
        yield Fault(("name",), message, "remove name", VALUE_MALFORMED)


def hostname_is_outside(host: ExternalHostname) -> Iterator[Fault]:
    if host.hostname.endswith(_CLUSTER_SUFFIX):
        message = f'"{host.hostname}" is inside of the cluster'
        yield Fault(("hostname",), message, "refer to the Service itself", VALUE_MALFORMED)


def certificate_of_mode(tls: BackendTls) -> Iterator[Fault]:
    is_both = tls.mode is BackendTlsMode.CLIENT_AND_SERVER
    if is_both and tls.client_certificate_ref is None:
        message = "mode: ClientAndServer needs clientCertificateRef"
        yield Fault((), message, "add clientCertificateRef: {name: SECRET}", MISSING_FIELD)
    if not is_both and tls.client_certificate_ref is not None:
        message = f"clientCertificateRef is for mode: ClientAndServer, not {tls.mode.value}"
        yield Fault(("clientCertificateRef",), message, "write mode: ClientAndServer")


RULES: Final[tuple[Rule, ...]] = (
    rule(SessionPersistence, session_in_one_shape),
    rule(SessionPersistence, session_of_type),
    rule(BackendTlsPolicy, targets_differ),
    rule(BackendTlsValidation, one_source_of_certificates),
    rule(SubjectAltName, name_of_type),
    rule(BudgetDetails, budget_interval),
    rule(RequestRate, rate_interval),
    rule(XBackend, hostname_of_type),
    rule(BackendPort, port_without_name),
    rule(ExternalHostname, hostname_is_outside),
    rule(BackendTls, certificate_of_mode),
)
