"""Who may call is decided in every chain, whatever happens: a proxy to which a policy is attached
that allows or denies has its filter wherever calls come in, and an internal error refuses them.
"""

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings, strategies as st

from controlplane.base.names import Namespace
from controlplane.engine.engine import Engine
from controlplane.graph import Graph
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, ResolvedProxy, Role, Target
from controlplane.queries.snapshot.snapshot import resources
from controlplane.queries.views.views import proxy_view, view_of
from tests.support.cases import Case, cases, engine_of
from tests.support.decided_calls import actions, chains_of
from tests.support.declared import INGRESS, Declared, plain
from tests.support.every_kind import NOW
from tests.support.properties import examples

CASES = cases(Path(__file__).parents[1] / "cases")
SHOP = "shop.default.svc.cluster.local"
SIDECAR = ResolvedProxy(
    role=Role.SIDECAR,
    namespace=Namespace("default"),
    labels=(("app", "shop"),),
    targets=(Target(SHOP, 80, 8080), Target(SHOP, 9000, 9000), Target(SHOP, 7000, 7000)),
)
MESH = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ["*"]}
  - port: {number: 8443, name: tls, protocol: TLS}
    hosts: ["shop.example.com"]
    tls: {mode: PASSTHROUGH}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec:
  hosts: [shop.example.com]
  gateways: [istio-system/gw]
  http: [{route: [{destination: {host: shop}}]}]
  tcp: [{match: [{port: 9000}], route: [{destination: {host: shop, port: {number: 9000}}}]}]
  tls: [{match: [{sniHosts: [shop.example.com]}], route: [{destination: {host: shop}}]}]
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: default}
spec:
  selector: {app: shop}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: tcp-raw, port: 9000, targetPort: 9000}
  - {name: unnamed, port: 7000, targetPort: 7000}
