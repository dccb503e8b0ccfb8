"""BackendTLSPolicy of the Gateway API."""

from typing import Final

from controlplane.kinds.gateway_api.backend_tls_policy import (
    BACKEND_TLS_POLICY,
    BackendTlsPolicy,
    BackendTlsValidation,
    PolicyTargetReferenceWithSection,
    SubjectAltName,
)
from controlplane.kinds.gateway_api.common import LocalObjectReference
from controlplane.kinds.gateway_api.status import POLICY_STATUS
from controlplane.kinds.gateway_api.versions import V1_AND_V1ALPHA3
from controlplane.kinds.served import Fields, ServedKind, by
from controlplane.kinds.validation.gateway_api.admission import gateway_api

FIELDS: Final[Fields] = {
    BackendTlsPolicy: (
        by("queries.policy.backend_policies:targets_of", "target_refs"),
        by("queries.policy.backend_policies:policies_for", "validation"),
    ),
    PolicyTargetReferenceWithSection: (
        by("queries.policy.backend_policies:targets_of", "group", "kind", "name", "section_name"),
    ),
    BackendTlsValidation: (
        by("queries.policy.backend_policies:trust_of", "ca_certificate_refs"),
        by(
            "translate.gateway_api.backend_policy:client_tls",
            "hostname",
            "subject_alt_names",
        ),
        by("queries.policy.backend_policies:trust_problem", "well_known_ca_certificates"),
    ),
    SubjectAltName: (
        by("translate.gateway_api.backend_policy:client_tls", "type", "hostname", "uri"),
    ),
    LocalObjectReference: (
        by("queries.policy.backend_policies:trust_problem", "group", "kind", "name"),
    ),
}

KIND: Final = ServedKind(
    kind=BACKEND_TLS_POLICY,
    api_versions=V1_AND_V1ALPHA3,
    spec=BackendTlsPolicy,
    validate=gateway_api,
    fields=FIELDS,
    custom=True,
    needs_spec=True,
    status=POLICY_STATUS,
)
