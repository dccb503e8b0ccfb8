"""Requests through a real Envoy go where VirtualServices say, and are changed as they say."""

from collections import Counter
from collections.abc import Iterator
from threading import Thread

import pytest

from tests.support.client import Answer
from tests.support.mesh import Mesh, running_mesh
from tests.support.process import eventually

pytestmark = pytest.mark.envoy

BACKENDS = {"shop": "127.1.1.1", "reviews-v1": "127.1.1.2", "reviews-v2": "127.1.1.3"}

MESH = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["*.example.com"]
  - port: {number: 8081, name: http-moved, protocol: HTTP}
    hosts: ["moved.example.com"]
    tls: {httpsRedirect: true}
  - port: {number: 8082, name: http-unbound, protocol: HTTP}
    hosts: ["unbound.example.org"]
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: default}
spec:
  clusterIP: 10.96.1.1
  selector: {app: shop}
  ports: [{name: http, port: 80, targetPort: 9080}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: shop, namespace: default}
spec: {address: 127.1.1.1, labels: {app: shop}}
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec:
  clusterIP: 10.96.1.2
  selector: {app: reviews}
  ports: [{name: http, port: 80, targetPort: 9080}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: reviews-v1, namespace: default}
spec: {address: 127.1.1.2, labels: {app: reviews, version: v1}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: reviews-v2, namespace: default}
spec: {address: 127.1.1.3, labels: {app: reviews, version: v2}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec:
  host: reviews
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
"""
EMPTY = """
apiVersion: v1
kind: Service
metadata: {name: empty, namespace: default}
spec: {clusterIP: 10.96.1.3, selector: {app: empty}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: dead, namespace: default}
spec:
  hosts: [dead.example.org]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.1.1.99}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: narrow, namespace: default}
spec:
  hosts: [narrow.example.org]
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 9080}]
  resolution: STATIC
  endpoints: [{address: 127.1.1.1}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: narrow, namespace: default}
spec:
  host: narrow.example.org
  trafficPolicy: {connectionPool: {http: {http2MaxRequests: 1}}}
---
"""


def service(name: str, rules: str, *, hosts: str = "", more: str = "") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec:
  {hosts or f"hosts: [{name}.example.com]"}
  gateways: [istio-system/gw]
  http:
{rules}
  {more}
---
"""


FAILING = service(
    "failing",
    """
  - match: [{uri: {prefix: /empty}}]
    route: [{destination: {host: empty}}]
  - match: [{uri: {prefix: /dead}}]
    route: [{destination: {host: dead.example.org}}]
  - match: [{uri: {prefix: /wrong-port}}]
    route: [{destination: {host: shop, port: {number: 81}}}]
  - route: [{destination: {host: narrow.example.org}}]
""",
)
MESH += EMPTY + FAILING

MATCHING = service(
    "matching",
    """
  - match: [{uri: {exact: /exact}}]
    headers: &exact {request: {set: {x-rule: exact}}}
    route: &shop [{destination: {host: shop}}]
  - match: [{uri: {prefix: /CASE}, ignoreUriCase: true}]
    headers: {request: {set: {x-rule: case}}}
    route: *shop
  - match: [{uri: {regex: "/item/[0-9]+"}}]
    headers: {request: {set: {x-rule: regex}}}
    route: *shop
  - match: [{method: {exact: PUT}}, {queryParams: {debug: {}}}]
    headers: {request: {set: {x-rule: method-or-query}}}
    route: *shop
  - match: [{headers: {end-user: {exact: jason}}, withoutHeaders: {x-old: {}}}]
    headers: {request: {set: {x-rule: headers}}}
    route: *shop
  - match: [{withoutHeaders: {cookie: {prefix: a}}, uri: {prefix: /without}}]
    headers: {request: {set: {x-rule: without}}}
    route: *shop
  - match: [{authority: {prefix: "matching.example.com:8080"}, uri: {prefix: /authority}}]
    headers: {request: {set: {x-rule: authority}}}
    route: *shop
  - match: [{uri: {prefix: /last}}]
    headers: {request: {set: {x-rule: last}}}
    route: *shop
""",
)