"""
RULES: tuple[Any, ...] = (
    {},
    {"to": [{"operation": {"methods": ["GET"]}}]},
    {"to": [{"operation": {"ports": ["8080"]}}]},
    {"from": [{"source": {"requestPrincipals": ["*"]}}]},
    {
        "from": [{"source": {"namespaces": ["default"]}}],
        "to": [{"operation": {"paths": ["//{*}"]}}],
    },
    {"when": [{"key": "request.headers.x[a]", "notValues": ["b"]}]},
)
ATTACHED = (
    {"namespace": "istio-system", "spec": {}},
    {"namespace": "istio-system", "spec": {"selector": {"matchLabels": {"app": "shop"}}}},
    {
        "namespace": "istio-system",
        "spec": {"selector": {"matchLabels": {"istio": "ingressgateway"}}},
    },
    {"namespace": "default", "spec": {}},
    {"namespace": "default", "spec": {"selector": {"matchLabels": {"app": "other"}}}},
)


def policy(name: str, action: str, rules: tuple[Any, ...], at: Mapping[str, Any]) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "AuthorizationPolicy",
            "metadata": {"name": name, "namespace": at["namespace"]},
            "spec": {"action": action, "rules": list(rules), **at["spec"]},
        }
    )


policies = st.builds(
    lambda action, rules, at: (action, tuple(rules), at),
    st.sampled_from(("ALLOW", "DENY", "AUDIT")),
    st.lists(st.sampled_from(RULES), min_size=1, max_size=3),
    st.sampled_from(ATTACHED),
)


def concerns(at: Mapping[str, Any], proxy: ResolvedProxy) -> bool:
    wanted = at["spec"].get("selector", {}).get("matchLabels", {})
    is_near = at["namespace"] in ("istio-system", proxy.namespace)
    return is_near and wanted.items() <= dict(proxy.labels).items()


@given(st.lists(policies, max_size=4))
@settings(max_examples=examples(25))
def test_every_chain_has_the_filters_of_the_policies_that_are_attached(
    attached: list[tuple[str, tuple[Any, ...], Mapping[str, Any]]],
) -> None:
    texts = [policy(f"p{i}", *each) for i, each in enumerate(attached)]
    declared = Declared("---\n".join([MESH, *texts]))

    for proxy in (INGRESS, SIDECAR):
        wanted = {action for action, _, at in attached if concerns(at, proxy)}
        order = [each for each in ("AUDIT", "DENY", "ALLOW") if each in wanted]
        expected = ["LOG" if each == "AUDIT" else each for each in order]
        chains = list(chains_of(incoming(declared, proxy)))
        assert len(chains) == (3 if proxy is INGRESS else 15)
        for name, filters in chains:
            assert actions(filters) == expected, name


def incoming(declared: Declared, proxy: ResolvedProxy) -> dict[str, Any]:
    """The listeners for calls that come to the proxy from elsewhere."""
    return {
        name: listener
        for name, listener in declared.listeners(proxy).items()
        if proxy.role is Role.GATEWAY or listener["traffic_direction"] == "INBOUND"
    }


NOBODY = policy("nobody", "ALLOW", (), ATTACHED[0])
DENIED = policy("denied", "DENY", ({"to": [{"operation": {"ports": ["1"]}}]},), ATTACHED[0])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder.name)
def test_every_chain_of_every_case_is_decided(case: Case) -> None:
    engine = engine_of(case, [case.text, NOBODY, DENIED])

    for proxy in case.proxies:
        view = engine.view(proxy)
        shelf = engine.resources(view).listeners
        listeners = {name: plain(shelf[name]) for name in shelf}
        for name, filters in chains_of(listeners):
            assert actions(filters) == ["DENY", "ALLOW"], name


def without_policies(proxy: ResolvedProxy) -> list[str]:
    return [name for name, _ in chains_of(incoming(Declared(MESH), proxy))]


FAILING: dict[str, Callable[[str, tuple[Any, ...]], bool]] = {
    "a policy's rules": lambda name, _: name == "policy_rules",
    "a policy's filter": lambda name, _: name == "policy_config",
    "the filters of a verdict": lambda name, _: name == "authorization",
    "all filters": lambda name, _: name == "policy_filters",
    "which are attached": lambda name, _: name == "policy_keys",
}
BROKEN: dict[str, Callable[[str, tuple[Any, ...]], bool]] = {
    "the plan": lambda name, _: name in ("inbound_listener_plan", "gateway_listener_plan"),
    "a chain": lambda name, _: name == "framed",
    "the listener": lambda name, _: name == "planned_listener",
}


@pytest.mark.parametrize("action", ["ALLOW", "DENY"])
@pytest.mark.parametrize("proxy", [INGRESS, SIDECAR], ids=["gateway", "sidecar"])
@pytest.mark.parametrize("failing", FAILING)
def test_an_internal_error_in_a_policy_refuses_every_call(
    failing: str, proxy: ResolvedProxy, action: str
) -> None:
    """Also where the policy was good before, and whatever it said."""
    declared = Declared(MESH + "---\n" + policy("p", action, ({},), ATTACHED[0]))
    declared.graph.on_fault = lambda _: None
    incoming(declared, proxy)
    declared.graph.around = Fails(FAILING[failing])

    declared.edit(policy("p", action, RULES[1:3], ATTACHED[0]))
    declared.edit(policy("q", action, RULES[1:3], ATTACHED[0]))
    chains = list(chains_of(incoming(declared, proxy)))

    assert [name for name, _ in chains] == without_policies(proxy)
    for name, filters in chains:
        assert refuses_everything(filters), name


@pytest.mark.parametrize("proxy", [INGRESS, SIDECAR], ids=["gateway", "sidecar"])
@pytest.mark.parametrize("failing", BROKEN)
def test_an_error_elsewhere_lets_no_call_pass_a_policy_that_is_new_or_stricter(
    failing: str, proxy: ResolvedProxy
) -> None:
    """No listener that leaves has the policies of before."""
    declared = Declared(MESH + "---\n" + policy("p", "ALLOW", ({},), ATTACHED[0]))
    declared.graph.on_fault = lambda _: None
    before = incoming(declared, proxy)
    declared.graph.around = Fails(BROKEN[failing])

    for stricter in ("p", "q"):
        declared.edit(policy(stricter, "ALLOW", RULES[1:2], ATTACHED[0]))
        for name, filters in chains_of(incoming(declared, proxy)):
            assert refuses_everything(filters), name
    declared.graph.around = None
    declared.edit(policy("q", "ALLOW", ({},), ATTACHED[0]))
    assert incoming(declared, proxy).keys() == before.keys()


def test_an_error_that_hides_a_proxy_s_view_keeps_no_policy_from_it() -> None:
    proxy = Proxy(
        name="shop",
        role=Role.SIDECAR,
        namespace=Namespace("default"),
        labels=SIDECAR.labels,
        service_account="shop",
    )
    declared = Declared(MESH)
    declared.graph.on_fault = lambda _: None
    assert view_of(declared.graph, proxy) is not None
    declared.graph.around = Fails(lambda name, _: name in ("last_view", "inbound_view"))

    declared.edit(policy("p", "DENY", ({},), ATTACHED[0]))
    view = view_of(declared.graph, proxy)

    assert view is not None
    assert view.inbound is not None
    assert [key.name for key in view.inbound.policies.authorization] == ["p"]


@pytest.mark.parametrize("proxy", [INGRESS, SIDECAR], ids=["gateway", "sidecar"])
@pytest.mark.parametrize("failing", ["decode", "policies_of_namespace"])
@pytest.mark.parametrize("is_new", [True, False], ids=["new", "edited"])
def test_a_policy_that_an_error_keeps_from_being_read_refuses_every_call(
    proxy: ResolvedProxy, failing: str, is_new: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(MeshConfig(), now=NOW)
    engine.apply([(Path("mesh.yaml"), MESH)])
    if not is_new:
        engine.apply([(Path("p.yaml"), policy("p", "ALLOW", ({},), ATTACHED[0]))])
    if failing == "decode":
        monkeypatch.setattr("controlplane.engine.file_reader.decode", _raises)
    engine.graph.around = Fails(lambda name, _: name == failing)

    engine.apply([(Path("p.yaml"), policy("p", "ALLOW", RULES[1:2], ATTACHED[0]))])
    chains = list(chains_of(_incoming(engine, proxy)))
    assert [name for name, _ in chains] == without_policies(proxy)
    assert all(refuses_everything(filters) for _, filters in chains)

    monkeypatch.undo()
    engine.graph.around = None
    engine.apply([(Path("p.yaml"), "")])
    engine.confirm_removal()
    assert not any(refuses_everything(f) for _, f in chains_of(_incoming(engine, proxy)))


def _raises(*_: object) -> Any:
    raise RuntimeError("injected")


def _incoming(engine: Engine, proxy: ResolvedProxy) -> dict[str, Any]:
    found = resources(engine.graph, proxy_view(engine.graph, proxy))
    assert found is not None
    shelf = {name: plain(found.listeners[name]) for name in found.listeners}
    return {
        n: found
        for n, found in shelf.items()
        if proxy is INGRESS or found["traffic_direction"] == "INBOUND"
    }


class Fails:
    """Lets the functions that are chosen raise."""

    def __init__(self, chosen: Callable[[str, tuple[Any, ...]], bool]) -> None:
        self.chosen = chosen
        self.raised = count()

    def __call__(self, function: Any, graph: Graph, *args: Any) -> Any:
        if self.chosen(function.name, args):
            raise RuntimeError("injected")
        return function.function(graph, *args)


EVERYTHING = {
    "permissions": [{"and_rules": {"rules": [{"any": True}]}}],
    "principals": [{"and_ids": {"ids": [{"any": True}]}}],
}


def refuses_everything(filters: tuple[Any, ...]) -> bool:
    rules = [each["typed_config"].get("rules") for each in filters if "rbac" in each["name"]]
    return any(
        rule is not None
        and (
            (rule.get("action", "ALLOW") == "ALLOW" and not rule.get("policies"))
            or (rule.get("action") == "DENY" and EVERYTHING in rule["policies"].values())
        )
        for rule in rules
    )
