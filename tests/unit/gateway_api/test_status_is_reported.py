"""Laws of statuses and diagnostics: a condition that is not as wanted is reported at a field, and
what is reported of these kinds shows in a condition.
"""

from collections.abc import Iterator
from typing import Final

import pytest

from controlplane.base.diagnostics import Diagnostic
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.engine.engine import Engine
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET
from controlplane.model.gateway_api import Condition, ConditionStatus
from controlplane.queries.analysis.object_status import WITH_STATUS
from controlplane.queries.gateway_api.listeners import named_gateway
from controlplane.translate.gateway_api.conditions import CONFLICTED
from controlplane.translate.gateway_api.status import (
    GatewayClassStatus,
    GatewayStatus,
    ListenerSetStatus,
    PolicyStatus,
    RouteStatus,
    Status,
)
from tests.support.oracle_cases import OracleCase
from tests.support.oracle_status import cases

UNKNOWN_WITHOUT_PROXIES: Final = frozenset({"AddressNotAssigned"})
"""Reasons that ``check`` cannot know of, because no proxy is connected."""
SAYS_MORE: Final = {
    "CP0713": "Istio's conditions are silent of HTTPS without tls",
    "CP0720": "the class is nobody's, so nobody says anything of the Gateway",
    "CP0721": "two APIs serve one host, which is no fault of either",
    "CP0731": "the parent is not declared, so there is nobody to say anything",
    "CP0732": "Istio's conditions are silent of a port that is missing, and of a backend without "
    "weight",
    "CP0736": "a condition says nothing of the other routes of a listener",
    "CP0737": "Istio's conditions are silent of a port's protocol",
    "CP0770": "Istio accepts a route for a Service that has no port of its kind",
    "CP0771": "Istio accepts a route in the mesh that an earlier rule hides",
    "CP0772": "Istio accepts hostnames that have no effect in the mesh",
    "CP0752": "Istio's conditions are silent of a policy that an older one replaces",
}
"""Diagnostics that no condition needs to show, and why."""


def conditions_of(status: Status) -> Iterator[Condition]:
    match status:
        case GatewayClassStatus():
            yield from status.conditions
        case GatewayStatus() | ListenerSetStatus():
            yield from status.conditions
            for listener in status.listeners:
                yield from listener.conditions
        case RouteStatus():
            for parent in status.parents:
                yield from parent.conditions
        case PolicyStatus():
            for ancestor in status.ancestors:
                yield from ancestor.conditions


def unwanted(condition: Condition) -> bool:
    wanted = ConditionStatus.FALSE if condition.type == CONFLICTED else ConditionStatus.TRUE
    is_partial = condition.type == "PartiallyInvalid" or condition.reason == "ListenersNotValid"
    return condition.status is not wanted or is_partial


def said(engine: Engine) -> dict[ObjectKey, list[Condition]]:
    """The conditions of each object that are not as wanted."""
    found: dict[ObjectKey, list[Condition]] = {}
    for kind in WITH_STATUS:
        for declared in engine.objects(kind):
            status = engine.status(declared.key)
            conditions = conditions_of(status) if status is not None else ()
            found[declared.key] = [each for each in conditions if unwanted(each)]
    return found


def reported(engine: Engine) -> dict[ObjectKey, list[Diagnostic]]:
    """The errors and warnings of each object."""
    engine.analyse()
    found: dict[ObjectKey, list[Diagnostic]] = {}
    for each in engine.diagnostics():
        if isinstance(each.place, FieldRef):
            found.setdefault(each.place.object, []).append(each)
    return found


def related(engine: Engine, key: ObjectKey) -> tuple[ObjectKey, ...]:
    """Where a condition of an object may have its reason: in it, or in the Gateway of a
    ListenerSet.
    """
    declared = engine.object(key) if key.kind == LISTENER_SET else None
    gateway = named_gateway(declared) if declared is not None else None
    return (key, gateway) if gateway is not None else (key,)


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_a_condition_that_is_not_as_wanted_is_reported_at_a_field(case: OracleCase) -> None:
    engine = case.engine()
    found = reported(engine)

    silent = [
        f"{key.display_name}: {condition}"
        for key, conditions in said(engine).items()
        for condition in conditions
        if condition.reason not in UNKNOWN_WITHOUT_PROXIES
        and not any(found.get(each) for each in related(engine, key))
    ]

    assert silent == []


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_what_is_reported_shows_in_a_condition(case: OracleCase) -> None:
    engine = case.engine()
    conditions = said(engine)

    unseen = [
        f"{each.code.id} {key.display_name}: {each.message}"
        for key, found in reported(engine).items()
        for each in found
        if key in conditions and not conditions[key]
        if each.code.id.startswith("CP07") and each.code.id >= "CP0710"
        if each.code.id not in SAYS_MORE
    ]

    assert unseen == []