ACTIONS = (
    service(
        "actions",
        """
  - match: [{uri: {prefix: /rewrite/}}]
    rewrite: {uri: /new/, authority: shop.internal}
    route: [{destination: {host: shop}}]
  - match: [{uri: {prefix: /regex}}]
    rewrite: {uriRegexRewrite: {match: "^/regex/(.*)/(.*)$", rewrite: '/\\2/\\1'}}
    route: [{destination: {host: shop}}]
  - match: [{uri: {prefix: /headers}}]
    headers:
      request: {set: {x-a: rule}, add: {x-b: rule}, remove: [x-c]}
      response: {set: {x-from: "%PROTOCOL% 100%% of %UPSTREAM_CLUSTER_RAW%"}}
    route: [{destination: {host: shop}, headers: {request: {add: {x-b: destination}}}}]
  - match: [{uri: {prefix: /unknown-command}}]
    headers: {request: {set: {x-a: "%NO_SUCH_THING%"}}}
    route: [{destination: {host: shop}}]
  - match: [{uri: {prefix: /redirect}}]
    redirect: {uri: /there, authority: new.example.com, scheme: https, redirectCode: 307}
  - match: [{uri: {prefix: /unredirectable}}]
    redirect: {uri: /there, redirectCode: 305}
  - match: [{uri: {prefix: /answer}}]
    directResponse: {status: 418, body: {string: short and stout}}
    headers: {response: {set: {x-pot: tea}}}
  - match: [{uri: {prefix: /abort}}]
    fault: {abort: {httpStatus: 503, percentage: {value: 100}}}
    route: [{destination: {host: shop}}]
  - match: [{uri: {prefix: /slow}}]
    fault: {delay: {fixedDelay: 300ms, percentage: {value: 100}}}
    route: [{destination: {host: shop}}]
  - match: [{uri: {prefix: /cors}}]
    corsPolicy: {allowOrigins: [{exact: "https://a.example"}], allowMethods: [PUT], maxAge: 1m}
    route: [{destination: {host: shop}}]
  - match: [{uri: {prefix: /mirror}}]
    mirror: {host: reviews, subset: v2}
    route: [{destination: {host: shop}}]
  - match: [{uri: {prefix: /status/503}}]
    retries: {attempts: 2, retryOn: "503"}
    route: [{destination: {host: shop}}]
  - match: [{uri: {prefix: /delay}}]
    timeout: 200ms
    route: [{destination: {host: shop}}]
  - match: [{uri: {prefix: /subset}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - match: [{uri: {prefix: /no-subset}}]
    route: [{destination: {host: reviews, subset: v3}}]
  - match: [{uri: {prefix: /no-host}}]
    route: [{destination: {host: nobody}}]
  - match: [{uri: {prefix: /split}}]
    route:
    - {destination: {host: reviews, subset: v1}, weight: 3}
    - {destination: {host: reviews, subset: v2}, weight: 1}
""",
    )
    + service(
        "delegating",
        """
  - match: [{uri: {prefix: /api}}]
    headers: {request: {set: {x-rule: root}}}
    delegate: {name: leaf}
  - match: [{uri: {prefix: /lost}}]
    delegate: {name: lost}
  - match: [{uri: {prefix: /own}}]
    route: [{destination: {host: shop}}]
""",
    )
    + service(
        "leaf",
        """
  - match: [{uri: {prefix: /api/reviews}}]
    route: [{destination: {host: reviews, subset: v1}}]
  - route: [{destination: {host: shop}}]
""",
    )
    .replace("hosts: [leaf.example.com]", "")
    .replace("gateways: [istio-system/gw]", "")
    + service(
        "wild",
        "  - route: [{destination: {host: reviews, subset: v1}}]",
        hosts='hosts: ["*.example.com"]',
    )
)


