"""TLS of DestinationRules that sidecars refuse, or do not honour, is reported at its mode."""

import pytest

from tests.support.checked import checked
from tests.unit.clusters.test_peer_policies import WEB, peers

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: b, port: 81}]}
---
"""


def rule(policy: str, host: str = "web.shop.svc.cluster.local", more: str = "{}") -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: web, namespace: shop}}
spec:
  host: "{host}"
  trafficPolicy: {policy}
  workloadSelector: {more}
---
""".replace("  workloadSelector: {}\n", "")


def tls(mode: str, rest: str = "") -> str:
    return f"{{tls: {{mode: {mode}{rest}}}}}"


def workload(account: str = ", serviceAccount: web", labels: str = "{app: web}") -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: web, namespace: shop}}
spec: {{address: 10.0.0.1, labels: {labels}{account}}}
---
"""


def found(text: str) -> list[str]:
    return [line for line in checked(text) if "CP0367" in line or "CP0371" in line]


def test_plaintext_to_a_strict_namespace() -> None:
    assert found(rule(tls("DISABLE")) + SERVICE + workload() + peers("all")) == [
        "6:31 warning CP0367: sidecars send plaintext to port 80 of web.shop, where "
        "PeerAuthentication shop/all accepts mutual TLS of the mesh alone (STRICT) -> remove tls: "
        "mutual TLS is then used where the other side accepts it"
    ]


def test_mutual_tls_to_a_workload_that_disables_it() -> None:
    policy = peers("web", mode="DISABLE", selector=WEB)

    assert found(rule(tls("ISTIO_MUTUAL")) + SERVICE + workload() + peers("all") + policy) == [
        "6:31 warning CP0367: sidecars send mutual TLS of the mesh to port 80 of web.shop, where "
        "PeerAuthentication shop/web accepts plaintext alone (DISABLE) -> remove tls, or let the "
        "PeerAuthentication accept mutual TLS (PERMISSIVE)"
    ]


@pytest.mark.parametrize(
    ("policy", "peer", "contradicts"),
    [
        (tls("SIMPLE"), peers("all"), True),
        ("{tls: {}}", peers("all"), True),
        (tls("ISTIO_MUTUAL"), peers("all"), False),
        (tls("DISABLE"), peers("all", mode="PERMISSIVE"), False),
        (tls("DISABLE"), peers("all", "other"), False),
        (tls("DISABLE"), peers("all", "istio-system"), True),
        (tls("DISABLE"), peers("all") + peers("a", mode="PERMISSIVE", selector=WEB), False),
        (tls("ISTIO_MUTUAL"), peers("all", mode="DISABLE"), True),
        (tls("ISTIO_MUTUAL"), "", False),
        (
            "{portLevelSettings: [{port: {number: 81}, tls: {mode: DISABLE}}]}",
            peers("w", mode="PERMISSIVE", selector=WEB, portLevelMtls="{8080: {mode: STRICT}}"),
            False,
        ),
        (
            "{portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]}",
            peers("w", mode="PERMISSIVE", selector=WEB, portLevelMtls="{8080: {mode: STRICT}}"),
            True,
        ),
        (
            "{tls: {mode: DISABLE}, portLevelSettings: "
            "[{port: {number: 80}, tls: {mode: ISTIO_MUTUAL}}]}",
            peers("w", mode="PERMISSIVE", selector=WEB, portLevelMtls="{8080: {mode: STRICT}}"),
            False,
        ),
    ],
)
def test_what_contradicts(policy: str, peer: str, contradicts: bool) -> None:
    assert bool(found(rule(policy) + SERVICE + workload() + peer)) is contradicts


def test_a_subset_meets_the_policy_of_its_own_workloads() -> None:
    subset = "{portLevelSettings: []}\n  subsets:\n  - {name: v2, labels: {version: v2}, "
    subset += "trafficPolicy: {tls: {mode: DISABLE}}}"
    policy = peers("v2", mode="PERMISSIVE", selector="{matchLabels: {version: v2}}")
    both = SERVICE + workload(labels="{app: web, version: v2}") + peers("all")
    text = rule(subset).replace("  trafficPolicy: {portLevelSettings: []}\n", "")

    assert len(found(text + both)) == 1
    assert found(text + both + policy) == []


def test_a_workload_without_a_sidecar_takes_plaintext() -> None:
    assert found(rule(tls("DISABLE")) + SERVICE + workload(account="") + peers("all")) == []


@pytest.mark.parametrize(
    ("host", "peer", "contradicts"),
    [
        ("*.local", peers("all", "istio-system"), True),
        ("*", peers("all", "istio-system"), True),
        ("*.shop.svc.cluster.local", peers("all"), True),
        ("*.shop.svc.cluster.local", peers("all", "other"), False),
        ("*.example.com", peers("all", "istio-system"), False),
        ("*.local", peers("all"), False),
    ],
)
def test_a_rule_for_many_hosts(host: str, peer: str, contradicts: bool) -> None:
    assert bool(found(rule(tls("DISABLE"), host) + peer)) is contradicts


def test_gateways_have_no_peer_authentication() -> None:
    gateway = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: egress, namespace: shop}
spec:
  selector: {app: web}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
"""

    assert found(rule(tls("DISABLE")) + SERVICE + gateway + peers("all")) == []


ENTRY = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: shop}
spec:
  hosts: [api.example.com]
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 443}]
  resolution: DNS
---
"""
API = rule(tls("SIMPLE", ", credentialName: partner"), "api.example.com")
GROUP = """\
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: web, namespace: shop}
spec: {template: {}}
---
"""
TO_GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: shop}
spec:
  hosts: [api.example.com]
  gateways: [mesh, egress]
  http:
  - match: [{gateways: [mesh]}]
    route: [{destination: {host: egress.istio-system.svc.cluster.local}}]
  - match: [{gateways: [egress]}]
    route: [{destination: {host: api.example.com}}]
---
"""


def test_a_secret_that_sidecars_do_not_get() -> None:
    assert found(API + ENTRY + GROUP) == [
        "6:55 warning CP0371: sidecars send plaintext to api.example.com: a credentialName is for "
        "gateways, unless a workloadSelector selects the sidecars that may have the secret -> add "
        "workloadSelector: {matchLabels: …}, or send the traffic through an egress gateway"
    ]


@pytest.mark.parametrize(
    "text",
    [
        API + ENTRY,
        API + ENTRY + GROUP + TO_GATEWAY,
        rule(tls("SIMPLE"), "api.example.com") + ENTRY + GROUP,
        rule(
            tls("SIMPLE", ", credentialName: partner"),
            "api.example.com",
            more="{matchLabels: {app: web}}",
        )
        + ENTRY
        + GROUP,
    ],
)
def test_secrets_that_are_for_gateways_or_for_some_sidecars(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("account", "peer", "contradicts"),
    [
        ("{address: 10.0.0.1, labels: {app: web}, serviceAccount: web}", peers("all"), True),
        ("{address: 10.0.0.1, labels: {app: web}}", peers("all"), False),
        (
            "{address: 10.0.0.1, labels: {app: web}, serviceAccount: web}",
            peers("all") + peers("a", mode="PERMISSIVE", selector=WEB),
            False,
        ),
    ],
)
def test_endpoints_that_a_service_entry_lists(account: str, peer: str, contradicts: bool) -> None:
    internal = f"""\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: web, namespace: shop}}
spec:
  hosts: [web.internal]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  endpoints: [{account}]
---
"""

    assert bool(found(rule(tls("DISABLE"), "web.internal") + internal + peer)) is contradicts
