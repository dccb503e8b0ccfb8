"""What the rules of an AuthorizationPolicy may say: sources, operations and conditions.

Source: https://istio.io/latest/docs/reference/config/security/conditions/, Istio
``pkg/config/security/security.go``
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from controlplane.base.codes import (
    MISSING_FIELD,
    MUTUALLY_EXCLUSIVE,
    NOT_ALLOWED_HERE,
    UNKNOWN_VALUE,
    VALUE_MALFORMED,
    VALUE_OUT_OF_RANGE,
    WRONG_SIZE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.nearest import nearest
from controlplane.kinds.istio.authorization_policy import Condition, Operation, Rule, Source
from controlplane.kinds.validation import names
from controlplane.kinds.validation.checks import PORT_LIMIT, check_count

ACCOUNTS_LIMIT: Final = 16
ACCOUNT_LIMIT: Final = 320  # bytes
SOURCES_LIMIT: Final = 512
_ONE: Final = "{*}"
_ANY: Final = "{**}"
_LITERAL: Final = re.compile(r"[a-zA-Z0-9\-._~%!$&'()+,;:@=]+")  # pchar of RFC 3986
_NO_FIELDS: Final = "matches nothing in particular, because it has no fields with values"

Check = Callable[[Report, FieldRef, Sequence[str]], None]


def check_rule(report: Report, at: FieldRef, rule: Rule) -> None:
    for i, from_ in enumerate(rule.from_):
        _check_source(report, at / "from" / i / "source", from_.source)
    check_count(report, at / "from", rule.from_, SOURCES_LIMIT, "sources")
    for i, to in enumerate(rule.to):
        _check_operation(report, at / "to" / i / "operation", to.operation)
    for i, condition in enumerate(rule.when):
        _check_condition(report, at / "when" / i, condition)


def _check_source(report: Report, at: FieldRef, source: Source | None) -> None:
    if source is None:
        report.add(MISSING_FIELD, at, "the source is missing")
        return
    if source == Source():
        report.add(WRONG_SIZE, at, f"the source {_NO_FIELDS}", hint="remove it")
        return
    for name, check in _SOURCES.items():
        values = getattr(source, _PYTHON[name])
        if values:
            check(report, at / name, values)


def check_identities(report: Report, at: FieldRef, source: Mapping[object, object]) -> None:
    """Accounts beside what else says who calls, as they are written: also a list that is empty."""
    others = ("principals", "notPrincipals", "namespaces", "notNamespaces")
    clashing = [name for name in others if name in source]
    if clashing and not source.keys().isdisjoint(("serviceAccounts", "notServiceAccounts")):
        message = f"serviceAccounts and {clashing[0]} exclude each other"
        hint = "write the namespace in front of the account: NAMESPACE/ACCOUNT"
        report.add(MUTUALLY_EXCLUSIVE, (at / clashing[0]).key, message, hint=hint)


def _check_operation(report: Report, at: FieldRef, operation: Operation | None) -> None:
    if operation is None:
        report.add(MISSING_FIELD, at, "the operation is missing")
        return
    if operation == Operation():
        report.add(WRONG_SIZE, at, f"the operation {_NO_FIELDS}", hint="remove it")
        return
    for name, check in _OPERATIONS.items():
        values = getattr(operation, _PYTHON[name])
        if values:
            check(report, at / name, values)


def _check_condition(report: Report, at: FieldRef, condition: Condition) -> None:
    key = condition.key
    if not key:
        report.add(MISSING_FIELD, at / "key", "the key is missing")
        return
    if not condition.values and not condition.not_values:
        message = f"{key} has neither values nor notValues"
        report.add(MISSING_FIELD, at / "values", message)
        return
    check = _checked_key(report, at / "key", key)
    if check is not None:
        check(report, at / "values", condition.values)
        check(report, at / "notValues", condition.not_values)


def _checked_key(report: Report, at: FieldRef, key: str) -> Check | None:
    """How the values of a condition are checked; a key that there is not is reported."""
    bracketed = next((known for known in BRACKETED if key.startswith(known)), None)
    if bracketed is not None:
        if not _has_brackets(key):
            message = f'"{key}" does not say in brackets which one is meant'
            report.add(VALUE_MALFORMED, at, message, hint=f"write {_example(bracketed)}")
        return _check_present
    if key in KEYS:
        return KEYS[key]
    if key.startswith("destination.labels"):
        message = f'"{key}" is no condition: the selector says which workloads are concerned'
        report.add(NOT_ALLOWED_HERE, at, message, hint="use selector.matchLabels")
    elif key == "destination.namespace":
        message = f'"{key}" is no condition: a policy is for workloads of its own namespace'
        report.add(NOT_ALLOWED_HERE, at, message, hint="remove the condition")
    else:
        bare, bracket, name = key.partition("[")
        known = (*KEYS, *(_example(each) for each in BRACKETED))
        near = nearest(bare if bracket else key, (*KEYS, *BRACKETED))
        hint = f"known: {', '.join(known)}"
        if near is not None:
            hint = f'write "{near}{bracket}{name}"' if near in BRACKETED else f'write "{near}"'
        report.add(UNKNOWN_VALUE, at, f'no condition has the key "{key}"', hint=hint)
    return None


def _example(bracketed: str) -> str:
    return f"{bracketed}{'FILTER' if bracketed.endswith('.') else ''}[NAME]"


def _has_brackets(key: str) -> bool:
    start = key.find("[")
    return key.endswith("]") and 0 < start < len(key) - 2


def _check_present(report: Report, at: FieldRef, values: Sequence[str]) -> None:
    for i, value in enumerate(values):
        if not value:
            report.add(VALUE_MALFORMED, at / i, "the text is empty")


def _check_addresses(report: Report, at: FieldRef, values: Sequence[str]) -> None:
    for i, value in enumerate(values):
        fault = names.subnet_fault(value)
        if fault is not None:
            hint = "write an address, or a block in CIDR notation such as 10.0.0.0/8"
            report.add(VALUE_MALFORMED, at / i, f'"{value}" {fault}', hint=hint)


def _check_ports(report: Report, at: FieldRef, values: Sequence[str]) -> None:
    for i, value in enumerate(values):
        if not (value.isascii() and value.isdigit()):
            hint = "write the number of the port at the workload (targetPort)"
            report.add(VALUE_MALFORMED, at / i, f'"{value}" is not a port number', hint=hint)
        elif len(value.lstrip("0")) > len(str(PORT_LIMIT)) or int(value) > PORT_LIMIT:
            message = f"port {value} is not between 0 and {PORT_LIMIT}"
            report.add(VALUE_OUT_OF_RANGE, at / i, message)


def _check_accounts(report: Report, at: FieldRef, values: Sequence[str]) -> None:
    check_count(report, at, values, ACCOUNTS_LIMIT, "service accounts")
    for i, value in enumerate(values):
        fault = _account_fault(value)
        if fault is not None:
            hint = "write ACCOUNT or NAMESPACE/ACCOUNT"
            report.add(VALUE_MALFORMED, at / i, fault, hint=hint)


def _account_fault(value: str) -> str | None:
    if len(value.encode()) > ACCOUNT_LIMIT:
        return f"the service account is longer than {ACCOUNT_LIMIT} bytes"
    if "*" in value:
        return f'"{value}" has a wildcard, which service accounts do not support'
    parts = value.split("/")
    if len(parts) > 2 or not all(parts):
        return f'"{value}" does not name a service account'
    return None


def _check_wildcards(report: Report, at: FieldRef, values: Sequence[str]) -> None:
    """At most one asterisk, at an end."""
    _check_present(report, at, values)
    for i, value in enumerate(values):
        if value.count("*") > 1 or "*" in value[1:-1]:
            message = f'"{value}" has a wildcard that is not its only one, at its start or end'
            report.add(VALUE_MALFORMED, at / i, message)


def _check_trust_domains(report: Report, at: FieldRef, values: Sequence[str]) -> None:
    _check_wildcards(report, at, values)
    for i, value in enumerate(values):
        if "/" in value:
            message = f'"{value}" is not a trust domain, because it has a slash'
            hint = "use principals for a whole identity"
            report.add(VALUE_MALFORMED, at / i, message, hint=hint)


def _check_paths(report: Report, at: FieldRef, values: Sequence[str]) -> None:
    _check_present(report, at, values)
    for i, value in enumerate(values):
        fault = _path_fault(value)
        if fault is not None:
            hint = f"a template has {_ONE} for one segment, {_ANY} as its last one for any number"
            report.add(VALUE_MALFORMED, at / i, f'"{value}" {fault}', hint=hint)


def _path_fault(path: str) -> str | None:
    is_template = is_path_template(path)
    ended = False
    for segment in path.strip("/").split("/"):
        if segment in (_ONE, _ANY):
            if ended:
                return f"has {segment} after {_ANY}"
            ended = segment == _ANY
        elif "{" in segment or "}" in segment:
            return f"has braces in the segment {segment}"
        elif is_template and _LITERAL.fullmatch(segment) is None:
            return f'has the segment "{segment}", which Envoy does not take in a template'
    return None


def is_path_template(path: str) -> bool:
    """Whether a path of a rule has one of the operators of templates, by which it is one."""
    return _ONE in path or _ANY in path


KEYS: Final[Mapping[str, Check]] = {
    "source.ip": _check_addresses,
    "remote.ip": _check_addresses,
    "source.namespace": _check_present,
    "source.serviceAccount": _check_accounts,
    "source.principal": _check_present,
    "source.trustDomain": _check_wildcards,
    "request.auth.principal": _check_present,
    "request.auth.audiences": _check_present,
    "request.auth.presenter": _check_present,
    "destination.ip": _check_addresses,
    "destination.port": _check_ports,
    "connection.sni": _check_present,
}
BRACKETED: Final = ("request.headers", "request.auth.claims", "experimental.envoy.filters.")
HTTP_PREFIXES: Final = ("request.headers", "request.auth.")
"""Of what conditions know of requests only, not of connections."""
_SOURCES: Final[Mapping[str, Check]] = {
    "principals": _check_present,
    "notPrincipals": _check_present,
    "requestPrincipals": _check_present,
    "notRequestPrincipals": _check_present,
    "namespaces": _check_present,
    "notNamespaces": _check_present,
    "serviceAccounts": _check_accounts,
    "notServiceAccounts": _check_accounts,
    "trustDomains": _check_trust_domains,
    "notTrustDomains": _check_trust_domains,
    "ipBlocks": _check_addresses,
    "notIpBlocks": _check_addresses,
    "remoteIpBlocks": _check_addresses,
    "notRemoteIpBlocks": _check_addresses,
}
_OPERATIONS: Final[Mapping[str, Check]] = {
    "hosts": _check_present,
    "notHosts": _check_present,
    "ports": _check_ports,
    "notPorts": _check_ports,
    "methods": _check_present,
    "notMethods": _check_present,
    "paths": _check_paths,
    "notPaths": _check_paths,
}
_PYTHON: Final[Mapping[str, str]] = {
    encoded: name
    for struct in (Source, Operation)
    for encoded, name in zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True)
}
