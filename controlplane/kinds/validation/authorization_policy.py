"""What an AuthorizationPolicy must be: its action, and what may be said with it.

The values of its rules are in ``authorization_rules``.
Source: https://istio.io/latest/docs/reference/config/security/authorization-policy/, its CRD, Istio
``pkg/config/validation/validation.go`` (ValidateAuthorizationPolicy)
"""

from collections.abc import Mapping
from typing import Final

from controlplane.base.codes import (
    DENIES_TCP,
    EMPTY_LIST,
    MISSING_FIELD,
    NOT_ALLOWED_HERE,
    RESERVED,
    VALUE_MALFORMED,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.authorization_policy import (
    DRY_RUN,
    Action,
    AuthorizationPolicy,
    Rule,
    Source,
)
from controlplane.kinds.spec import Spec
from controlplane.kinds.validation.authorization_rules import (
    HTTP_PREFIXES,
    check_identities,
    check_rule,
)
from controlplane.kinds.validation.checks import About, camel, check_count
from controlplane.kinds.validation.policy_attachment import check_attachment

RULES_LIMIT: Final = 512
BOOLEANS: Final = frozenset(
    {"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"}
)
"""Go, strconv.ParseBool."""
_OF_IDENTITY: Final = (
    "principals",
    "request_principals",
    "namespaces",
    "service_accounts",
    "trust_domains",
)
_KEYS_OF_IDENTITY: Final = frozenset(
    {"source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal"}
)
_TCP_SOURCES: Final = (
    "principals",
    "not_principals",
    "namespaces",
    "not_namespaces",
    "service_accounts",
    "not_service_accounts",
    "ip_blocks",
    "not_ip_blocks",
    "remote_ip_blocks",
    "not_remote_ip_blocks",
)
"""Sources that Istio thinks of as those of TCP; trust domains are missing."""


def authorization_policy(
    report: Report, at: FieldRef, spec: AuthorizationPolicy, about: About
) -> None:
    check_attachment(report, at, spec, about.body)
    _check_dry_run(report, FieldRef(about.key), spec.action, about)
    _check_action(report, at, spec)
    for i, rule in enumerate(spec.rules):
        place = at / "rules" / i
        check_rule(report, place, rule)
        match spec.action:
            case Action.CUSTOM:
                _check_custom(report, place, rule)
            case Action.DENY if denies_tcp(rule):
                _report_tcp(report, place, rule)
    check_count(report, at / "rules", spec.rules, RULES_LIMIT, "rules")
    _check_written(report, at / "rules", about.body.get("rules"))


def _check_written(report: Report, at: FieldRef, written: object, name: str = "") -> None:
    """What only the CRD sees, in what is written under ``name``: lists without values are there.

    They count as absent to a proxy, so any value matches.
    """
    match written:
        case Mapping():
            if name == "source":
                check_identities(report, at, written)
            is_refused = name in ("source", "operation") and not any(written.values())
            for field, value in written.items():
                if value == [] and not is_refused:
                    message = f'"{field}" is empty, which counts as absent, so any value matches'
                    hint = "give it a value, or remove it"
                    report.add(EMPTY_LIST, at / field, message, hint=hint)
                _check_written(report, at / field, value, str(field))
        case [*values]:
            for i, value in enumerate(values):
                _check_written(report, at / i, value)


def _check_dry_run(report: Report, at: FieldRef, action: Action, about: About) -> None:
    if DRY_RUN not in about.annotations:
        return
    place = at / "metadata" / "annotations" / DRY_RUN
    if action not in (Action.ALLOW, Action.DENY):
        message = f"the annotation {DRY_RUN} is for ALLOW and DENY, not for {action.value}"
        report.add(RESERVED, place.key, message, hint="remove it")
        return
    value = about.annotations[DRY_RUN]
    if value not in BOOLEANS:
        hint = 'write "true" or "false"'
        report.add(VALUE_MALFORMED, place, f'"{value}" is neither true nor false', hint=hint)


def _check_action(report: Report, at: FieldRef, spec: AuthorizationPolicy) -> None:
    action = spec.action
    if action in (Action.DENY, Action.CUSTOM) and not spec.rules:
        message = f"{action.value} without rules concerns no request"
        hint = "add a rule; an empty one (rules: [{}]) concerns every request"
        report.add(MISSING_FIELD, at / "rules", message, hint=hint)
    elif action is Action.CUSTOM and (spec.provider is None or not spec.provider.name):
        message = "CUSTOM needs the name of the provider that decides"
        hint = "name one of the extensionProviders in MeshConfig"
        report.add(MISSING_FIELD, at / "provider" / "name", message, hint=hint)
    if spec.provider is not None and action is not Action.CUSTOM:
        message = f"a provider decides with action CUSTOM only, not with {action.value}"
        hint = "remove the provider, or write action: CUSTOM"
        report.add(NOT_ALLOWED_HERE, (at / "provider").key, message, hint=hint)


def _check_custom(report: Report, at: FieldRef, rule: Rule) -> None:
    """CUSTOM is decided before tokens are verified; of identities Istio supports none."""
    for i, from_ in enumerate(rule.from_):
        source = from_.source if from_.source is not None else Source()
        for field in _OF_IDENTITY:
            for name in (field, f"not_{field}"):
                if getattr(source, name):
                    place = at / "from" / i / "source" / camel(name)
                    report.add(NOT_ALLOWED_HERE, place.key, _not_custom(camel(name)))
    for i, condition in enumerate(rule.when):
        key = condition.key
        if key in _KEYS_OF_IDENTITY or key.startswith("request.auth."):
            report.add(NOT_ALLOWED_HERE, at / "when" / i / "key", _not_custom(key))


def _not_custom(name: str) -> str:
    return f"{name} is not supported with action CUSTOM"


def denies_tcp(rule: Rule) -> bool:
    """Whether the rule is one of HTTP by its looks, although it also denies TCP connections."""
    if rule.to:
        return not any(_has(to.operation, ("ports", "not_ports")) for to in rule.to)
    if rule.from_:
        return not any(_has(from_.source, _TCP_SOURCES) for from_ in rule.from_)
    return bool(rule.when) and all(when.key.startswith(HTTP_PREFIXES) for when in rule.when)


def _has(of: Spec | None, names: tuple[str, ...]) -> bool:
    return of is not None and any(getattr(of, name) for name in names)


def _report_tcp(report: Report, at: FieldRef, rule: Rule) -> None:
    field = "to" if rule.to else "from" if rule.from_ else "when"
    message = "on TCP ports what the rule says of HTTP is left out, so it denies connections there"
    hint = "add the ports of HTTP to its operations"
    report.add(DENIES_TCP, at / field, message, hint=hint)
