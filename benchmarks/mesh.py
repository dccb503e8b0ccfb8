"""The meshes that are measured: N services with endpoints, a DestinationRule and a VirtualService
each.

One gateway serves them all on one port by host, unless said otherwise. Deterministic, plain Istio
YAML.
"""

from collections.abc import Iterator
from pathlib import Path

from envoy.config.core.v3.base_pb2 import Node
from google.protobuf.json_format import ParseDict

GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: gateway, namespace: istio-system}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: {port}, name: http, protocol: HTTP}}
    hosts: ["*.example.com"]
"""

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {{name: service-{n}, namespace: default}}
spec:
  clusterIP: 10.{a}.{b}.1
  selector: {{app: service-{n}}}
  ports: [{{name: http, port: 80, targetPort: {target}}}]
"""

WORKLOAD = """\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: service-{n}-{e}, namespace: default}}
spec: {{address: {address}, labels: {{app: service-{n}, version: v1}}}}
"""

RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: service-{n}, namespace: default}}
spec:
  host: service-{n}
  trafficPolicy: {{connectionPool: {{http: {{http1MaxPendingRequests: {pending}}}}}}}
  subsets: [{{name: v1, labels: {{version: v1}}}}]
"""

ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: service-{n}, namespace: default}}
spec:
  hosts: [service-{n}.example.com]
  gateways: [istio-system/gateway]
  http:
  - route: [{{destination: {{host: service-{n}, subset: v1}}}}]
    timeout: {timeout}s
"""

ANSWER = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: service-{n}, namespace: default}}
spec:
  hosts: [service-{n}.example.com]
  gateways: [istio-system/gateway]
  http:
  - match: [{{uri: {{prefix: /answer}}}}]
    directResponse: {{status: {status}}}
  - route: [{{destination: {{host: service-{n}, subset: v1}}}}]
    timeout: 5s
"""


def gateway_node() -> Node:
    """The ingress gateway, as it presents itself."""
    metadata = {"NAMESPACE": "istio-system", "LABELS": {"istio": "ingressgateway"}}
    who = "router~127.0.0.1~ingressgateway.istio-system~istio-system.svc.cluster.local"
    return ParseDict({"id": who, "metadata": metadata}, Node())


def gateway(port: int = 8080) -> str:
    return GATEWAY.format(port=port)


def service(n: int, target: int = 9080) -> str:
    return SERVICE.format(n=n, a=n // 250 % 250 + 1, b=n % 250, target=target)


def workload(n: int, e: int = 0, address: str = "") -> str:
    return WORKLOAD.format(n=n, e=e, address=address or f"10.200.{n // 250 % 250}.{n % 250 + 1}")


def rule(n: int, pending: int = 1000) -> str:
    return RULE.format(n=n, pending=pending)


def route(n: int, timeout: int = 5) -> str:
    return ROUTE.format(n=n, timeout=timeout)


def answer(n: int, status: int = 200) -> str:
    """``/answer`` is answered by the gateway itself with ``status``: it shows when it is new."""
    return ANSWER.format(n=n, status=status)


def documents(services: int) -> Iterator[tuple[str, str]]:
    """File name and text of every object: four for each service, and the gateway."""
    yield "gateway.yaml", gateway()
    for n in range(services):
        yield f"service-{n}.yaml", service(n)
        yield f"workload-{n}.yaml", workload(n)
        yield f"rule-{n}.yaml", rule(n)
        yield f"route-{n}.yaml", route(n)


def write(folder: Path, services: int) -> None:
    """One file for each object, in folders of a hundred services."""
    for name, text in documents(services):
        number = name.rpartition("-")[2].removesuffix(".yaml")
        below = folder / (f"{int(number) // 100:03}" if number.isdigit() else "")
        below.mkdir(parents=True, exist_ok=True)
        (below / name).write_text(text)


def beside(file: Path, text: str) -> Path:
    """Write what ``file`` is to be beside it, as editors and deployments do before they rename."""
    new = file.with_name(f".{file.name}.new")
    new.write_text(text)
    return new


def rename_into(file: Path, text: str) -> None:
    """Replace ``file`` as editors and deployments do: write beside it, then rename."""
    beside(file, text).rename(file)
