"""Sidecars that do not apply where they are meant to, and hosts that they import from nowhere."""

import pytest

from tests.support.checked import checked


def sidecar(name: str, rest: str = 'egress: [{hosts: ["./*"]}]', namespace: str = "shop") -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  {rest}
---
"""


def selecting(name: str, labels: str) -> str:
    return sidecar(name, f'workloadSelector: {{labels: {labels}}}\n  egress: [{{hosts: ["./*"]}}]')


def importing(*hosts: str, namespace: str = "shop", port: str = "") -> str:
    listed = ", ".join(f'"{host}"' for host in hosts)
    return sidecar("all", f"egress: [{{{port}hosts: [{listed}]}}]", namespace)


def service(name: str, namespace: str = "shop", port: int = 9080) -> str:
    return f"""\
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{ports: [{{name: http, port: {port}}}]}}
---
"""


def entry(host: str, namespace: str = "shop", export_to: str = "*") -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: entry, namespace: {namespace}}}
spec:
  hosts: ["{host}"]
  exportTo: ["{export_to}"]
  ports: [{{number: 443, name: tls, protocol: TLS}}]
---
"""


def workload(name: str, labels: str) -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: {name}, namespace: shop}}
spec: {{address: 10.0.0.1, labels: {labels}}}
---
"""


def found(text: str) -> list[str]:
    """What is reported that is about Sidecars."""
    return [line for line in checked(text) if "CP036" in line or "CP0324" in line]


def test_a_second_sidecar_for_the_whole_namespace_has_no_effect() -> None:
    assert found(sidecar("b") + sidecar("a") + sidecar("c", namespace="other")) == [
        "3:18 warning CP0360: Sidecar shop/a has no workloadSelector either and comes first, so "
        "this one has no effect: a namespace has one Sidecar for all its workloads -> put both "
        "into Sidecar shop/a, or give this one a workloadSelector"
    ]


def test_one_sidecar_may_be_for_all_and_others_for_some() -> None:
    text = sidecar("all") + selecting("web", "{app: web}") + selecting("api", "{app: api}")

    assert found(text + workload("w", "{app: web}") + workload("a", "{app: api}")) == []


def test_two_sidecars_that_select_one_workload() -> None:
    text = selecting("a", "{app: web}") + selecting("b", "{tier: front}")

    assert found(text + workload("w", "{app: web, tier: front}")) == [
        "12:22 warning CP0361: Sidecar shop/a comes first for WorkloadEntry shop/w, which both "
        "select -> let the selectors exclude each other"
    ]


def test_a_sidecar_all_of_whose_workloads_an_earlier_one_selects() -> None:
    text = selecting("a", "{app: web}") + selecting("b", "{app: web, version: v1}")

    assert found(text + workload("w", "{app: web, version: v1}")) == [
        "12:22 warning CP0361: Sidecar shop/a selects every workload that this one does and comes "
        "first, so this one has no effect -> keep one of them"
    ]


def test_sidecars_of_other_namespaces_and_workloads_do_not_meet() -> None:
    text = selecting("a", "{app: web}") + selecting("b", "{tier: front}")

    assert found(text + workload("w", "{app: web}") + workload("x", "{tier: front}")) == []


def test_a_selector_that_no_declared_workload_has() -> None:
    assert found(selecting("a", "{app: wbe}") + workload("w", "{app: web}")) == [
        "5:22 warning CP0324: no workload of shop is declared that has app: wbe (Pod, "
        "WorkloadEntry, WorkloadGroup or Deployment) -> write app: web"
    ]


@pytest.mark.parametrize(
    "declared",
    [
        "apiVersion: networking.istio.io/v1\nkind: WorkloadGroup\n"
        "metadata: {name: web, namespace: shop}\n"
        "spec: {metadata: {labels: {app: web}}, template: {}}\n",
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        "metadata: {name: web, namespace: shop}\n"
        "spec: {hosts: [a.b], ports: [{number: 80, name: http}], resolution: STATIC, "
        "endpoints: [{address: 10.0.0.1, labels: {app: web}}]}\n",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n"
        "spec: {template: {metadata: {labels: {app: web}}}}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n"
        "spec: {selector: {app: web, tier: front}, ports: [{name: http, port: 80}]}\n",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: web}}\n",
    ],
)
def test_a_workload_may_be_declared_in_many_ways(declared: str) -> None:
    assert found(selecting("a", "{app: web}") + declared) == []


@pytest.mark.parametrize(
    "host",
    [
        "./*",
        "*/*",
        "istio-system/*",
        "other/*",
        "./web.shop.svc.cluster.local",
        "shop/web.shop.svc.cluster.local",
        "*/api.other.svc.cluster.local",
        "other/api.other.svc.cluster.local",
        "other/*.other.svc.cluster.local",
        "*/*.svc.cluster.local",
        "*/*.example.com",
        "other/*.example.com",
        "other/*.a.example.com",
        "other/*.com",
        "~other/api.other.svc.cluster.local",
        "~/*.example.com",
    ],
)
def test_hosts_that_some_service_has(host: str) -> None:
    text = importing("./*", host) if host.startswith("~") else importing(host)
    declared = service("web") + service("api", "other") + entry("*.a.example.com", "other")

    assert found(text + declared) == []


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (
            "./wbe.shop.svc.cluster.local",
            'host "wbe.shop.svc.cluster.local" is declared by no Service and no ServiceEntry of '
            "shop, so this entry imports nothing -> write ./web.shop.svc.cluster.local",
        ),
        (
            "./api.other.svc.cluster.local",
            'host "api.other.svc.cluster.local" is declared by no Service and no ServiceEntry of '
            "shop, so this entry imports nothing -> write "
            '"other/api.other.svc.cluster.local"',
        ),
        (
            "other/x.a.example.com",
            'host "x.a.example.com" is declared by no Service and no ServiceEntry of other, so '
            'this entry imports nothing -> write "other/*.a.example.com"',
        ),
        (
            "*/x.example.org",
            'host "x.example.org" is declared by no Service and no ServiceEntry, so this entry '
            "imports nothing -> declare x.example.org with a Service or a ServiceEntry",
        ),
        (
            "*/*.example.org",
            'no Service and no ServiceEntry has a host within "*.example.org", so this entry '
            "imports nothing",
        ),
        (
            "shop/*.example.com",
            'no Service and no ServiceEntry of shop has a host within "*.example.com", so this '
            "entry imports nothing",
        ),
        (
            "othr/*",
            "namespace othr declares no Service and no ServiceEntry, so this entry imports "
            'nothing -> write "other/*"',
        ),
        (
            "other/hidden.example.net",
            "ServiceEntry other/private does not export this host to shop, so this entry imports "
            'nothing -> add "shop" to exportTo of ServiceEntry other/private',
        ),
    ],
)
def test_hosts_that_no_service_has(host: str, expected: str) -> None:
    hidden = entry("hidden.example.net", "other", ".").replace("name: entry", "name: private")
    declared = service("web") + service("api", "other") + entry("*.a.example.com", "other")

    assert found(importing(host) + declared + hidden) == [f"5:21 warning CP0362: {expected}"]


def test_an_exclusion_of_nothing() -> None:
    assert found(importing("./*", "~other/wbe.shop.svc.cluster.local") + service("web")) == [
        '5:28 warning CP0362: host "wbe.shop.svc.cluster.local" is declared by no Service and no '
        "ServiceEntry of other, so nothing is excluded -> write ~other/web.shop.svc.cluster.local"
    ]


def test_what_the_root_namespace_imports_of_each_namespace_is_not_known() -> None:
    text = importing("./web.shop.svc.cluster.local", "./*", namespace="istio-system")

    assert found(text) == []


def test_a_port_that_none_of_the_hosts_has() -> None:
    text = importing("./web.shop.svc.cluster.local", port="port: {number: 80}, ")

    assert found(text + service("web")) == [
        "5:28 warning CP0363: none of the hosts has a port 80, so the listener imports nothing "
        "(their ports are 9080) -> write 9080"
    ]


@pytest.mark.parametrize(
    ("port", "host"),
    [
        ("{number: 9080}", "./web.shop.svc.cluster.local"),
        ("{number: 80}", "./*"),
        ("{number: 3128, protocol: HTTP_PROXY}", "./web.shop.svc.cluster.local"),
    ],
)
def test_ports_that_may_have_hosts(port: str, host: str) -> None:
    assert found(importing(host, port=f"port: {port}, ") + service("web")) == []
