"""The status that we give the objects of a recorded case, in the form of the recordings."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from controlplane.documents.content import file_objects
from controlplane.engine.engine import Engine
from controlplane.kinds.gateway_api.backend_tls_policy import BACKEND_TLS_POLICY
from controlplane.kinds.gateway_api.backend_traffic_policy import X_BACKEND_TRAFFIC_POLICY
from controlplane.kinds.gateway_api.common import ParentReference
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.istio.gateway import GATEWAY
from controlplane.model.gateway_api import Condition
from controlplane.queries.gateway_api.route_status import route_status
from controlplane.queries.gateway_api.status import gateway_status, listener_set_status
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.backend_status import policy_status
from controlplane.translate.gateway_api.status import ListenerStatus, PolicyAncestor
from tests.support.oracle_cases import OracleCase

Status = Mapping[str, Any]
"""By ``KIND NAMESPACE/NAME``: conditions, and those of listeners."""
KINDS: Final = (
    "Gateway",
    "ListenerSet",
    "BackendTLSPolicy",
    "XBackendTrafficPolicy",
    "HTTPRoute",
    "GRPCRoute",
    "TLSRoute",
    "TCPRoute",
)


def recorded(folder: Path, case: OracleCase) -> Status:
    """What istiod said of the objects of ``KINDS``."""
    answers = yaml.safe_load((folder / case.name / "answers.yaml").read_text(encoding="utf-8"))
    status: Status = answers.get("status", {})
    return {
        name: said
        for name, said in status.items()
        if (kind := name.split(" ")[0]) in KINDS
        and not (kind.endswith("Route") and _is_of_mesh(said))
    }


def _is_of_mesh(said: Mapping[str, Any]) -> bool:
    """Whether nothing is said, or only of Services as parents, which are looked at elsewhere."""
    return not said or any(name.startswith("Service ") for name in said.get("parents", ()))


def ours(case: OracleCase) -> Status:
    """What we say of them."""
    engine, found = case.engine(), dict[str, Any]()
    for raw in file_objects(Path("config.yaml"), case.config).objects:
        key = raw.key
        if key.kind.name in KINDS and key.kind != GATEWAY:
            said = _said(engine, key)
            if said is not None:
                found[f"{key.kind.name} {key.namespace}/{key.name}"] = said
    return found


def _said(engine: Engine, key: Any) -> dict[str, Any] | None:
    if key.kind.name.endswith("Route"):
        return _of_route(engine, key)
    if key.kind == KUBERNETES_GATEWAY:
        gateway = gateway_status(engine.graph, key)
        if gateway is None:
            return None
        sets = gateway.attached_listener_sets
        counted = {"attachedListenerSets": sets} if sets else {}
        return _conditions(gateway.conditions) | counted | _listeners(gateway.listeners)
    if key.kind in (BACKEND_TLS_POLICY, X_BACKEND_TRAFFIC_POLICY):
        return {"parents": _ancestors(policy_status(engine.graph, key))}
    found = listener_set_status(engine.graph, key)
    if found is None:
        return None
    return _conditions(found.conditions) | _listeners(found.listeners)


def _ancestors(ancestors: Iterable[PolicyAncestor]) -> dict[str, Any]:
    return {
        f"{each.ancestor.kind.name} {each.ancestor.name} {each.section_name}".strip(): _conditions(
            each.conditions
        )
        for each in ancestors
    }


def _of_route(engine: Engine, key: Any) -> dict[str, Any] | None:
    route = object_of(engine.graph, key)
    parents = {
        _named(ref): _conditions(conditions)
        for i, ref in enumerate(route.spec.parent_refs if route is not None else ())
        if (conditions := route_status(engine.graph, key, i)) is not None
    }
    return {"parents": parents} if parents else None


def _named(ref: ParentReference) -> str:
    """A parentRef as recordings have it: as it is written."""
    name = f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name
    port = f":{ref.port}" if ref.port is not None else ""
    section = f" {ref.section_name}" if ref.section_name else ""
    return f"{ref.kind} {name}{section}{port}"


def _conditions(conditions: Iterable[Condition]) -> dict[str, Any]:
    return {each.type: f"{each.status.value} {each.reason}" for each in conditions}


def _listeners(listeners: tuple[ListenerStatus, ...]) -> dict[str, Any]:
    if not listeners:
        return {}
    return {
        "listeners": {
            each.name: _conditions(each.conditions)
            | {
                "attachedRoutes": each.attached_routes,
                "supportedKinds": [kind.name for kind in each.kinds],
            }
            for each in listeners
        }
    }


def differences(want: Any, got: Any, at: str = "") -> list[str]:
    """Where two values differ, each with both."""
    if isinstance(want, dict) and isinstance(got, dict):
        names = sorted({*want, *got})
        return [d for n in names for d in differences(want.get(n), got.get(n), f"{at}/{n}")]
    return [] if want == got else [f"{at}: istiod {want!r}, ours {got!r}"]
