"""Which Telemetries apply to a proxy, and in which order they are merged."""

import pytest

from controlplane.base.names import Namespace
from controlplane.model.proxy import Labels, ResolvedProxy, Role
from controlplane.queries.policy.telemetry import telemetries_of, telemetry_keys
from tests.support.declared import Declared

WEB: Labels = (("app", "web"), ("version", "v1"))
EDGE: Labels = (("gateway.networking.k8s.io/gateway-name", "edge"),)
SELECTS_WEB = "{selector: {matchLabels: {app: web}}}"
OF_EDGE = "{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]}"
OF_SERVICE = '{targetRefs: [{group: "", kind: Service, name: web}]}'


def telemetry(
    name: str, namespace: str = "default", spec: str = "{}", created: str = "2026-01-01"
) -> str:
    return f"""---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: "{created}T00:00:00Z"}}
spec: {spec}
"""


def applied(text: str, labels: Labels = WEB, namespace: str = "default") -> list[str]:
    """To a proxy, in the order of the merge."""
    graph = Declared(text).graph
    return [str(key.name) for key in telemetry_keys(graph, Namespace(namespace), labels)]


def test_that_of_the_root_namespace_comes_first_and_what_selects_last() -> None:
    texts = [
        telemetry("selects", spec=SELECTS_WEB),
        telemetry("own"),
        telemetry("mesh", "istio-system"),
    ]

    assert applied("".join(texts)) == ["mesh", "own", "selects"]


def test_of_those_for_all_the_oldest_applies_alone() -> None:
    texts = [
        telemetry("a", created="2026-03-01"),
        telemetry("b", created="2026-02-01", spec="{selector: {}}"),
        telemetry("c", "istio-system", created="2026-02-01"),
        telemetry("d", "istio-system"),
    ]

    assert applied("".join(texts)) == ["d", "b"]


def test_all_that_select_apply_the_oldest_first() -> None:
    texts = [
        telemetry("a", spec=SELECTS_WEB, created="2026-03-01"),
        telemetry("b", spec=SELECTS_WEB, created="2026-02-01"),
        telemetry("c", spec="{selector: {matchLabels: {app: other}}}"),
    ]

    assert applied("".join(texts)) == ["b", "a"]


@pytest.mark.parametrize(
    ("namespace", "spec", "labels", "expected"),
    [
        pytest.param("default", OF_EDGE, EDGE, True, id="a Gateway"),
        pytest.param("default", OF_EDGE, WEB, False, id="no Gateway's proxy"),
        pytest.param("default", OF_SERVICE, WEB, False, id="a Service is for waypoints"),
        pytest.param("other", "{}", WEB, False, id="another namespace"),
        pytest.param(
            "istio-system", SELECTS_WEB, WEB, False, id="the root namespace selects its own alone"
        ),
        pytest.param("istio-system", OF_EDGE, EDGE, False, id="a Gateway is in its namespace"),
    ],
)
def test_a_telemetry_applies(namespace: str, spec: str, labels: Labels, expected: bool) -> None:
    assert bool(applied(telemetry("t", namespace, spec), labels)) is expected


def test_a_proxy_of_the_root_namespace_has_its_telemetries_once() -> None:
    texts = [telemetry("mesh", "istio-system"), telemetry("own", "istio-system", SELECTS_WEB)]

    assert applied("".join(texts), WEB, "istio-system") == ["mesh", "own"]


def test_an_edit_of_what_a_telemetry_says_changes_no_view() -> None:
    logs = "{{accessLogging: [{{filter: {{expression: 'response.code >= {code}'}}}}]}}"
    declared = Declared(telemetry("t", spec=logs.format(code=400)))
    sidecar = ResolvedProxy(role=Role.SIDECAR, namespace=Namespace("default"), labels=WEB)
    view = declared.view(sidecar)
    declared.graph.trace = ran = []

    declared.edit(telemetry("t", spec=logs.format(code=500)))

    assert declared.view(sidecar) == view
    assert not [each for each in ran if each.startswith(("outbound_view", "inbound_view"))]
    (found,) = telemetries_of(declared.graph, view.outbound.telemetries)
    (logging,) = found.spec.access_logging
    assert logging.filter is not None
    assert logging.filter.expression == "response.code >= 500"


def test_a_telemetry_that_comes_or_goes_changes_the_views_of_its_proxies() -> None:
    declared = Declared(telemetry("t", "other"))
    sidecar = ResolvedProxy(role=Role.SIDECAR, namespace=Namespace("default"), labels=WEB)
    assert declared.view(sidecar).outbound.telemetries == ()

    declared.edit(telemetry("t"))
    view = declared.view(sidecar)

    assert [key.name for key in view.outbound.telemetries] == ["t"]
    assert view.inbound is not None
    assert view.inbound.telemetries == view.outbound.telemetries
    assert view.outbound.for_clusters.telemetries == ()
    assert view.outbound.for_routes.telemetries == ()
    declared.remove(telemetry("t"))
    assert declared.view(sidecar).outbound.telemetries == ()
