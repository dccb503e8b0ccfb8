"""AuthorizationPolicy.

Source: https://istio.io/latest/docs/reference/config/security/authorization-policy/
"""

from enum import Enum
from typing import Final

from controlplane.base.names import Kind, ObjectKey
from controlplane.kinds.istio.selection import LabelSelector, PolicyTargetReference
from controlplane.kinds.spec import Spec


class Action(Enum):
    ALLOW = "ALLOW"
    DENY = "DENY"
    AUDIT = "AUDIT"
    CUSTOM = "CUSTOM"


class Source(Spec, frozen=True):
    """Who calls: every field that is given must hold; of its values one. ``not…``: none."""

    principals: tuple[str, ...] = ()
    not_principals: tuple[str, ...] = ()
    request_principals: tuple[str, ...] = ()
    not_request_principals: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    not_namespaces: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    not_service_accounts: tuple[str, ...] = ()
    trust_domains: tuple[str, ...] = ()
    not_trust_domains: tuple[str, ...] = ()
    ip_blocks: tuple[str, ...] = ()
    not_ip_blocks: tuple[str, ...] = ()
    remote_ip_blocks: tuple[str, ...] = ()
    not_remote_ip_blocks: tuple[str, ...] = ()


class From(Spec, frozen=True):
    source: Source | None = None


class Operation(Spec, frozen=True):
    """What is called: every field that is given must hold; of its values one. ``not…``: none."""

    hosts: tuple[str, ...] = ()
    not_hosts: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    not_ports: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    not_methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    not_paths: tuple[str, ...] = ()


class To(Spec, frozen=True):
    operation: Operation | None = None


class Condition(Spec, frozen=True):
    key: str = ""
    values: tuple[str, ...] = ()
    not_values: tuple[str, ...] = ()


class Rule(Spec, frozen=True, rename={"from_": "from"}):
    """One of ``from_`` and one of ``to`` and all of ``when``; an empty list holds always."""

    from_: tuple[From, ...] = ()
    to: tuple[To, ...] = ()
    when: tuple[Condition, ...] = ()


class ProviderReference(Spec, frozen=True):
    name: str = ""


class AuthorizationPolicy(Spec, frozen=True):
    selector: LabelSelector | None = None
    target_ref: PolicyTargetReference | None = None
    """Used only where ``target_refs`` is empty."""
    target_refs: tuple[PolicyTargetReference, ...] = ()
    action: Action = Action.ALLOW
    rules: tuple[Rule, ...] = ()
    provider: ProviderReference | None = None


AUTHORIZATION_POLICY: Final[Kind[AuthorizationPolicy]] = Kind(
    "security.istio.io", "AuthorizationPolicy"
)
AuthorizationPolicyKey = ObjectKey[AuthorizationPolicy]
DRY_RUN: Final = "istio.io/dry-run"
"""The annotation with which ALLOW and DENY decide nothing; Envoy counts what they would do."""
