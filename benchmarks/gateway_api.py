"""What an edit costs at a Gateway of the Gateway API with a thousand routes or ListenerSets, beside
the same with a thousand VirtualServices, at one Istio Gateway or a Gateway each.

No socket: the engine alone, and one gateway. 1,000 services with an endpoint each; each route has
five rules. The routes have a hostname each, share one, or attach to a ListenerSet each.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import mesh
from figures import Figure, show

from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.proxy import Proxy, Role

ROUTES, RULES, RUNS = 1_000, 5, 20
EDITED: Final = 50
RATIO: Final = 2.0  # of the same edit of a VirtualService, at most

GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  gatewayClassName: istio
  allowedListeners: {namespaces: {from: Same}}
  listeners: [{name: http, port: 8080, protocol: HTTP, hostname: "*.example.com"}]
"""
LISTENER_SET = """\
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{name: set-{n}, namespace: default}}
spec:
  parentRef: {{name: edge}}
  listeners: [{{name: http, port: 8080, protocol: HTTP, hostname: {host}{n}.example.net}}]
"""
ISTIO_GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: set-{n}, namespace: istio-system}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: 8080, name: http, protocol: HTTP}}
    hosts: ["{host}{n}.example.net"]
"""
ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r{n}, namespace: default}}
spec:
  parentRefs: [{{{parent}}}]
  hostnames: [{host}]
  rules:
"""
ROUTE_RULE = """\
  - matches: [{{path: {{value: /{n}/{i}}}}}]
    backendRefs: [{{name: service-{to}, port: 80}}]
"""
VIRTUAL_SERVICE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: r{n}, namespace: default}}
spec:
  hosts: [{host}]
  gateways: [istio-system/{gateway}]
  http:
"""
VIRTUAL_RULE = """\
  - match: [{{uri: {{prefix: /{n}/{i}}}}}]
    route: [{{destination: {{host: service-{to}, port: {{number: 80}}}}}}]
