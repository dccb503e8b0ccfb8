"""BackendTLSPolicy. Source: https://gateway-api.sigs.k8s.io/api-types/backendtlspolicy/"""

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Final

from msgspec import Meta, field

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.gateway_api.common import LocalObjectReference
from controlplane.kinds.gateway_api.text import (
    AnnotationValue,
    Group,
    Hostname,
    KindName,
    ObjectName,
    PreciseHostname,
    SectionName,
    Uri,
    WellKnownCertificates,
)
from controlplane.kinds.gateway_api.versions import GATEWAY_API
from controlplane.kinds.spec import Spec


class PolicyTargetReferenceWithSection(Spec, frozen=True):
    """``section_name`` is the name of a Service's port; without it the policy is for all ports."""

    group: Group = ""
    kind: KindName = ""
    name: ObjectName = ""
    section_name: SectionName = ""


class SubjectAltNameType(Enum):
    HOSTNAME = "Hostname"
    URI = "URI"


class SubjectAltName(Spec, frozen=True):
    """Exactly the field that ``type`` names is set."""

    type: SubjectAltNameType = SubjectAltNameType.HOSTNAME
    hostname: Hostname = ""
    uri: Uri = ""


class BackendTlsValidation(Spec, frozen=True):
    """``hostname`` is the SNI, and what the certificate must be for unless there are
    ``subject_alt_names``.
    """

    ca_certificate_refs: Annotated[tuple[LocalObjectReference, ...], Meta(max_length=8)] = field(
        default=(), name="caCertificateRefs"
    )
    well_known_ca_certificates: WellKnownCertificates = field(
        default="", name="wellKnownCACertificates"
    )
    hostname: PreciseHostname = ""
    subject_alt_names: Annotated[tuple[SubjectAltName, ...], Meta(max_length=5)] = ()


class BackendTlsPolicy(Spec, frozen=True):
    target_refs: Annotated[
        tuple[PolicyTargetReferenceWithSection, ...], Meta(min_length=1, max_length=16)
    ] = ()
    validation: BackendTlsValidation = BackendTlsValidation()
    options: Annotated[Mapping[str, AnnotationValue], Meta(max_length=16)] = {}


BACKEND_TLS_POLICY: Final[Kind[BackendTlsPolicy]] = Kind(GATEWAY_API, "BackendTLSPolicy")
BackendTlsPolicyKey = ObjectKey[BackendTlsPolicy]
