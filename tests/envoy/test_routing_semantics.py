"""What is easily forgotten of routing at a gateway, each shown by a request through a real Envoy.

Shown elsewhere: matches by text, regex, missing headers and the port in the authority
(``test_routing.test_the_first_rule_that_matches_is_taken``); an exact host that hides the wildcard
(``test_routing.test_an_unlisted_host_of_the_wildcard_goes_to_the_wildcards_rules``); destinations,
TLS and servers (``test_destination_semantics``).
"""

import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.client import Answer
from tests.support.mesh import Mesh, running_mesh
from tests.support.process import eventually

pytestmark = pytest.mark.envoy

SHOP, OTHER, DEAD = "127.1.1.1", "127.1.1.2", "127.1.1.9"
LONGER_THAN_ENVOY_WAITS = 15.5  # seconds; Envoy's own limit for a request is 15

MESH = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}
---
"""


def entry(
    name: str,
    *addresses: str,
    ports: str = "{number: 80, name: http}",
    namespace: str = "default",
) -> str:
    """A ServiceEntry for ``name.NAMESPACE.svc.cluster.local``; upstreams listen on 9080."""
    listed = ports.replace("}", ", protocol: HTTP, targetPort: 9080}")
    endpoints = ", ".join(f"{{address: {address}}}" for address in addresses)
    return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  hosts: [{name}.{namespace}.svc.cluster.local]
  location: MESH_INTERNAL
  ports: [{listed}]
  resolution: STATIC
  endpoints: [{endpoints}]
---
"""


def virtual_service(
    name: str,
    rules: str,
    *,
    host: str = "",
    namespace: str = "default",
    gateways: str = "gateways: [istio-system/gw]",
    more: str = "",
) -> str:
    """Rules for ``NAME.example.com``."""
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  hosts: [{host or f"{name}.example.com"}]
  {gateways}
  {more}
  http:
{rules}
---
"""


def delegate(name: str, rules: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec:
  http:
{rules}
---
"""


