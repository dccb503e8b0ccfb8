"""Which targets the policies of the Gateway API for backends apply to, and what keeps them from it.

Sources: https://gateway-api.sigs.k8s.io/api-types/backendtlspolicy/ and Istio
``pilot/pkg/config/kube/gateway/backend_policies.go``.
"""

from collections.abc import Iterator
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind, Namespace, ObjectKey, key_is_of
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.core.configuration import CONFIG_MAP
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.gateway_api.backend_tls_policy import (
    BACKEND_TLS_POLICY,
    BackendTlsPolicy,
    BackendTlsPolicyKey,
)
from controlplane.kinds.gateway_api.backend_traffic_policy import (
    X_BACKEND_TRAFFIC_POLICY,
    XBackendTrafficPolicy,
)
from controlplane.kinds.gateway_api.common import LocalObjectReference
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.kinds.object import Object
from controlplane.model.gateway_api import Problem
from controlplane.model.tls import CA_SUFFIX, SecretName
from controlplane.model.tls_upstream import SecretUse
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.inputs.unread_policies import has_unread_backend_policies
from controlplane.queries.registry.credentials import Credential, reading
from controlplane.queries.registry.services import DeclarationKey, hosts_of, service_declared
from controlplane.translate.gateway_api.backend_policy import (
    NO_CONNECTION,
    NO_TRUST,
    SYSTEM_TRUST,
    BackendPolicy,
    client_tls,
    retry_budget,
)

IGNORED: Final = "istio.io/ignore-policy-attachment"
"""The annotation of policies that are for others to carry out."""
TARGET_NOT_FOUND: Final = "TargetNotFound"
CONFLICTED: Final = "Conflicted"
INVALID_KIND: Final = "InvalidKind"
INVALID_CA: Final = "InvalidCACertificateRef"

AnyPolicy = BackendTlsPolicy | XBackendTrafficPolicy
PolicyKey = ObjectKey[AnyPolicy]
Target = tuple[str, str, str, Namespace, str]


def is_ignored(policy: Object[AnyPolicy]) -> bool:
    """Whether a policy is for others to carry out."""
    return policy.annotations.get(IGNORED, "").lower() == "true"


def targets_of(policy: Object[AnyPolicy]) -> tuple[tuple[ObjectKey, str], ...]:
    """What the ``targetRefs`` name, each with the port's name, ``""`` for all ports."""
    refs = policy.spec.target_refs
    return tuple(
        (
            ObjectKey(Kind(ref.group, ref.kind), policy.namespace, ref.name),
            "" if isinstance(ref, LocalObjectReference) else ref.section_name,
        )
        for ref in refs
    )


@index(BACKEND_TLS_POLICY, X_BACKEND_TRAFFIC_POLICY)
def policies_of_target(policy: Object[AnyPolicy]) -> Iterator[tuple[ObjectKey, PolicyKey]]:
    """The policies with a target, but for those that are ignored."""
    if not is_ignored(policy):
        for target, _ in targets_of(policy):
            yield target, policy.key


@index(BACKEND_TLS_POLICY, X_BACKEND_TRAFFIC_POLICY)
def targets_in_namespace(policy: Object[AnyPolicy]) -> Iterator[tuple[Namespace, ObjectKey]]:
    """What is a target of any policy in a namespace."""
    if not is_ignored(policy):
        for target, _ in targets_of(policy):
            yield policy.namespace, target


@derived
def policies_for(graph: Graph, target: ObjectKey) -> tuple[BackendPolicy, ...]:
    """What the policies for a target say, the oldest first. While a new policy of the namespace
    cannot be read it may be for any target: what no other policy decides is not connected to.

    Runs again when one of them, the target's ports or an authority of theirs changes.
    """
    keys = policies_of_target(graph, target)
    declared = [policy for key in keys if (policy := object_of(graph, key)) is not None]
    declared.sort(key=_age)
    said = tuple(
        _said(graph, policy, section)
        for policy in declared
        for i, (named, section) in enumerate(targets_of(policy))
        if named == target and target_problem(graph, policy.key, i) is None
    )
    is_closed = has_unread_backend_policies(graph, target.namespace)
    return (*said, NO_CONNECTION) if is_closed else said


def _said(graph: Graph, policy: Object[AnyPolicy], section: str) -> BackendPolicy:
    spec = policy.spec
    if isinstance(spec, XBackendTrafficPolicy):
        return BackendPolicy(retry_budget=retry_budget(spec))
    assert key_is_of(policy.key, BACKEND_TLS_POLICY), "a spec is of its key's kind"
    trust = trust_of(graph, policy.key)
    return BackendPolicy(section=section, tls=client_tls(spec.validation, trust))


def trust_of(graph: Graph, key: BackendTlsPolicyKey) -> SecretName:
    """The authorities that a policy trusts: ``NO_TRUST`` where there is something wrong with
    them.
    """
    policy = object_of(graph, key)
    if policy is None or trust_problem(graph, key) is not None:
        return NO_TRUST
    refs = policy.spec.validation.ca_certificate_refs
    if not refs:
        return SYSTEM_TRUST
    return SecretName(f"configmap://{key.namespace}/{refs[0].name}{CA_SUFFIX}")


