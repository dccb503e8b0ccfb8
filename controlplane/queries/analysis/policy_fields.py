"""What the rules of an AuthorizationPolicy say, field by field: conditions as the fields of sources
and operations that they are the same as.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.authorization_policy import (
    AuthorizationPolicy,
    Condition,
    Operation,
    Rule,
    Source,
)
from controlplane.kinds.object import Object
from controlplane.kinds.validation.checks import camel

_OF_CONDITIONS: Final[Mapping[str, str]] = {
    "source.principal": "principals",
    "source.namespace": "namespaces",
    "source.serviceAccount": "service_accounts",
    "source.trustDomain": "trust_domains",
    "request.auth.principal": "request_principals",
    "source.ip": "ip_blocks",
    "remote.ip": "remote_ip_blocks",
    "destination.ip": "ip_blocks",
    "destination.port": "ports",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyField:
    """One of ``values``, if there are some, and none of ``others``. ``subject`` is the field of a
    source or operation, else the key of a condition without what is in its brackets.
    """

    subject: str
    values_at: FieldRef
    values: tuple[str, ...]
    others_at: FieldRef
    others: tuple[str, ...]


def policy_fields(policy: Object[AuthorizationPolicy]) -> Iterator[PolicyField]:
    for i, rule in enumerate(policy.spec.rules):
        yield from _fields_of(FieldRef(policy.key) / "spec" / "rules" / i, rule)


def _fields_of(at: FieldRef, rule: Rule) -> Iterator[PolicyField]:
    for i, from_ in enumerate(rule.from_):
        if from_.source is not None:
            yield from _fields(at / "from" / i / "source", from_.source)
    for i, to in enumerate(rule.to):
        if to.operation is not None:
            yield from _fields(at / "to" / i / "operation", to.operation)
    for i, condition in enumerate(rule.when):
        yield _of_condition(at / "when" / i, condition)


def _fields(at: FieldRef, of: Source | Operation) -> Iterator[PolicyField]:
    for name in of.__struct_fields__:
        negated = f"not_{name}"
        values, others = getattr(of, name), getattr(of, negated, ())
        if negated in of.__struct_fields__ and (values or others):
            yield PolicyField(
                subject=name,
                values_at=at / camel(name),
                values=values,
                others_at=at / camel(negated),
                others=others,
            )


def _of_condition(at: FieldRef, condition: Condition) -> PolicyField:
    key = condition.key.partition("[")[0]
    return PolicyField(
        subject=_OF_CONDITIONS.get(key, key),
        values_at=at / "values",
        values=condition.values,
        others_at=at / "notValues",
        others=condition.not_values,
    )
