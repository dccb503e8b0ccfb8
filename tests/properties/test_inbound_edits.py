"""After any edits a sidecar, and who calls it, has what it would have from the start."""

from hypothesis import given, settings, strategies as st

from controlplane.model.proxy import Target
from tests.support.declared import INGRESS, Declared
from tests.support.properties import examples
from tests.unit.inbound.given import HOST, SERVICE, peer_authentication, sidecar

MODES = ("UNSET", "DISABLE", "PERMISSIVE", "STRICT")
POD = """
apiVersion: v1
kind: Pod
metadata:
  name: app
  namespace: default
  labels: {app: app, security.istio.io/tlsMode: istio}
spec: {containers: [{name: app}]}
status: {podIP: 10.0.0.1, phase: Running, conditions: [{type: Ready, status: "True"}]}
---
"""
TARGETS = (Target(HOST, 80, 8001), Target(HOST, 83, 8003), Target(HOST, 84, 8004))


@st.composite
def policies(draw: st.DrawFn) -> str:
    """A PeerAuthentication of one of three levels; two edits may be of one object."""
    level = draw(st.sampled_from(("mesh", "namespace", "workload", "second")))
    mode = draw(st.sampled_from(MODES))
    if level == "mesh":
        return peer_authentication(mode, namespace="istio-system", name=level)
    if level == "namespace":
        return peer_authentication(mode, name=level)
    port, own = draw(st.sampled_from((8001, 8003, 9090))), draw(st.sampled_from(MODES))
    ports = f"{{{port}: {{mode: {own}}}}}"
    return peer_authentication(mode, selector="{app: app}", ports=ports, name=level)


@st.composite
def sidecars(draw: st.DrawFn) -> str:
    port = draw(st.sampled_from((8001, 8003, 9090)))
    protocol = draw(st.sampled_from(("HTTP", "TCP", '""')))
    capture = draw(st.sampled_from(("DEFAULT", "NONE")))
    limit = draw(st.integers(1, 2))
    ingress = (
        f"ingress: [{{port: {{number: {port}, protocol: {protocol}, name: a}}, "
        f'captureMode: {capture}, defaultEndpoint: "127.0.0.1:9080"}}]'
    )
    return f"""
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: app, namespace: default}}
spec:
  inboundConnectionPool: {{tcp: {{maxConnections: {limit}}}}}
  {ingress if draw(st.booleans()) else ""}
---
"""


@st.composite
def services(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(("http", "tcp", "any", "grpc")))
    return SERVICE.replace("{name: any,", f"{{name: {name}-x,") + POD


@settings(max_examples=examples(20))
@given(edits=st.lists(st.one_of(policies(), sidecars(), services()), min_size=1, max_size=5))
def test_edits_give_what_a_fresh_start_gives(edits: list[str]) -> None:
    edited = Declared(SERVICE + POD)
    for edit in edits:
        _everything(edited)
        edited.edit(edit)

    fresh = Declared(SERVICE + POD)
    fresh.put("".join(edits))
    assert _everything(edited) == _everything(fresh)


def _everything(declared: Declared) -> tuple[object, ...]:
    proxy = sidecar(TARGETS)
    return (
        declared.listeners(proxy),
        declared.clusters(proxy),
        declared.endpoints(proxy),
        declared.endpoints(INGRESS),
        declared.clusters(INGRESS),
    )