@derived
def trust_problem(graph: Graph, key: BackendTlsPolicyKey) -> Problem | None:
    """What is wrong with the authorities of a policy; of several only the first are used."""
    policy = object_of(graph, key)
    if policy is None or policy.spec.validation.well_known_ca_certificates:
        return None
    if not policy.spec.validation.ca_certificate_refs:
        return None
    ref = policy.spec.validation.ca_certificate_refs[0]
    at = FieldRef(key) / "spec" / "validation" / "caCertificateRefs" / 0
    if Kind(ref.group, ref.kind) != CONFIG_MAP:
        message = f"{ref.kind} {ref.name} is not a ConfigMap, and only those hold authorities"
        return Problem(INVALID_KIND, message, at / "kind", 'write group: "" and kind: ConfigMap')
    holder = ObjectKey(CONFIG_MAP, key.namespace, ref.name)
    if object_of(graph, holder) is None:
        return Problem(
            INVALID_CA,
            f"{holder.display_name} does not exist",
            at / "name",
            f"declare ConfigMap {holder.name} with the authorities in ca.crt",
        )
    if reading(graph, Credential(holder, SecretUse.TRUST)) is None:
        return Problem(
            INVALID_CA,
            f"{holder.display_name} does not hold certificates of authorities in ca.crt",
            at / "name",
        )
    return None


@guarded
def target_problem(graph: Graph, key: PolicyKey, position: int) -> Problem | None:
    """Why a policy does not apply to one of its targets.

    Runs again when the target comes or goes or its ports change, or another policy for it changes.
    """
    policy = object_of(graph, key)
    if policy is None:
        return None
    target, section = targets_of(policy)[position]
    at = FieldRef(key) / "spec" / "targetRefs" / position
    missing = _missing(graph, policy, target, section, at)
    return missing if missing is not None else _conflict(graph, policy, target, section, at)


def _missing(
    graph: Graph, policy: Object[AnyPolicy], target: ObjectKey, section: str, at: FieldRef
) -> Problem | None:
    takes_entries = policy.kind == BACKEND_TLS_POLICY
    declaring = declaring_target(target)
    if declaring is None or (declaring.kind == SERVICE_ENTRY and not takes_entries):
        wanted = "a Service or a ServiceEntry" if takes_entries else "a Service"
        message = f"a {policy.kind.name} is for {wanted}, not for {target.kind.name} {target.name}"
        return Problem(TARGET_NOT_FOUND, message, at / "kind")
    declared = object_of(graph, declaring)
    if declared is None:
        message = f"{target.display_name} is not declared"
        return Problem(TARGET_NOT_FOUND, message, at / "name", "name one that is")
    names = _port_names(graph, declaring)
    if not section or section in names:
        return None
    known = ", ".join(sorted(name for name in names if name))
    return Problem(
        TARGET_NOT_FOUND,
        f'{target.display_name} has no port named "{section}"',
        at / "sectionName",
        f"its ports are {known}" if known else "give the port this name in the Service",
    )


def declaring_target(target: ObjectKey) -> DeclarationKey | None:
    """The target where it is one that can declare hosts; ``None`` for other kinds."""
    if key_is_of(target, SERVICE):
        return target
    return target if key_is_of(target, SERVICE_ENTRY) else None


@derived
def _port_names(graph: Graph, key: DeclarationKey) -> frozenset[str]:
    declared = object_of(graph, key)
    hosts = hosts_of(declared) if declared is not None else ()
    found = service_declared(graph, key, hosts[0]) if hosts else None
    return frozenset(port.name for port in found.ports) if found is not None else frozenset()


def _conflict(
    graph: Graph, policy: Object[AnyPolicy], target: ObjectKey, section: str, at: FieldRef
) -> Problem | None:
    """An older policy of the kind that says something else about the same."""
    for key in policies_of_target(graph, target):
        other = object_of(graph, key) if key.kind == policy.kind and key != policy.key else None
        if other is None or (target, section) not in targets_of(other):
            continue
        if _age(other) < _age(policy) and _sets_the_same(other.spec, policy.spec):
            return Problem(
                CONFLICTED,
                f"the older {other.key.display_name} is for the same target, and is the one used",
                at / "name",
                f"remove the target from one of the two, or set it in {other.key.display_name}",
            )
    return None


def _sets_the_same(older: AnyPolicy, younger: AnyPolicy) -> bool:
    if isinstance(older, BackendTlsPolicy) or isinstance(younger, BackendTlsPolicy):
        return True
    budgets = older.retry_constraint is not None and younger.retry_constraint is not None
    sessions = older.session_persistence is not None and younger.session_persistence is not None
    return budgets or sessions


def _age(policy: Object[AnyPolicy]) -> tuple[str, Namespace, str]:
    return policy.created, policy.namespace, policy.name
