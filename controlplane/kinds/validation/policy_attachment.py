"""What ``selector`` and ``targetRefs`` of a policy may say.

Source: Istio ``pkg/config/validation/validation.go`` (validateOneOfSelectorType,
validatePolicyTargetReference), the CRDs' OpenAPI schema
"""

import re
from collections.abc import Mapping
from typing import Final, Protocol

from controlplane.base.codes import (
    MISSING_FIELD,
    MUTUALLY_EXCLUSIVE,
    NO_EFFECT,
    NOT_ALLOWED_HERE,
    UNKNOWN_VALUE,
    VALUE_MALFORMED,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.selection import LabelSelector, PolicyTargetReference
from controlplane.kinds.validation.checks import (
    SELECTOR_LABELS_LIMIT,
    check_count,
    check_length,
    check_selector,
)

REFERENCES_LIMIT: Final = 16
NAME_LIMIT: Final = 253
TARGETS: Final = frozenset(
    {
        ("", "Service"),
        ("core", "Service"),
        ("networking.istio.io", "ServiceEntry"),
        ("gateway.networking.k8s.io", "Gateway"),
        ("gateway.networking.k8s.io", "GatewayClass"),
    }
)
"""Group and kind."""
_GROUP: Final = re.compile(
    r"(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*)?"
)


class Attached(Protocol):
    """What every kind of policy says of the workloads that it is for."""

    @property
    def selector(self) -> LabelSelector | None: ...
    @property
    def target_ref(self) -> PolicyTargetReference | None: ...
    @property
    def target_refs(self) -> tuple[PolicyTargetReference, ...]: ...


def check_attachment(
    report: Report, at: FieldRef, policy: Attached, body: Mapping[str, object]
) -> None:
    """A selector or references, not both; each of them sound. An empty list of references is one,
    too: the CRDs ask what ``body`` has.
    """
    fields = {
        "selector": policy.selector is not None,
        "targetRef": policy.target_ref is not None,
        "targetRefs": bool(policy.target_refs) or body.get("targetRefs") == [],
    }
    written = [name for name, is_written in fields.items() if is_written]
    if len(written) > 1:
        message = f"{' and '.join(written)} exclude each other"
        if not policy.target_refs and "targetRefs" in written:
            message += ", even where targetRefs is empty"
        hint = "keep one of them"
        report.add(MUTUALLY_EXCLUSIVE, (at / written[-1]).key, message, hint=hint)
    if policy.selector is not None:
        labels = policy.selector.match_labels
        check_selector(report, at / "selector" / "matchLabels", labels, SELECTOR_LABELS_LIMIT)
        if not labels:
            message = "the selector has no labels, so the policy is for the whole namespace"
            hint = "remove the selector, or give it matchLabels"
            report.add(NO_EFFECT, at / "selector", message, hint=hint)
    if policy.target_ref is not None:
        _check_reference(report, at / "targetRef", policy.target_ref)
    for i, reference in enumerate(policy.target_refs):
        _check_reference(report, at / "targetRefs" / i, reference)
    check_count(report, at / "targetRefs", policy.target_refs, REFERENCES_LIMIT, "references")


def _check_reference(report: Report, at: FieldRef, reference: PolicyTargetReference) -> None:
    if not reference.name:
        report.add(MISSING_FIELD, at / "name", "the name is missing")
    check_length(report, at / "name", reference.name, NAME_LIMIT)
    if reference.namespace:
        message = "a policy is attached to what is in its own namespace"
        report.add(NOT_ALLOWED_HERE, at / "namespace", message, hint="remove the namespace")
    if _GROUP.fullmatch(reference.group) is None:
        report.add(VALUE_MALFORMED, at / "group", f'"{reference.group}" is not an API group')
    elif (reference.group, reference.kind) not in TARGETS:
        _report_target(report, at, reference)


def _report_target(report: Report, at: FieldRef, reference: PolicyTargetReference) -> None:
    if not reference.kind:
        report.add(MISSING_FIELD, at / "kind", "the kind is missing")
        return
    named = f"{reference.group}/{reference.kind}" if reference.group else reference.kind
    groups = sorted(group for group, kind in TARGETS if kind == reference.kind and group != "core")
    if groups:
        message = f'a policy cannot be attached to "{named}"'
        group = groups[0] or '""'
        report.add(UNKNOWN_VALUE, at / "group", message, hint=f"write group: {group}")
        return
    message = f'a policy cannot be attached to "{named}"'
    hint = "name a Gateway or GatewayClass of the Gateway API, a Service or a ServiceEntry"
    report.add(UNKNOWN_VALUE, at / "kind", message, hint=hint)
