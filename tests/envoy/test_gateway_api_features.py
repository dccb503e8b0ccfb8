"""Features that the conformance tests ask for, by real requests at a Gateway of class
``controlplane``; the more particular ones have files of their own.
"""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.support.client import Answer
from tests.support.http_routes import request_route
from tests.support.mesh import Mesh, Workload, running_mesh
from tests.support.pki import Authority
from tests.support.process import eventually
from tests.support.upstream import server_tls

pytestmark = pytest.mark.envoy

ROOT, CLIENTS = Authority("root"), Authority("clients")
EDGE: Final = Workload(
    name="edge-controlplane",
    namespace="apps",
    labels={"gateway.networking.k8s.io/gateway-name": "edge"},
)
GATEWAY: Final = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: apps}
spec:
  gatewayClassName: controlplane
  addresses: [{type: IPAddress}]
  allowedListeners: {namespaces: {from: All}}
  tls: {backend: {clientCertificateRef: {name: client}}}
  listeners:
  - {name: http, port: 8080, protocol: HTTP}
  - {name: first, port: 8090, protocol: HTTP, hostname: first.test}
  - {name: second, port: 8090, protocol: HTTP, hostname: second.test}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more, namespace: other}
spec:
  parentRef: {name: edge, namespace: apps}
  listeners: [{name: http, port: 8082, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: granted, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: apps}]
  to: [{group: "", kind: Service, name: granted}]
---
"""


def service(name: str, address: str, *, port: int = 9080, namespace: str = "apps") -> str:
    """A Service whose one endpoint speaks HTTP/2 where its name says so."""
    protocol = ", appProtocol: kubernetes.io/h2c" if name == "h2c" else ""
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{ports: [{{name: web, port: 80{protocol}}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: {name}-1
  namespace: {namespace}
  labels: {{kubernetes.io/service-name: {name}}}
addressType: IPv4
ports: [{{name: web, port: {port}}}]
endpoints: [{{addresses: [{address}]}}]
---
"""


def tls_policy(name: str, names: str) -> str:
    """A BackendTLSPolicy for a Service; ``names`` are its subjectAltNames."""
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: {name}, namespace: apps}}
spec:
  targetRefs: [{{group: "", kind: Service, name: {name}}}]
  validation:
    hostname: pay.internal
    subjectAltNames: [{names}]
    caCertificateRefs: [{{group: "", kind: ConfigMap, name: root}}]