TO_SHOP = "route: [{destination: {host: shop}}]"
SERVICES = (
    entry("shop", SHOP)
    + entry("other", OTHER)
    + entry("flaky", SHOP, DEAD)
    + entry("same", SHOP)
    + entry("same", OTHER, namespace="team")
    + entry("single", SHOP, ports="{number: 9999, name: http}")
    + entry("several", SHOP, ports="{number: 81, name: http}, {number: 82, name: more}")
    + entry("declared", SHOP, ports="{number: 8080, name: http}, {number: 82, name: more}")
    + """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: flaky, namespace: default}
spec:
  host: flaky
  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}
---
"""
)
RETRIES = virtual_service(
    "retries",
    f"""
  - match: [{{uri: {{prefix: /flaky}}}}]
    route: [{{destination: {{host: flaky}}}}]
  - match: [{{uri: {{prefix: /never}}}}]
    retries: {{attempts: 0}}
    route: [{{destination: {{host: flaky}}}}]
  - {TO_SHOP}
""",
)
MERGING = virtual_service(
    "merged-a",
    """
  - match: [{uri: {exact: /first}}]
    directResponse: {status: 201}
  - directResponse: {status: 202}
  - match: [{uri: {exact: /dead}}]
    directResponse: {status: 203}
""",
    host="merged.example.com",
) + virtual_service(
    "merged-b",
    """
  - match: [{uri: {prefix: /}, headers: {x-b: {}}}, {uri: {prefix: /b}}]
    directResponse: {status: 206}
""",
    host="merged.example.com",
)
BINDING = virtual_service("unbound", f"  - {TO_SHOP}", gateways="") + virtual_service(
    "labels",
    """
  - match: [{sourceLabels: {istio: other}}]
    directResponse: {status: 201}
  - match: [{sourceLabels: {istio: ingressgateway}}]
    directResponse: {status: 202}
""",
)
DESTINATIONS = virtual_service(
    "team",
    "  - route: [{destination: {host: same}}]",
    namespace="team",
) + virtual_service(
    "ports",
    """
  - match: [{uri: {prefix: /single}}]
    route: [{destination: {host: single}}]
  - match: [{uri: {prefix: /several}}]
    route: [{destination: {host: several}}]
  - match: [{uri: {prefix: /declared}}]
    route: [{destination: {host: declared}}]
  - match: [{uri: {prefix: /weightless}}]
    route: [{destination: {host: shop}, weight: 0}]
  - match: [{uri: {prefix: /weights}}]
    route: [{destination: {host: shop}, weight: 7}, {destination: {host: other}, weight: 0}]
""",
)
MATCHING = virtual_service(
    "matching",
    """
  - match: [{headers: {x: {}}}]
    directResponse: {status: 201}
  - match: [{queryParams: {q: {exact: ""}}}]
    directResponse: {status: 202}
""",
)
REWRITING = virtual_service(
    "rewriting",
    f"""
  - match: [{{uri: {{exact: /exact}}}}]
    rewrite: {{uri: /x}}
    {TO_SHOP}
  - match: [{{uri: {{regex: "/regex/.*"}}}}]
    rewrite: {{uri: /x}}
    {TO_SHOP}
  - rewrite: {{uri: /x}}
    {TO_SHOP}
""",
)
SIDE_EFFECTS = virtual_service(
    "mirrored",
    f"""
  - mirror: {{host: other}}
    {TO_SHOP}
""",
) + virtual_service(
    "faulty",
    f"""
  - match: [{{uri: {{prefix: /no-share}}}}]
    fault: {{abort: {{httpStatus: 500}}, delay: {{fixedDelay: 5s}}}}
    {TO_SHOP}
  - match: [{{uri: {{prefix: /abort}}}}]
    fault: {{abort: {{httpStatus: 503, percentage: {{value: 100}}}}}}
    retries: {{attempts: 3, retryOn: "5xx,503"}}
    {TO_SHOP}
  - fault: {{delay: {{fixedDelay: 500ms, percentage: {{value: 100}}}}}}
    timeout: 200ms
    {TO_SHOP}
""",
)
CORS = virtual_service(
    "cors",
    f"""
  - match: [{{uri: {{prefix: /forward}}}}]
    corsPolicy: {{allowOrigins: [{{exact: "https://a.example"}}]}}
    {TO_SHOP}
  - match: [{{uri: {{prefix: /ignore}}}}]
    corsPolicy:
      allowOrigins: [{{exact: "https://a.example"}}]
      unmatchedPreflights: IGNORE
    {TO_SHOP}
  - match: [{{uri: {{prefix: /get}}, method: {{exact: GET}}}}]
    corsPolicy: {{allowOrigins: [{{exact: "https://a.example"}}]}}
    {TO_SHOP}
""",
)
ANSWERS = virtual_service(
    "answers",
    """
  - match: [{uri: {prefix: /derived}}]
    redirect: {uri: /there, derivePort: FROM_REQUEST_PORT}
  - match: [{uri: {prefix: /default}}]
    redirect: {scheme: http, port: 80}
  - match: [{uri: {prefix: /plain}}]
    directResponse: {status: 200, body: {string: hello}}
  - match: [{uri: {prefix: /typed}}]
    directResponse: {status: 200, body: {string: "{}"}}
    headers: {response: {set: {content-type: application/json}}}
""",
)
GRPC = virtual_service(
    "grpc",
    f"""
  - match: [{{uri: {{prefix: /capped}}}}]
    timeout: 200ms
    rewrite: {{uri: /delay/3}}
    {TO_SHOP}
  - {TO_SHOP}
""",
)
DELEGATES = virtual_service(
    "delegating",
    """
  - match: [{uri: {prefix: /api}}]
    timeout: 200ms
    rewrite: {uri: /delay/0.5}
    delegate: {name: leaf}
  - match: [{uri: {prefix: /lost}}]
    delegate: {name: lost}
  - directResponse: {status: 201}
""",
) + delegate(
    "leaf",
    f"""
  - match: [{{uri: {{prefix: /api/patient}}}}]
    timeout: 5s
    {TO_SHOP}
  - {TO_SHOP}
""",
)
SUBSETS = (
    virtual_service(
        "subsets",
        f"""
  - match: [{{uri: {{prefix: /undefined}}}}]
    route: [{{destination: {{host: shop, subset: v9}}}}]
  - match: [{{uri: {{prefix: /unseen}}}}]
    route: [{{destination: {{host: other, subset: v1}}}}]
  - {TO_SHOP}
""",
    )
    + """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: other, namespace: default}
spec:
  host: other
  exportTo: ["."]
  subsets: [{name: v1, labels: {}}]
---
"""
)