"""
Route = Callable[[int, int], str]
"""The text of the route with a number, and the service that it leads to."""
Listener = Callable[[int, str], str]
"""The text of the ListenerSet or Istio Gateway with a number, and what its hostname
begins with."""


def with_rules(head: str, rule: str, n: int, to: int) -> str:
    return head + "".join(rule.format(n=n, i=i, to=to) for i in range(RULES))


def http_route(n: int, to: int, *, host: str, parent: str = "name: edge") -> str:
    return with_rules(ROUTE.format(n=n, host=host, parent=parent), ROUTE_RULE, n, to)


def virtual_service(n: int, to: int, *, host: str, gateway: str = "gateway") -> str:
    head = VIRTUAL_SERVICE.format(n=n, host=host, gateway=gateway)
    return with_rules(head, VIRTUAL_RULE, n, to)


def of_own_host(n: int, to: int) -> str:
    return http_route(n, to, host=f"s{n}.example.com")


def of_one_host(n: int, to: int) -> str:
    return http_route(n, to, host="shop.example.com")


def of_listener_set(n: int, to: int) -> str:
    return http_route(n, to, host=f"s{n}.example.net", parent=f"kind: ListenerSet, name: set-{n}")


def virtual_of_own_host(n: int, to: int) -> str:
    return virtual_service(n, to, host=f"s{n}.example.com")


def virtual_of_one_host(n: int, to: int) -> str:
    return virtual_service(n, to, host="shop.example.com")


def virtual_of_own_gateway(n: int, to: int) -> str:
    return virtual_service(n, to, host=f"s{n}.example.net", gateway=f"set-{n}")


def listener_set(n: int, host: str = "s") -> str:
    return LISTENER_SET.format(n=n, host=host)


def istio_gateway(n: int, host: str = "s") -> str:
    return ISTIO_GATEWAY.format(n=n, host=host)


def documents(route: Route, listener: Listener | None) -> Iterator[tuple[str, str]]:
    yield "gateway.yaml", GATEWAY
    yield "istio-gateway.yaml", mesh.gateway()
    for n in range(ROUTES):
        yield f"service-{n}.yaml", mesh.service(n)
        yield f"workload-{n}.yaml", mesh.workload(n)
        yield f"route-{n}.yaml", route(n, n)
        if listener is not None:
            yield f"set-{n}.yaml", listener(n, "s")


def gateway(*, of_istio: bool) -> Proxy:
    namespace = "istio-system" if of_istio else "default"
    label = ("istio", "ingressgateway")
    return Proxy(
        name="edge",
        role=Role.GATEWAY,
        namespace=namespace,
        service_account="edge",
        labels=(label if of_istio else ("gateway.networking.k8s.io/gateway-name", "edge"),),
        addresses=("10.0.0.1",),
    )


class Mesh:
    """An engine with one gateway that has everything."""

    def __init__(
        self, route: Route, listener: Listener | None = None, *, of_istio: bool = False
    ) -> None:
        self.route, self.listener = route, listener
        self.engine = Engine(MeshConfig(), now=datetime.now(UTC))
        self.proxy = gateway(of_istio=of_istio)
        found = documents(route, listener)
        self.engine.apply((Path(name), text.encode()) for name, text in found)
        self.engine.connected.join(self.proxy)
        self.view = self.engine.view(self.proxy)
        self.engine.connected.hold(self.view)
        self.engine.resources(self.view)
        self.engine.take_doubt()

    def edit(self, name: str, text: str) -> float:
        """Milliseconds of CPU from a changed text to the resources of the gateway."""
        started = time.process_time()
        self.engine.apply([(Path(name), text.encode())])
        doubt = self.engine.take_doubt()
        if self.proxy in doubt.proxies:
            view = self.engine.view(self.proxy)
            if view != self.view:
                self.engine.connected.hold(view)
                self.engine.connected.release(self.view)
                self.view = view
        self.engine.resources(self.view)
        return (time.process_time() - started) * 1e3

    def edit_route(self, run: int) -> float:
        return self.edit(f"route-{EDITED}.yaml", self.route(EDITED, EDITED + 1 + run % 2))

    def edit_endpoint(self, run: int) -> float:
        address = f"10.9.9.{run % 250 + 1}"
        return self.edit(f"workload-{EDITED}.yaml", mesh.workload(EDITED, address=address))

    def edit_listener(self, run: int) -> float:
        assert self.listener is not None, "the mesh has ListenerSets or Gateways"
        return self.edit(f"set-{EDITED}.yaml", self.listener(EDITED, "st"[run % 2]))

    def cells(self, edit: Callable[[int], float]) -> int:
        """How many cells are computed again for an edit."""
        edit(0)
        self.engine.graph.trace = []
        edit(1)
        ran, self.engine.graph.trace = len(self.engine.graph.trace), None
        return ran


def compared(
    name: str, ours: Callable[[int], float], istio: Callable[[int], float], runs: int
) -> Figure:
    """The edits take turns, so that what else the machine does hits both."""
    for edit in (ours, istio, ours, istio):
        edit(1)
    pairs = [(ours(run), istio(run)) for run in range(runs)]
    value, floor = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Figure(name=f"{name}, ms of CPU", value=value, floor=floor, goal=RATIO)


def of_routes(name: str, ours: Mesh, istio: Mesh, runs: int) -> list[Figure]:
    return [
        compared(f"{name}: edit of a route", ours.edit_route, istio.edit_route, runs),
        compared(f"{name}: edit of an endpoint", ours.edit_endpoint, istio.edit_endpoint, runs),
        Figure(name=f"{name}: edit of a route, cells", value=ours.cells(ours.edit_route)),
    ]


def measured(*, quick: bool = False) -> list[Figure]:
    runs = RUNS // 4 if quick else RUNS
    istio = Mesh(virtual_of_own_host, of_istio=True)
    figures = of_routes("1,000 hosts", Mesh(of_own_host), istio, runs)
    istio = Mesh(virtual_of_one_host, of_istio=True)
    figures += of_routes("1,000 at one host", Mesh(of_one_host), istio, runs)
    istio = Mesh(virtual_of_own_gateway, istio_gateway, of_istio=True)
    sets = Mesh(of_listener_set, listener_set)
    figures += of_routes("1,000 ListenerSets", sets, istio, runs)
    name = "1,000 ListenerSets: edit of a listener"
    return [
        *figures,
        compared(name, sets.edit_listener, istio.edit_listener, runs),
        Figure(name=f"{name}, cells", value=sets.cells(sets.edit_listener)),
    ]


if __name__ == "__main__":
    show(measured())