---
"""


def rule(path: str, more: str = "", *backends: str, match: str = "") -> str:
    """A rule for a path, or for ``match``; ``more`` are further fields."""
    refs = ", ".join(each if "{" in each else f"{{name: {each}, port: 80}}" for each in backends)
    fields = [f"matches: [{match or f'{{path: {{value: {path}}}}}'}]", *([more] if more else [])]
    return "{" + ", ".join([*fields, *([f"backendRefs: [{refs}]"] if refs else [])]) + "}"


def filtered(kind: str, settings: str) -> str:
    return f"filters: [{{type: {kind}, {kind[0].lower()}{kind[1:]}: {{{settings}}}}}]"


def rewritten(settings: str) -> str:
    return filtered("URLRewrite", "").replace("uRLRewrite: {}", f"urlRewrite: {{{settings}}}")


def mirrored(*mirrors: str) -> str:
    each = (f"{{type: RequestMirror, requestMirror: {{{mirror}}}}}" for mirror in mirrors)
    return f"filters: [{', '.join(each)}]"


AT_HTTP: Final = "[{name: edge, sectionName: http}]"
ADDED: Final = "{group: gateway.networking.k8s.io, kind: ListenerSet, name: more}"
V2: Final = "backendRef: {name: v2, port: 80}"
REDIRECTS: Final = {
    "303": "statusCode: 303",
    "307": "statusCode: 307",
    "308": "statusCode: 308",
    "301": "statusCode: 301, hostname: other.test",
    "port": "port: 8083",
    "scheme": "scheme: https, hostname: other.test",
    "path": "path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}",
}
HEADERS: Final = (
    "set: [{name: x-set, value: new}], add: [{name: x-add, value: more}], remove: [x-remove]"
)
RULES: Final = (
    rule("", "name: exact-path", "v1", match="{path: {type: Exact, value: /exact}}"),
    rule("/prefix", "", "v2"),
    rule("", "", "v1", match="{path: {value: /matched}, method: POST}"),
    rule("", "", "v2", match="{path: {value: /matched}, queryParams: [{name: a, value: whale}]}"),
    *(rule(f"/redirect/{name}", filtered("RequestRedirect", to)) for name, to in REDIRECTS.items()),
    rule("/host", rewritten("hostname: one.test"), "v1"),
    rule("/full", rewritten("path: {type: ReplaceFullPath, replaceFullPath: /one}"), "v1"),
    rule("/cut", rewritten("path: {type: ReplacePrefixMatch, replacePrefixMatch: /}"), "v1"),
    rule("/asked", filtered("RequestHeaderModifier", HEADERS), "v1"),
    rule(
        "/answered",
        filtered(
            "ResponseHeaderModifier",
            "set: [{name: content-type, value: text/set}], add: [{name: x-add, value: more}],"
            " remove: [content-length]",
        ),
        "v1",
    ),
    rule(
        "/each",
        "",
        *(
            f"{{name: {name}, port: 80,"
            f" {filtered('RequestHeaderModifier', f'set: [{{name: x-to, value: {name}}}]')}}}"
            for name in ("v1", "v2")
        ),
    ),
    rule("/mirrored", mirrored(V2, "backendRef: {name: h2c, port: 80}"), "v1"),
    rule("/half", mirrored(f"{V2}, percent: 50"), "v1"),
    rule("/limited", "timeouts: {request: 300ms}", "v1"),
    rule("/tried", "timeouts: {backendRequest: 300ms}", "v1"),
    rule("/again", "retry: {codes: [503], attempts: 2, backoff: 25ms}", "v1"),
    rule(
        "/cors",
        filtered(
            "CORS",
            'allowOrigins: ["https://*.a.test"], allowMethods: [PUT], exposeHeaders: [x-seen],'
            " allowCredentials: true, maxAge: 60",
        ).replace("cORS", "cors"),
        "v1",
    ),
    rule("/granted", "", "{name: granted, namespace: other, port: 80}"),
    rule("/kept", "", "{name: kept, namespace: other, port: 80}"),
    rule("/named", "", "named"),
    rule("/unnamed", "", "unnamed"),
)
CALLS: Final = rule(
    "",
    f"name: carts, {filtered('RequestHeaderModifier', 'set: [{name: x-set, value: grpc}]')}",
    "h2c",
    match="{method: {service: shop.Cart, method: Get}}",
)


def to_all(name: str, parent: str, backend: str, namespace: str = "apps", path: str = "/") -> str:
    """A route of one parent, for a path."""
    return request_route(
        rule(path, "", backend), name=name, namespace=namespace, hosts="[]", parents=f"[{parent}]"
    )


def authorities() -> str:
    """What the certificates of backends are verified by."""
    lines = "".join(f"    {line}\n" for line in ROOT.pem.splitlines())
    return (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: root, namespace: apps}\n"
        f"data:\n  ca.crt: |\n{lines}"
    )


def mesh_text() -> str:
    return "".join(
        (
            GATEWAY,
            CLIENTS.leaf("edge.client").secret("client", namespace="apps"),
            request_route(
                *RULES[:16], name="a", namespace="apps", hosts="[a.test]", parents=AT_HTTP
            ),
            request_route(
                *RULES[16:], name="b", namespace="apps", hosts="[a.test]", parents=AT_HTTP
            ),
            request_route(
                CALLS,
                kind="GRPCRoute",
                name="calls",
                namespace="apps",
                hosts="[calls.test]",
                parents=AT_HTTP,
            ),
            to_all("port", "{name: edge, port: 8090}", "v1"),
            to_all("one", "{name: edge, port: 8090, sectionName: second}", "v2", path="/one"),
            to_all("added", ADDED, "granted", "other"),
            service("v1", "127.0.1.1"),
            service("v2", "127.0.1.2"),
            service("h2c", "127.0.1.3"),
            service("granted", "127.0.1.1", namespace="other"),
            service("kept", "127.0.1.1", namespace="other"),
            service("named", "127.0.1.4", port=9444),
            service("unnamed", "127.0.1.4", port=9444),
            tls_policy("named", "{type: Hostname, hostname: alt.internal}"),
            tls_policy("unnamed", "{type: Hostname, hostname: pay.internal.else}"),
        )
    )


@pytest.fixture(scope="module")
def mesh(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("files")
    files = {"mesh.yaml": mesh_text(), "root.yaml": authorities()}
    with running_mesh(tmp_path_factory.mktemp("mesh"), workload=EDGE, files=files) as running:
        for i, name in enumerate(("v1", "v2", "h2c"), start=1):
            running.upstreams.add(name, f"127.0.1.{i}", 9080)
        roots = folder / "clients.pem"
        roots.write_text(CLIENTS.pem)
        leaf = ROOT.leaf("alt.internal").files(folder, "pay")
        running.upstreams.add(
            "pay", "127.0.1.4", 9444, tls=server_tls(*leaf, client_roots=str(roots))
        )
        running.until_upstream("v1", "http://a.test:8080/exact")
        yield running


def asked(mesh: Mesh, path: str, **options: Any) -> Answer:
    return mesh.send(f"http://a.test:8080{path}", **options)


def headers_seen(answer: Answer) -> dict[str, str]:
    found = answer.seen["headers"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("method", "path", "backend"),
    [
        ("GET", "/exact", "v1"),
        ("GET", "/exact/", None),
        ("GET", "/prefix", "v2"),
        ("GET", "/prefix/more", "v2"),
        ("GET", "/prefixed", None),
        ("POST", "/matched", "v1"),
        ("GET", "/matched", None),
        ("GET", "/matched?a=whale", "v2"),
        ("GET", "/matched?A=whale", None),
        ("POST", "/matched?a=whale", "v1"),
    ],
)
def test_matches(mesh: Mesh, method: str, path: str, backend: str | None) -> None:
    answer = asked(mesh, path, method=method)

    assert (answer.status, answer.upstream) == (200 if backend else 404, backend)


@pytest.mark.parametrize(
    ("name", "status", "location"),
    [
        ("303", 303, "http://a.test:8080/redirect/303"),
        ("307", 307, "http://a.test:8080/redirect/307"),
        ("308", 308, "http://a.test:8080/redirect/308"),
        ("301", 301, "http://other.test:8080/redirect/301"),
        ("port", 302, "http://a.test:8083/redirect/port"),
        ("scheme", 302, "https://other.test/redirect/scheme"),
        ("path/rest?a=b", 302, "http://a.test:8080/new/rest?a=b"),
    ],
)
def test_redirects(mesh: Mesh, name: str, status: int, location: str) -> None:
    answer = asked(mesh, f"/redirect/{name}")

    assert (answer.status, answer.headers["location"]) == (status, location)


@pytest.mark.parametrize(
    ("path", "host", "rewritten_path"),
    [
        ("/host/a", "one.test", "/host/a"),
        ("/full/a?b=c", "a.test:8080", "/one?b=c"),
        ("/cut/a", "a.test:8080", "/a"),
        ("/cut", "a.test:8080", "/"),
    ],
)
def test_rewrites(mesh: Mesh, path: str, host: str, rewritten_path: str) -> None:
    answer = asked(mesh, path)

    assert (headers_seen(answer)["host"], answer.seen["path"]) == (host, rewritten_path)


def test_headers_of_requests_are_set_added_and_removed(mesh: Mesh) -> None:
    seen = headers_seen(
        asked(mesh, "/asked", headers={"X-Set": "old", "x-add": "one", "X-Remove": "gone"})
    )

    assert (seen["x-set"], seen["x-add"], "x-remove" in seen) == ("new", "one,more", False)


def test_headers_of_responses_are_set_added_and_removed(mesh: Mesh) -> None:
    headers = asked(mesh, "/answered").headers

    assert (headers["content-type"], headers["x-add"]) == ("text/set", "more")
    assert "content-length" not in headers


def test_a_backend_has_headers_of_its_own(mesh: Mesh) -> None:
    answers = [asked(mesh, "/each") for _ in range(40)]

    found = {(answer.upstream, headers_seen(answer)["x-to"]) for answer in answers}
    assert found == {("v1", "v1"), ("v2", "v2")}


def test_every_mirror_gets_the_request(mesh: Mesh) -> None:
    hits = {name: mesh.upstreams.by_name[name].hits for name in ("v2", "h2c")}

    assert asked(mesh, "/mirrored").upstream == "v1"

    eventually("both have it", lambda: all(each["/mirrored"] == 1 for each in hits.values()))


def test_a_mirror_gets_its_percentage(mesh: Mesh) -> None:
    answers = Counter(asked(mesh, "/half").upstream for _ in range(100))

    hits = mesh.upstreams.by_name["v2"].hits
    assert answers == {"v1": 100}
    eventually("half are there", lambda: 25 <= hits["/half"] <= 75)


@pytest.mark.parametrize("path", ["/limited/delay/2", "/tried/delay/2"])
def test_a_request_that_takes_too_long_is_answered_504(mesh: Mesh, path: str) -> None:
    assert asked(mesh, path).status == 504


@pytest.mark.parametrize(("status", "tries"), [(503, 3), (500, 1)])
def test_codes_that_are_listed_are_tried_again(mesh: Mesh, status: int, tries: int) -> None:
    path = f"/again/status/{status}"

    assert asked(mesh, path).status == status
    assert mesh.upstreams.by_name["v1"].hits[path] == tries


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("https://b.c.a.test", "https://b.c.a.test"), ("https://b.test", None)],
)
def test_origins_are_allowed(mesh: Mesh, origin: str, allowed: str | None) -> None:
    preflight = asked(
        mesh,
        "/cors",
        method="OPTIONS",
        headers={"origin": origin, "access-control-request-method": "PUT"},
    ).headers
    simple = asked(mesh, "/cors", headers={"origin": origin}).headers

    assert preflight.get("access-control-allow-origin") == allowed
    assert simple.get("access-control-allow-origin") == allowed
    if allowed:
        assert preflight["access-control-allow-methods"] == "PUT"
        assert preflight["access-control-max-age"] == "60"
        assert simple["access-control-allow-credentials"] == "true"
        assert simple["access-control-expose-headers"] == "x-seen"


@pytest.mark.parametrize(("path", "status"), [("/granted", 200), ("/kept", 500)])
def test_a_backend_of_another_namespace_must_be_granted(mesh: Mesh, path: str, status: int) -> None:
    assert asked(mesh, path).status == status


@pytest.mark.parametrize(("path", "status"), [("/named", 200), ("/unnamed", 503)])
def test_a_backend_must_have_one_of_the_alternative_names(
    mesh: Mesh, path: str, status: int
) -> None:
    assert asked(mesh, path).status == status


def test_a_backend_sees_the_certificate_of_the_gateway(mesh: Mesh) -> None:
    tls = asked(mesh, "/named").seen["tls"]

    assert isinstance(tls, dict)
    assert (tls["client"], tls["sni"]) == ("edge.client", "pay.internal")


@pytest.mark.parametrize(("host", "backend"), [("first.test", "v1"), ("second.test", "v2")])
def test_a_parent_is_a_port_or_a_listener_of_it(mesh: Mesh, host: str, backend: str) -> None:
    assert mesh.send(f"http://{host}:8090/").upstream == "v1"
    assert mesh.send(f"http://{host}:8090/one").upstream == backend


def test_a_listener_of_a_listener_set_has_routes_of_its_own(mesh: Mesh) -> None:
    assert mesh.send("http://a.test:8082/").upstream == "v1"
    assert mesh.send("http://a.test:8082/kept").status == 200


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
@pytest.mark.parametrize(("method", "word"), [("Get", "grpc"), ("Put", None)])
def test_calls_of_grpc(mesh: Mesh, method: str, word: str | None) -> None:
    command = [
        "curl",
        "-sSi",
        "--max-time",
        "10",
        "--http2-prior-knowledge",
        "-H",
        "host: calls.test",
    ]
    command += ["-H", "content-type: application/grpc", "-H", "te: trailers", "-X", "POST"]
    # No message: Envoy answers Put before it has read one, and curl may then lose the answer.
    url = f"http://{mesh.workload.address}:8080/shop.Cart/{method}"

    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)

    head, _, body = done.stdout.replace("\r", "").partition("\n\n")
    if word is None:
        assert "grpc-status: 12" in head
    else:
        assert json.loads(body)["headers"]["x-set"] == word


@pytest.mark.parametrize("name", ["exact-path", "carts"])
def test_a_rule_gives_the_route_its_name(mesh: Mesh, name: str) -> None:
    assert f'"{name}"' in json.dumps(mesh.gateway.config_dump())


def test_an_address_without_a_value_is_given(mesh: Mesh) -> None:
    def found() -> Any:
        answer = mesh.control_plane.admin("/api/v1/objects/gtw/apps/edge")
        return json.loads(answer.body)["objects"][0]["manifest"]["status"]

    eventually("it is programmed", lambda: bool(found().get("addresses")))
    assert [each["value"] for each in found()["addresses"]] == [mesh.workload.address]
    assert {c["type"]: c["status"] for c in found()["conditions"]}["Programmed"] == "True"


def test_a_backend_gets_nothing_while_its_authorities_are_gone(mesh: Mesh) -> None:
    assert asked(mesh, "/named").status == 200

    mesh.edited(lambda: mesh.delete("root.yaml"))
    hits = mesh.upstreams.hits("pay")
    without = [asked(mesh, "/named").status for _ in range(5)]
    gone = mesh.upstreams.hits("pay")
    mesh.edited(lambda: mesh.write("root.yaml", authorities()))

    assert (without, gone) == ([503] * 5, hits)
    mesh.until(lambda answer: answer.status == 200, "http://a.test:8080/named")