@pytest.fixture(scope="module")
def shop(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with running_mesh(
        tmp_path_factory.mktemp("shop"), files={"mesh.yaml": MESH + MATCHING + ACTIONS}
    ) as mesh:
        for name, address in BACKENDS.items():
            mesh.upstreams.add(name, address, 9080)
        mesh.until_upstream("shop", "http://delegating.example.com:8080/own")
        yield mesh


@pytest.mark.parametrize(
    ("url", "options", "rule"),
    [
        ("/exact", {}, "exact"),
        ("/exact?query", {}, "exact"),
        ("/exactly", {}, None),
        ("/case/x", {}, "case"),
        ("/item/12", {}, "regex"),
        ("/item/12/x", {}, None),
        ("/any", {"method": "PUT"}, "method-or-query"),
        ("/any?debug", {}, "method-or-query"),
        ("/any", {"headers": {"end-user": "jason"}}, "headers"),
        ("/any", {"headers": {"end-user": "jason", "x-old": "1"}}, None),
        ("/without", {}, "without"),
        ("/without", {"headers": {"cookie": "a=1"}}, None),
        ("/authority", {}, "authority"),
        ("/lastly", {}, "last"),
        ("/none", {}, None),
    ],
)
def test_the_first_rule_that_matches_is_taken(
    shop: Mesh, url: str, options: dict[str, object], rule: str | None
) -> None:
    answer = shop.send(f"http://matching.example.com:8080{url}", **options)

    assert answer.status == (404 if rule is None else 200)
    if rule is not None:
        assert _headers(answer.seen)["x-rule"] == rule


def test_an_unlisted_host_of_the_wildcard_goes_to_the_wildcards_rules(shop: Mesh) -> None:
    assert shop.send("http://other.example.com:8080/").upstream == "reviews-v1"
    assert shop.send("http://matching.example.com:8080/none").status == 404
    assert shop.send("http://example.org:8080/").status == 404


def test_rewrites(shop: Mesh) -> None:
    seen = _at(shop, "/rewrite/cart").seen
    assert (seen["path"], _headers(seen)["host"]) == ("/new/cart", "shop.internal")

    assert _at(shop, "/regex/a/b").seen["path"] == "/b/a"


def test_headers(shop: Mesh) -> None:
    answer = _at(shop, "/headers", headers={"x-a": "client", "x-c": "client"})

    headers = _headers(answer.seen)
    assert headers["x-a"] == "rule"
    assert "x-c" not in headers
    assert (
        answer.headers["x-from"] == "HTTP/1.1 100% of outbound|80||shop.default.svc.cluster.local"
    )


def test_a_command_that_envoy_does_not_know_is_sent_as_text(shop: Mesh) -> None:
    assert _headers(_at(shop, "/unknown-command").seen)["x-a"] == "%NO_SUCH_THING%"


def test_redirects(shop: Mesh) -> None:
    answer = _at(shop, "/redirect?a=b")

    assert (answer.status, answer.headers["location"]) == (
        307,
        "https://new.example.com/there?a=b",
    )
    assert _at(shop, "/unredirectable").status == 500


def test_a_server_that_redirects_to_https_needs_no_virtual_service(shop: Mesh) -> None:
    answer = shop.send("http://moved.example.com:8081/x")

    assert (answer.status, answer.headers["location"]) == (
        301,
        "https://moved.example.com:8081/x",
    )


def test_direct_responses(shop: Mesh) -> None:
    answer = _at(shop, "/answer")

    assert (answer.status, answer.text, answer.headers["x-pot"]) == (418, "short and stout", "tea")


def test_faults(shop: Mesh) -> None:
    assert _at(shop, "/abort").status == 503

    assert _at(shop, "/slow").status == 200
    assert sum(shop.gateway.stats("delays_injected").values()) == 1


def test_preflights_are_answered_for_the_origins_that_may(shop: Mesh) -> None:
    asked = {"origin": "https://a.example", "access-control-request-method": "PUT"}
    answer = _at(shop, "/cors", method="OPTIONS", headers=asked)

    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert answer.headers["access-control-max-age"] == "60"
    assert answer.upstream is None


def test_mirrors_get_a_copy(shop: Mesh) -> None:
    before = shop.upstreams.by_name["reviews-v2"].hits["/mirror"]

    assert _at(shop, "/mirror").upstream == "shop"

    hits = shop.upstreams.by_name["reviews-v2"].hits
    eventually("the mirror is hit", lambda: hits["/mirror"] == before + 1)


def test_retries_and_timeouts(shop: Mesh) -> None:
    before = shop.upstreams.by_name["shop"].hits["/status/503"]

    assert _at(shop, "/status/503").status == 503
    assert shop.upstreams.by_name["shop"].hits["/status/503"] == before + 3
    assert _at(shop, "/delay/2").status == 504


def test_what_leads_nowhere_costs_only_itself(shop: Mesh) -> None:
    assert _at(shop, "/no-subset").status == 503
    assert _at(shop, "/no-host").status == 503
    assert _at(shop, "/subset").upstream == "reviews-v2"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/empty", "no healthy upstream"),
        ("/wrong-port", ""),
        ("/dead", "upstream connect error"),
    ],
    ids=["a service without endpoints", "a port that it lacks", "an endpoint that is down"],
)
def test_a_destination_that_cannot_answer_is_503(shop: Mesh, path: str, text: str) -> None:
    answer = shop.send(f"http://failing.example.com:8080{path}")

    assert answer.status == 503
    assert text in answer.text


