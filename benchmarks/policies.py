"""AuthorizationPolicies in a fleet of sidecars: what they add to it, and what an edit of one costs.

The mesh of ``views``, of which each of 1,000 workloads has a policy of its own with three rules;
each namespace has one for all its workloads, and the root namespace one for the mesh.
"""

import gc
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import views
from figures import Figure, show

RUNS = 40
POLICY = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: {ns}}}
spec:
  {selector}
  action: {action}
  rules:
  - from: [{{source: {{principals: [cluster.local/ns/{ns}/sa/web, "*/sa/{word}"]}}}}]
    to: [{{operation: {{methods: [GET, HEAD], paths: [/api/*, "/v1/{{*}}/items"]}}}}]
  - from: [{{source: {{namespaces: [{ns}], notIpBlocks: [10.9.0.0/16]}}}}]
    to: [{{operation: {{ports: ["9080"], hosts: ["{word}.example.com"]}}}}]
  - when: [{{key: "request.headers[x-team]", values: [{word}]}}]
---
"""


def of_workload(n: int, word: str = "blue") -> str:
    selector = f"selector: {{matchLabels: {{app: s{n}}}}}"
    ns = views.namespace(n)
    return POLICY.format(name=f"s{n}", ns=ns, selector=selector, action="ALLOW", word=word)


def of_all(ns: str, word: str = "blue") -> str:
    return POLICY.format(name="all", ns=ns, selector="", action="DENY", word=word)


def documents() -> Iterator[tuple[str, str]]:
    for n in range(views.SIDECARS):
        yield f"s{n}-policy.yaml", of_workload(n)
    for i in range(views.NAMESPACES):
        yield f"ns-{i}-policy.yaml", of_all(f"ns-{i}")
    yield "mesh-policy.yaml", of_all("istio-system")


def measured(*, quick: bool = False) -> list[Figure]:
    runs = RUNS // 4 if quick else RUNS
    engine = views.loaded()
    sidecars = [views.sidecar(i) for i in range(views.SIDECARS)]
    for proxy in sidecars:
        views.connect(engine, proxy)
    before = {proxy: engine.view(proxy) for proxy in sidecars}
    gc.collect()
    base, started = views.resident(), time.process_time()
    engine.apply((Path(name), text.encode()) for name, text in documents())
    for proxy in engine.take_doubt().proxies:
        view = engine.view(proxy)
        assert view.inbound is not None, "it is a sidecar"
        assert len(view.inbound.policies.authorization) == 3, "of the workload, namespace and mesh"
        engine.connected.hold(view)
        engine.resources(view)
        engine.connected.release(before.pop(proxy))
    took = time.process_time() - started
    gc.collect()
    grown = views.resident() - base

    def median(name: str, text: str) -> float:
        """Milliseconds of CPU for an edit of a policy's words."""
        edits = (
            views.edit(engine, name, text.replace("blue", f"blue{run}")) for run in range(runs)
        )
        return statistics.median(edits) * 1e3

    one = median("s7-policy.yaml", of_workload(7))
    of_namespace = median("ns-7-policy.yaml", of_all("ns-7"))
    runs = min(runs, 5)
    of_mesh = median("mesh-policy.yaml", of_all("istio-system"))
    return [
        Figure(name="1,051 policies for 1,000 sidecars, s of CPU", value=took),
        Figure(name="1,051 policies for 1,000 sidecars, MiB", value=grown),
        Figure(name="edit of a workload's policy, ms of CPU", value=one, goal=5.0),
        Figure(name="edit of a policy of 20 workloads, ms of CPU", value=of_namespace),
        Figure(name="edit of a policy of 1,000 workloads, ms of CPU", value=of_mesh),
    ]


if __name__ == "__main__":
    show(measured())