@pytest.fixture(scope="module")
def mesh(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    parts = (MESH, SERVICES, RETRIES, MERGING, BINDING, DESTINATIONS, MATCHING, REWRITING)
    more = (SIDE_EFFECTS, CORS, ANSWERS, GRPC, DELEGATES, SUBSETS)
    files = {"mesh.yaml": "".join((*parts, *more))}
    with running_mesh(tmp_path_factory.mktemp("mesh"), files=files) as running:
        for name, address in (("shop", SHOP), ("other", OTHER)):
            running.upstreams.add(name, address, 9080)
        running.until_upstream("shop", "http://retries.example.com:8080/")
        yield running


class Waiting:
    """A request on a thread of its own, so that other tests run while it takes its time."""

    def __init__(self, mesh: Mesh, url: str) -> None:
        self._answers: list[Answer] = []
        self._thread = threading.Thread(
            target=lambda: self._answers.append(mesh.send(url, patience=30.0))
        )
        self._thread.start()

    def answer(self) -> Answer:
        self._thread.join()
        return self._answers[0]


@pytest.fixture(scope="module", autouse=True)
def slow(mesh: Mesh) -> Waiting:
    return Waiting(mesh, f"http://retries.example.com:8080/delay/{LONGER_THAN_ENVOY_WAITS}")


def at(mesh: Mesh, host: str, path: str, **options: object) -> Answer:
    return mesh.send(f"http://{host}.example.com:8080{path}", **options)


def statuses(mesh: Mesh, host: str, path: str, count: int = 20) -> set[int]:
    return {at(mesh, host, path).status for _ in range(count)}


def test_a_dead_endpoint_is_retried_and_a_503_of_the_application_is_not(mesh: Mesh) -> None:
    assert statuses(mesh, "retries", "/flaky") == {200}

    assert at(mesh, "retries", "/status/503").status == 503
    assert mesh.upstreams.by_name["shop"].hits["/status/503"] == 1


def test_no_attempts_are_no_retries(mesh: Mesh) -> None:
    assert statuses(mesh, "retries", "/never") == {200, 503}


def test_what_catches_all_goes_behind_the_rules_of_other_virtual_services(mesh: Mesh) -> None:
    assert at(mesh, "merged", "/first").status == 201
    assert at(mesh, "merged", "/b").status == 206
    assert at(mesh, "merged", "/c", headers={"x-b": "1"}).status == 206
    assert at(mesh, "merged", "/dead").status == 202


def test_a_virtual_service_without_gateways_is_none_of_a_gateway(mesh: Mesh) -> None:
    assert at(mesh, "unbound", "/").status == 404


def test_a_short_name_is_one_of_the_virtual_services_namespace(mesh: Mesh) -> None:
    assert at(mesh, "team", "/").upstream == "other"


def test_a_port_left_out_is_the_only_one_or_the_declared_one(mesh: Mesh) -> None:
    assert at(mesh, "ports", "/single").status == 200
    assert at(mesh, "ports", "/several").status == 503
    assert at(mesh, "ports", "/declared").status == 200


def test_an_unknown_or_unseen_subset_costs_its_own_route(mesh: Mesh) -> None:
    assert at(mesh, "subsets", "/undefined").status == 503
    assert at(mesh, "subsets", "/unseen").status == 503
    assert at(mesh, "subsets", "/").status == 200


def test_a_single_destination_gets_all_even_at_weight_0_and_one_of_several_nothing(
    mesh: Mesh,
) -> None:
    assert statuses(mesh, "ports", "/weightless", 5) == {200}
    assert Counter(at(mesh, "ports", "/weights").upstream for _ in range(20)) == {"shop": 20}


def test_an_empty_match_is_presence_and_an_empty_exact_one_is_a_key_without_value(
    mesh: Mesh,
) -> None:
    assert at(mesh, "matching", "/", headers={"x": "anything"}).status == 201
    assert at(mesh, "matching", "/?q").status == 202
    assert at(mesh, "matching", "/?q=").status == 202
    assert at(mesh, "matching", "/?q=1").status == 404


def test_a_rewritten_uri_takes_the_place_of_what_matched(mesh: Mesh) -> None:
    assert at(mesh, "rewriting", "/y").seen["path"] == "/xy"
    assert at(mesh, "rewriting", "/exact").seen["path"] == "/x"
    assert at(mesh, "rewriting", "/regex/a/b").seen["path"] == "/x"


def test_a_mirror_sees_the_same_host_and_its_failure_is_not_seen(mesh: Mesh) -> None:
    assert at(mesh, "mirrored", "/mirrored").upstream == "shop"

    other = mesh.upstreams.by_name["other"]
    eventually("the mirror is asked", lambda: "/mirrored" in other.last)
    assert other.last["/mirrored"].headers["host"] == "mirrored.example.com:8080"


def delays(mesh: Mesh) -> int:
    """How often the gateway has held a request back."""
    return sum(mesh.gateway.stats("delays_injected").values())


def test_a_fault_without_a_share_never_happens(mesh: Mesh) -> None:
    before = delays(mesh)

    assert at(mesh, "faulty", "/no-share").status == 200
    assert delays(mesh) == before


def test_an_abort_is_not_retried_and_a_delay_ignores_timeouts(mesh: Mesh) -> None:
    assert at(mesh, "faulty", "/abort").text == "fault filter abort"
    assert mesh.upstreams.by_name["shop"].hits["/abort"] == 0

    before = delays(mesh)
    assert at(mesh, "faulty", "/").status == 200
    assert delays(mesh) == before + 1


def test_preflights_of_other_origins_are_forwarded_unless_they_are_ignored(mesh: Mesh) -> None:
    asked = {"origin": "https://b.example", "access-control-request-method": "PUT"}

    forwarded = at(mesh, "cors", "/forward", method="OPTIONS", headers=asked)
    ignored = at(mesh, "cors", "/ignore", method="OPTIONS", headers=asked)

    assert forwarded.upstream == "shop"
    assert (ignored.status, ignored.upstream) == (200, None)
    assert "access-control-allow-origin" not in ignored.headers


def test_a_rule_for_get_never_sees_a_preflight(mesh: Mesh) -> None:
    asked = {"origin": "https://a.example", "access-control-request-method": "GET"}

    assert at(mesh, "cors", "/get", method="OPTIONS", headers=asked).status == 404
    assert at(mesh, "cors", "/get", headers=asked).status == 200


def test_a_redirect_may_take_the_declared_port_and_keeps_the_query(mesh: Mesh) -> None:
    derived = mesh.send("http://answers.example.com/derived?a=b", port=8080)
    default = mesh.send("http://answers.example.com/default?a=b", port=8080)

    assert derived.headers["location"] == "http://answers.example.com:8080/there?a=b"
    assert default.headers["location"] == "http://answers.example.com/default?a=b"


def test_an_answer_is_text_unless_its_headers_say_otherwise(mesh: Mesh) -> None:
    plain, typed = at(mesh, "answers", "/plain"), at(mesh, "answers", "/typed")

    assert (plain.text, plain.headers["content-type"]) == ("hello", "text/plain")
    assert typed.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "patience"), [("/delay/3", "100m"), ("/capped", "9S")], ids=["client", "rule"]
)
def test_a_grpc_client_says_how_long_it_waits_up_to_the_rules_timeout(
    mesh: Mesh, path: str, patience: str
) -> None:
    headers = {"content-type": "application/grpc", "te": "trailers", "grpc-timeout": patience}

    answer = at(mesh, "grpc", path, method="POST", headers=headers)

    assert (answer.status, answer.headers["grpc-status"]) == (200, "14")


def test_labels_of_the_source_are_those_of_the_gateway(mesh: Mesh) -> None:
    assert at(mesh, "labels", "/").status == 202


def test_what_a_delegate_leaves_out_comes_from_who_delegates(mesh: Mesh) -> None:
    assert at(mesh, "delegating", "/api").status == 504
    assert at(mesh, "delegating", "/api/patient").status == 200


def test_a_missing_delegate_costs_its_own_rule(mesh: Mesh) -> None:
    assert at(mesh, "delegating", "/lost").status == 201


def test_a_rule_without_a_timeout_waits_longer_than_envoy_would(slow: Waiting) -> None:
    assert slow.answer().upstream == "shop"