def test_a_request_too_many_is_turned_away_at_once(shop: Mesh) -> None:
    url, hits = "http://failing.example.com:8080", shop.upstreams.by_name["shop"].hits
    first = Thread(target=lambda: shop.send(f"{url}/delay/2", patience=30.0))
    before = hits["/delay/2"]
    first.start()
    eventually("the first is on its way", lambda: hits["/delay/2"] == before + 1)

    answer = shop.send(f"{url}/second")

    assert (answer.status, answer.headers.get("x-envoy-overloaded")) == (503, "true")
    assert hits["/second"] == 0
    first.join()


def test_a_server_without_virtual_services_answers_404(shop: Mesh) -> None:
    assert shop.send("http://unbound.example.org:8082/").status == 404


def test_a_port_that_no_server_has_is_closed(shop: Mesh) -> None:
    assert shop.send("http://matching.example.com:8083/").error == "refused"


def test_weights_are_shares(shop: Mesh) -> None:
    counted = Counter(_at(shop, "/split").upstream for _ in range(200))

    assert set(counted) == {"reviews-v1", "reviews-v2"}
    assert 110 <= counted["reviews-v1"] <= 190


def test_delegates(shop: Mesh) -> None:
    reviews = shop.send("http://delegating.example.com:8080/api/reviews/1").seen
    assert (reviews["name"], _headers(reviews)["x-rule"]) == ("reviews-v1", "root")
    assert shop.send("http://delegating.example.com:8080/api/x").upstream == "shop"
    assert shop.send("http://delegating.example.com:8080/lost").status == 404


def test_an_edit_is_in_force_at_once_and_other_hosts_do_not_notice(shop: Mesh) -> None:
    moved = MATCHING.replace("prefix: /last", "prefix: /moved")
    try:
        shop.write("mesh.yaml", MESH + moved + ACTIONS)
        shop.until_upstream("shop", "http://matching.example.com:8080/moved")
        assert shop.send("http://matching.example.com:8080/last").status == 404
        assert _at(shop, "/subset").upstream == "reviews-v2"
    finally:
        shop.write("mesh.yaml", MESH + MATCHING + ACTIONS)
    shop.until_upstream("shop", "http://matching.example.com:8080/last")


def _at(mesh: Mesh, path: str, **options: object) -> Answer:
    return mesh.send(f"http://actions.example.com:8080{path}", **options)


def _headers(seen: dict[str, object]) -> dict[str, str]:
    headers = seen["headers"]
    assert isinstance(headers, dict), "an upstream tells its headers as a mapping"
    return headers
